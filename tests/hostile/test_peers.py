"""A distributed run: who may join, what a worker does for its master, and what a master believes of a worker."""

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq

from echosounder.load.demands import checked, placed
from echosounder.load.engine import run
from echosounder.load.options import Options, secrets, told, whole
from echosounder.load.worker.channel import key_pairs, lock
from echosounder.load.worker.inbox import Inbox
from echosounder.mock_server.net.process import spawn
from echosounder.wire.errors import UsageError

SECRET = "a secret of this run alone"
KEY = "sk-test-hidden-0123456789"


def sockets(secret: str | None) -> type:
    """Sockets as Locust opens them, locked with *secret*."""

    class Opened:
        def __init__(self, kind: int, ipv4_only: bool) -> None:
            self.socket = zmq.Context.instance().socket(kind)
            self.socket.linger = 0

    if secret is not None:
        lock(Opened, secret)
    return Opened


@pytest.mark.parametrize(("secret", "joins"), [(SECRET, True), ("another secret of a run", False), (None, False)])
def test_nobody_joins_a_master_without_the_secret(secret: str | None, joins: bool) -> None:
    master, worker = sockets(SECRET)(zmq.ROUTER, True).socket, sockets(secret)(zmq.DEALER, True).socket
    with master, worker:
        port = master.bind_to_random_port("tcp://127.0.0.1")
        worker.connect(f"tcp://127.0.0.1:{port}")
        worker.send(b"here")
        assert bool(master.poll(2000 if joins else 300)) is joins


@pytest.mark.parametrize(("secret", "answers"), [(SECRET, True), ("another secret of a run", False), (None, False)])
def test_no_worker_listens_to_a_master_without_the_secret(secret: str | None, answers: bool) -> None:
    master, worker = sockets(secret)(zmq.ROUTER, True).socket, sockets(SECRET)(zmq.DEALER, True).socket
    with master, worker:
        worker.identity = b"w"
        port = master.bind_to_random_port("tcp://127.0.0.1")
        worker.connect(f"tcp://127.0.0.1:{port}")
        worker.send(b"here")
        if master.poll(2000 if answers else 300):
            master.send_multipart([b"w", b"load this"])
        assert bool(worker.poll(2000 if answers else 300)) is answers


@pytest.mark.parametrize("secret", [None, "", "too short"])
def test_a_master_and_a_worker_without_a_secret_do_not_begin(secret: str | None, tmp_path: Path) -> None:
    for change in ({"master": "5557", "expect_workers": 1}, {"worker": "127.0.0.1:1"}):
        with pytest.raises(UsageError, match="ECHOSOUNDER_RUN_SECRET"):
            run(replace(Options(url="http://x", run_secret=secret, out=tmp_path), **change))
    assert checked(Options(url="http://x", master="5557", expect_workers=1)).master == "127.0.0.1:5557"


def test_a_secret_makes_the_same_keys_everywhere_and_another_one_others() -> None:
    assert key_pairs(SECRET) == key_pairs(SECRET)
    assert not {*key_pairs(SECRET)} & {*key_pairs(SECRET + " ")}


HERE = Options(url="http://target/v1", worker="127.0.0.1:1", run_secret=SECRET, api_key=KEY, out=Path("here"))
ASKED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"url": "http://evil.example/v1"}, {}, "was started for http://target/v1"),
    ({"url": "http://target/v2"}, {}, "was started for"),
    ({"url": "http://target.evil.example/v1"}, {}, "was started for"),
    ({"prompts": Path("/etc/passwd")}, {}, "--prompts"),
    ({"trace": Path("/etc/passwd")}, {}, "--trace"),
    ({"scenario": "/etc/passwd.yaml"}, {}, "scenario"),
    ({"processes": 0}, {}, "--processes"),
]


@pytest.mark.parametrize(("asked", "here", "says"), ASKED)
def test_a_worker_takes_no_target_and_no_file_that_it_was_not_started_with(
    asked: dict[str, Any], here: dict[str, Any], says: str
) -> None:
    master = whole(told(replace(HERE, worker=None, master="127.0.0.1:1", users="2", expect_workers=1, **asked)))
    with pytest.raises(UsageError, match=says):
        placed(master, replace(HERE, **here))


def test_what_a_worker_takes_from_its_master_and_what_is_its_own(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine.txt", Path("/elsewhere/theirs.txt")
    mine.write_text("a prompt\n", encoding="utf-8")
    master = replace(
        HERE,
        worker=None,
        master="h:1",
        users="7",
        expect_workers=1,
        prompts=theirs,
        beta_url="http://evil.example",
        web=80,
    )
    found = placed(whole(told(master)), replace(HERE, prompts=mine))
    assert (found.users, found.prompts, found.beta_url, found.web, found.out) == ("7", mine, None, None, HERE.out)
    assert (found.api_key, found.run_secret) == (KEY, SECRET)


GOOD = {
    "kind": "tick",
    "worker": 3,
    "at": 5,
    "cpu": 0.1,
    "lag_us": {},
    "delay_us": {},
    "kernel": 0,
    "user": 0,
    "in_flight": 0,
}
LINES = {
    b"": 0,
    b"no JSON\n": 1,
    b"\xff\xfe\n": 1,
    b"[]\n": 1,
    b"null\n": 1,
    b'{"kind":"sample"\n': 1,
    b'{"kind":"sample","id":"4-1"}\n': 1,
    json.dumps(GOOD | {"worker": 4}).encode() + b"\n": 1,
    json.dumps(GOOD | {"cpu": "much"}).encode() + b"\n": 1,
    json.dumps(GOOD | {"lag_us": {"x": 1}}).encode() + b"\n": 1,
    b'{"kind":"footer"}\n': 1,
    b"[" * 100_000 + b"\n": 1,
    b'{"kind":"tick","wor': 1,
}


@pytest.mark.parametrize(("data", "refused"), LINES.items(), ids=lambda value: repr(value)[:40])
def test_malformed_lines_break_nothing_and_get_nowhere(data: bytes, refused: int) -> None:
    inbox, good = Inbox(3), json.dumps(GOOD).encode() + b"\n"
    assert inbox.take(good + data) == good
    assert inbox.refused == refused
    for other in (None, 5, "text", {"lines": b""}):
        assert inbox.take(other) == b""


def environments(folder: Path) -> list[bytes]:
    """The environments and arguments of all processes that belong to a run in *folder*."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment, arguments = (process / "environ").read_bytes(), (process / "cmdline").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in environment or b"--while-stdin" in arguments:
            found += [environment, arguments]
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks at processes where Linux shows them")
def test_children_know_no_secret_and_settings_of_a_folder_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locust's settings lie about in the folder and at home, a module of a hostile folder too; the run takes as long as it was told."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "locust.conf").write_text("run-time = 1s\nusers = 50\nheadless = false\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text('[tool.locust]\nrun-time = "1s"\n', encoding="utf-8")
    (folder / ".locust.conf").write_text("run-time = 1s\n", encoding="utf-8")
    (folder / "gevent.py").write_text("raise SystemExit(7)\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    for name, value in {
        "HOME": str(folder),
        "LOCUST_RUN_TIME": "1s",
        "DEEPSEEK_API_KEY": KEY,
        "MINE": KEY,
    }.items():
        monkeypatch.setenv(name, value)
    seen: list[bytes] = []
    with spawn(ttft_ms=1, itl_ms=0, keyless=True) as mock:
        options = Options(
            url=mock.url, users="1", duration=3.0, processes=2, out=tmp_path / "out", flush=0.2, api_key=KEY
        )
        begun = time.monotonic()
        outcome = run(replace(options, users="2"), lambda step: seen.extend(environments(tmp_path / "out")))
    assert time.monotonic() - begun > 3.0
    assert outcome.report["duration_s"] == pytest.approx(3.0, abs=0.5)
    assert outcome.exit_code in {0, 4}
    assert len(seen) > 4
    assert not [one for one in seen if KEY.encode() in one or SECRET.encode() in one]
    assert KEY in secrets(options)
    assert KEY in os.environ["DEEPSEEK_API_KEY"], "the user's own environment is nobody's business"
