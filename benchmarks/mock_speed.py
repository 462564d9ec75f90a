"""How fast the mock is, beside two servers of the same output. Server on core 0, client on core 1; medians of five.

    python benchmarks/mock_speed.py            # everything, about four minutes
    python benchmarks/mock_speed.py short      # one part: short, paced, memory, start

Peers that are not installed (``make peers``) are left out, and the output says so: ``.field/starlette`` and ``.field/aimock``.
"""

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection, create_server
from typing import Any

import psutil

from echosounder.mock_server.net.process import spawn

HERE = Path(__file__).parent
ROOT = HERE.parent
SERVER_CORE, CLIENT_CORE = "0", "1"
RUNS = 5
STREAMS, TOKENS, TTFT_MS, ITL_MS = 1024, 150, 1000.0, 20.0  # within the first second all streams are opened


@dataclass(frozen=True)
class Target:
    """A server under test. ``pid`` has all its CPU time."""

    name: str
    url: str
    pid: int
    first_waits: bool = True  # it knows a time to the first token; else every chunk waits alike

    @property
    def nominal_s(self) -> float:
        """How long a paced stream should take."""
        return (TTFT_MS + ITL_MS * TOKENS if self.first_waits else ITL_MS * (TOKENS + 2)) / 1000

    @property
    def interruptions(self) -> int:
        """How often the system took the core away from it."""
        return int(psutil.Process(self.pid).num_ctx_switches().involuntary)

    @property
    def cpu(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)


def pin(pid: int) -> None:
    psutil.Process(pid).cpu_affinity([int(SERVER_CORE)])


@contextmanager
def ours(ttft_ms: float, itl_ms: float) -> Iterator[Target]:
    with spawn(ttft_ms=ttft_ms, itl_ms=itl_ms, limit=("none",)) as running:
        pin(running.pid)
        yield Target("mock", running.url, running.pid)


@contextmanager
def starlette(ttft_ms: float, itl_ms: float) -> Iterator[Target]:
    port, python = free_port(), ROOT / ".field/starlette/bin/python"
    command = [
        str(python),
        "-m",
        "uvicorn",
        "--app-dir",
        str(HERE),
        "--port",
        str(port),
        "--log-level",
        "error",
        "mock_starlette:app",
    ]
    with served(command, port, TTFT_MS=str(ttft_ms), ITL_MS=str(itl_ms)) as pid:
        yield Target("uvicorn + Starlette", f"http://127.0.0.1:{port}", pid)


@contextmanager
def aimock(ttft_ms: float, itl_ms: float) -> Iterator[Target]:
    """It has one latency for every chunk; what is asked is ignored, the fixture's 16 or 150 pieces of five characters come."""
    port, home = free_port(), ROOT / ".field/aimock"
    content = " word" * (150 if itl_ms else 16)
    fixture = home / "fixture.json"
    fixture.write_text(
        json.dumps({"fixtures": [{"match": {"userMessage": "Write"}, "response": {"content": content}}]}),
        encoding="utf-8",
    )
    program = home / "node_modules/@copilotkit/aimock/dist/cli.js"
    command = [
        "node",
        str(program),
        "-p",
        str(port),
        "-f",
        str(fixture),
        "-c",
        "5",
        "-l",
        str(round(itl_ms)),
        "--log-level",
        "silent",
    ]
    with served(command, port) as pid:
        yield Target("aimock", f"http://127.0.0.1:{port}/v1", pid, first_waits=False)


@contextmanager
def served(command: list[str], port: int, **environment: str) -> Iterator[int]:
    with subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(port)
            pin(process.pid)
            yield process.pid
        finally:
            process.terminate()


def free_port() -> int:
    with create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing listens on port {port}")


def traffic(url: str, *options: str) -> dict[str, float]:
    command = ["taskset", "-c", CLIENT_CORE, sys.executable, str(HERE / "mock_traffic.py"), url, *options]
    made: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout
    )
    return made


def entries(target: Target, count: int) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{target.url}/__mock/journal") as answer:
        found: list[dict[str, Any]] = json.loads(answer.read())["entries"][-count:]
    return found


# --- parts


def short(target: Target) -> dict[str, float]:
    """64 connections ask for 16 tokens again and again, unpaced, for three seconds: the same prompt, then each one its own."""
    result = {}
    for name, options in (("same prompt", ()), ("own prompts", ("--distinct",))):
        before = target.cpu
        made = traffic(target.url, "--connections", "64", "--tokens", "16", "--seconds", "3", *options)
        result[f"streams/s, {name}"] = made["answers"] / made["seconds"]
        result[f"per CPU second, {name}"] = made["answers"] / (target.cpu - before)
    return result


def paced(target: Target) -> dict[str, float]:
    """1,024 streams of 150 tokens at 20 ms at once: 51,200 chunks a second are asked for."""
    before, interrupted = target.cpu, target.interruptions
    made = traffic(target.url, "--connections", str(STREAMS), "--tokens", str(TOKENS), "--once")
    spent = target.cpu - before
    events = made["answers"] * (TOKENS + 3)
    result = {
        "chunks/s": events / (made["seconds"] - target.first_waits * TTFT_MS / 1000),
        "chunks per CPU second": events / spent,
        "late at the end, ms": (made["seconds"] - target.nominal_s) * 1000,
        "events per read": events / made["reads"],
        "core taken away": target.interruptions - interrupted,
    }
    if target.name == "mock":
        late = sorted(
            (written - due) / 1e6
            for entry in entries(target, STREAMS)
            for written, due in zip(entry["written"], entry["due"], strict=True)
        )
        result |= {
            "write p50 late, ms": late[len(late) // 2],
            "write p99 late, ms": late[len(late) * 99 // 100],
            "write max late, ms": late[-1],
        }
    return result


def memory() -> Iterator[str]:
    """Resident memory while 100,000 short streams are served."""
    with ours(0, 0) as target:
        done = 0
        for goal in (1_000, 10_000, 25_000, 50_000, 100_000):
            traffic(
                target.url, "--connections", "64", "--tokens", "16", "--seconds", "600", "--limit", str(goal - done)
            )
            done = goal
            yield f"| {goal:,} | {psutil.Process(target.pid).memory_info().rss / 1e6:.1f} |"


def start() -> float:
    begin = time.perf_counter()
    with spawn():
        return (time.perf_counter() - begin) * 1000


# --- output


def compare(part: Callable[[Target], dict[str, float]], ttft_ms: float, itl_ms: float) -> Iterator[str]:
    """A table of medians, one row per server; the runs of the servers take turns. Below it each run of the mock by itself."""
    with ExitStack() as stack:
        targets = [stack.enter_context(make(ttft_ms, itl_ms)) for make in installed()]
        runs: dict[str, list[dict[str, float]]] = {target.name: [] for target in targets}
        for _ in range(RUNS):
            for target in targets:
                runs[target.name].append(part(target))
    columns = list(max((made[0] for made in runs.values()), key=len))
    yield f"| server | {' | '.join(columns)} |"
    yield "|---|" + "---:|" * len(columns)
    for name, made in runs.items():
        cells = [
            f"{statistics.median(run[column] for run in made):,.2f}" if column in made[0] else "–" for column in columns
        ]
        yield f"| {name} | {' | '.join(cells)} |"
    for column in columns:
        yield f"mock, {column}: {', '.join(f'{run[column]:,.2f}' for run in runs['mock'])}"


def installed() -> list[Callable[[float, float], Any]]:
    found: list[Callable[[float, float], Any]] = [ours]
    for peer, home in ((starlette, ROOT / ".field/starlette"), (aimock, ROOT / ".field/aimock/node_modules")):
        if home.exists():
            found.append(peer)
        else:
            print(f"({peer.__name__} is not installed: left out)")
    return found


def main() -> None:
    parts = sys.argv[1:] or ["start", "short", "paced", "memory"]
    print(f"load average {os.getloadavg()[0]:.2f}, Python {sys.version.split()[0]}")
    if "start" in parts:
        print(f"\nstart to listening, median of {RUNS}: {statistics.median(start() for _ in range(RUNS)):.0f} ms")
    if "short" in parts:
        print("\nshort streams\n", *compare(short, 0, 0), sep="\n")
    if "paced" in parts:
        print("\npaced streams\n", *compare(paced, TTFT_MS, ITL_MS), sep="\n")
    if "memory" in parts:
        print("\n| requests | resident, MB |\n|---:|---:|", *memory(), sep="\n")


if __name__ == "__main__":
    main()
