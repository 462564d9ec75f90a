"""Peak hours that begin within a run, end to end: the mock and the client are processes whose clock is moved to just before."""

import json
import struct
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from echosounder.mock_server.net.process import spawn

ANYWHERE = Path(__file__).parents[2] / "anywhere"
BEFORE = 8.0  # s: of them the start of the client, some requests, and the 5 s in which nothing is sent
TURNS = {"tuesday": "2026-12-01T01:00:00+00:00", "end-of-peak": "2026-12-01T04:00:00+00:00"}


@pytest.fixture
def clock(tmp_path, monkeypatch):
    """Moves the clocks of all processes below to so many seconds before an instant."""
    path = tmp_path / "shift"
    path.write_bytes(struct.pack("d", 0.0))
    monkeypatch.setenv("ECHOSOUNDER_INSTANT_SHIFT", str(path))
    monkeypatch.setenv("PYTHONPATH", str(ANYWHERE))
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-test-0123456789")

    def move(instant: str, before: float) -> None:
        with path.open("r+b") as file:
            file.write(struct.pack("d", datetime.fromisoformat(instant).timestamp() - before - time.time()))

    return move


@pytest.mark.field
@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize(
    ("deviate", "code", "causes"), [((), 0, set()), (("bill-wrong-window",), 1, {"wrong-price-window"})]
)
def test_a_turn_of_price_within_a_run(deviate, code, causes, turn, clock, tmp_path):
    clock(TURNS[turn], BEFORE)
    with spawn(deviate=deviate, ttft_ms=40.0) as mock:
        command = [sys.executable, "-m", "echosounder", "load", "cache-pricing", mock.url, "--out", str(tmp_path)]
        clock(TURNS[turn], BEFORE)
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=120)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (done.returncode, {each["name"] for each in report["cost"]["causes"]}) == (code, causes), done.stdout
    assert len(_hours(tmp_path / "run.jsonl")) == 2


def _hours(log: Path) -> set[int]:
    """Hours of the day in which requests were sent."""
    records = list(map(json.loads, log.read_text(encoding="utf-8").splitlines()))
    offset = next(each["wall_offset"] for each in records if each["kind"] == "worker")
    sent = [each["t_sent"] for each in records if each["kind"] == "sample"]
    return {(at + offset) // 3_600_000_000_000 % 24 for at in sent}
