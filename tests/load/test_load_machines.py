"""Several machines: network namespaces with links of their own, whose clocks differ; the mock's journal says what was really sent.

Where the kernel has netem, the links have a delay and lose packets.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from echosounder.wire.runlog import read

pytestmark = pytest.mark.field
ADDRESS = "10.90.0.1"  # of the master and the mock, on every link
ENVIRONMENT = os.environ | {
    "ECHOSOUNDER_RUN_SECRET": "a secret of this run alone",
    "DEEPSEEK_API_KEY": "sk-any-key-will-do",
}
NETEM = ("delay", "20ms", "5ms", "loss", "1%")


class Machines:
    """Namespaces ``m`` (master and mock), ``w1`` and ``w2``; ``delayed``: whether the links have netem."""

    def __init__(self) -> None:
        self.names = {short: f"echo{os.getpid()}{short}" for short in ("m", "w1", "w2")}
        self.delayed = True
        self.children: list[subprocess.Popen[bytes]] = []

    def build(self) -> None:
        for short in self.names:
            ip("netns", "add", self.names[short])
            self.ip("m" if short == "m" else short, "link", "set", "lo", "up")
        self.ip("m", "addr", "add", f"{ADDRESS}/32", "dev", "lo")
        for number in (1, 2):
            mine, its = f"10.90.{number}.1", f"10.90.{number}.2"
            self.ip(
                "m",
                "link",
                "add",
                f"to{number}",
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                self.names[f"w{number}"],
            )
            self.ip("m", "addr", "add", f"{mine}/30", "dev", f"to{number}")
            self.ip("m", "link", "set", f"to{number}", "up")
            self.ip(f"w{number}", "addr", "add", f"{its}/30", "dev", "eth0")
            self.ip(f"w{number}", "link", "set", "eth0", "up")
            self.ip(f"w{number}", "route", "add", "default", "via", mine)
            shaped = self.run("m", "tc", "qdisc", "add", "dev", f"to{number}", "root", "netem", *NETEM)
            self.delayed = self.delayed and shaped.returncode == 0

    def ip(self, short: str, *words: str) -> None:
        ip("-n", self.names[short], *words)

    def run(self, short: str, *words: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(["ip", "netns", "exec", self.names[short], *words], capture_output=True, check=False)

    def start(self, short: str, *words: str, later: int = 0) -> "subprocess.Popen[bytes]":
        """Echosounder on a machine whose monotonic clock is *later* by so many seconds."""
        moved = ("unshare", "--time", "--monotonic", str(later), "--boottime", str(later), "--fork") if later else ()
        command = ["ip", "netns", "exec", self.names[short], *moved, sys.executable, "-m", "echosounder", *words]
        made = subprocess.Popen(
            command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        self.children.append(made)
        return made

    def journal(self) -> list[dict[str, Any]]:
        code = f"import httpx; print(httpx.get('http://{ADDRESS}:8000/__mock/journal', headers={{'Host': '127.0.0.1'}}).text)"
        entries: list[dict[str, Any]] = json.loads(self.run("m", sys.executable, "-c", code).stdout)["entries"]
        return [entry for entry in entries if entry["path"].endswith("/chat/completions")]

    def take_down(self) -> None:
        for child in self.children:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=True)


@pytest.fixture
def machines() -> Iterator[Machines]:
    if os.geteuid() != 0 or not (shutil.which("ip") and shutil.which("tc") and shutil.which("unshare")):
        pytest.skip("namespaces need root, ip, tc and unshare")
    made = Machines()
    try:
        try:
            made.build()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this kernel gives no namespaces: {error.stderr.decode().strip()}")
        made.start(
            "m", "mock", "--host", ADDRESS, "--control", "any", "--port", "8000", "--ttft", "40ms", "--itl", "2ms"
        )
        until = time.monotonic() + 20
        while not _answers(made) and time.monotonic() < until:
            time.sleep(0.2)
        yield made
    finally:
        made.take_down()


def _answers(machines: Machines) -> bool:
    try:
        return machines.journal() == []
    except ValueError:
        return False


@pytest.fixture
def load(machines: Machines, tmp_path: Path) -> Callable[..., Any]:
    """``load(name, *words)`` starts a master (``m``) or a worker (``w1``, ``w2``)."""

    def start(short: str, *words: str, later: int = 0) -> "subprocess.Popen[bytes]":
        place = ("--master", "--expect-workers", "2") if short == "m" else ("--worker",)
        told = (place[0], f"{ADDRESS}:5557", *place[1:], *words, "--out", str(tmp_path / short))
        return machines.start(short, "load", "streaming", f"http://{ADDRESS}:8000", *told, later=later)

    return start


def report(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


def traces(folder: Path) -> set[str]:
    return {sample["trace"] for sample in read(folder / "run.jsonl").samples if sample.get("trace")}


def ended(process: "subprocess.Popen[bytes]", seconds: float) -> int:
    process.communicate(timeout=seconds)
    return process.returncode


def test_clocks_differ_and_a_worker_comes_late(machines: Machines, load: Callable[..., Any], tmp_path: Path) -> None:
    """The second clock is 5,000 s ahead: its samples are on the first one's all the same, at the times that the schedule gives."""
    master = load("m", "--rate", "40", "--duration", "3s")
    workers = [load("w1")]
    time.sleep(3)
    workers.append(load("w2", later=5000))
    assert {ended(process, 60) for process in (master, *workers)} <= {0, 4}, (
        "4: a busy machine measures badly, but counts right"
    )
    found = report(tmp_path / "m")
    assert found["workers"] == 2
    assert found["counts"]["completed"] == found["counts"]["scheduled"] == 120
    assert traces(tmp_path / "m") == {entry["trace"] for entry in machines.journal()}
    assert traces(tmp_path / "w1") | traces(tmp_path / "w2") == traces(tmp_path / "m")
    assert traces(tmp_path / "w1") & traces(tmp_path / "w2") == set()
    samples = sorted(read(tmp_path / "m" / "run.jsonl").samples, key=lambda sample: int(sample["id"].partition("-")[2]))
    due = [sample["t_scheduled"] for sample in samples]
    spread = max(abs((at - due[0]) / 1e9 - index / 40) for index, at in enumerate(due))
    assert spread < 1.0, "both began when they were told, not 5,000 s apart"
    by_trace = {entry["trace"]: entry for entry in machines.journal()}
    for sample in samples:
        if sample["id"].startswith("1-"):  # on the clock of worker 0, which is the mock's
            assert abs(sample["t_first_token"] - by_trace[sample["trace"]]["written"][0]) < 2e9


def test_a_partition_heals(machines: Machines, load: Callable[..., Any], tmp_path: Path) -> None:
    """Two seconds without a link: what was on its way comes late, and nothing is lost or counted twice."""
    master = load("m", "--rate", "20", "--duration", "6s")
    workers = [load("w1"), load("w2")]
    while not machines.journal():
        time.sleep(0.2)
    time.sleep(1)
    machines.ip("m", "link", "set", "to1", "down")
    time.sleep(2)
    machines.ip("m", "link", "set", "to1", "up")
    ended(master, 60)
    for worker in workers:
        ended(worker, 60)
    found = report(tmp_path / "m")
    assert found["counts"]["sent"] == found["counts"]["scheduled"] == 120
    answered = {entry["trace"] for entry in machines.journal()}
    assert traces(tmp_path / "m") == answered
    assert traces(tmp_path / "w1") | traces(tmp_path / "w2") == answered
    assert found["metrics"]["e2e_ms"]["max"] > 500, "the figures show the partition"


def test_workers_keep_what_they_measured_when_their_master_dies(
    machines: Machines, load: Callable[..., Any], tmp_path: Path
) -> None:
    master = load("m", "--rate", "20", "--duration", "8s")
    workers = [load("w1"), load("w2")]
    while len(machines.journal()) < 40:
        time.sleep(0.2)
    os.killpg(master.pid, signal.SIGKILL)
    for worker in workers:
        ended(worker, 120)
    kept = traces(tmp_path / "w1") | traces(tmp_path / "w2")
    assert len(kept) >= 40
    assert kept == {entry["trace"] for entry in machines.journal()}
