"""What load runs must show, at the length of real use; `tests/load` shows the same in a second or two."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from echosounder.mock_server.net.process import RunningMock, spawn

pytestmark = pytest.mark.field
USERS = 40
KEY = {"DEEPSEEK_API_KEY": "sk-test-000000000"}


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    with spawn(seed=1, ttft_ms=200, itl_ms=20) as running:
        yield running


def load(mock: RunningMock, out: Path, *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "echosounder", "load", "streaming", mock.url, "--out", str(out), *options]
    return subprocess.Popen(command, env=os.environ | KEY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def journal(mock: RunningMock) -> list[Any]:
    entries = httpx.get(f"{mock.url}/__mock/journal").json()["entries"]
    return [entry for entry in entries if entry["path"] == "/chat/completions"]


@pytest.mark.parametrize("how", ["time is up", "Ctrl-C"])
def test_streams_of_twenty_seconds_stopped_after_ten_are_all_reported(
    mock: RunningMock, tmp_path: Path, how: str
) -> None:
    """Every stream that the server saw is in the report, with the tokens it had got by then."""
    duration = "10s" if how == "time is up" else "60s"
    begun = time.monotonic()
    given = ("--users", str(USERS), "--output-tokens", "1000", "--duration", duration, "--drain", "0s")
    with load(mock, tmp_path, *given) as process:
        if how == "Ctrl-C":
            time.sleep(11)
            process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    counts = report["counts"]
    assert time.monotonic() - begun < 30, said.decode()
    assert counts["in_flight"] == USERS, "every user was reading a stream"
    assert counts["sent"] == counts["in_flight"] + counts["completed"] == len(journal(mock))
    assert report["metrics"]["ttft_ms"]["count"] == counts["sent"]
    assert report["metrics"]["gap_ms"]["count"] > USERS * 350, "a gap each 20 ms, for some nine seconds"


def test_a_stall_of_two_seconds_is_seen_from_the_schedule(mock: RunningMock, tmp_path: Path) -> None:
    """Coordinated omission: nine users, so the plain figures see the stall nine times; from the schedule, everybody waits."""
    with load(mock, tmp_path, "--users", "9", "--rate", "20", "--output-tokens", "4", "--duration", "10s") as process:
        time.sleep(5)
        os.kill(mock.pid, signal.SIGSTOP)
        time.sleep(2)
        os.kill(mock.pid, signal.SIGCONT)
        said, _ = process.communicate(timeout=60)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    plain, due = report["metrics"]["ttft_ms"], report["metrics"]["ttft_from_schedule_ms"]
    assert plain["p50"] < 400, said.decode()
    assert 1900 < plain["max"] < 3000
    assert plain["p90"] < 1000 < due["p90"], "one in ten of the schedule fell into the stall or its wake"
