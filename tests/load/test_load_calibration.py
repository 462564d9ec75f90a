"""The measurement of the measurement."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from echosounder.load.calibrate import calibrate, journal
from echosounder.load.calibration import Calibration, Cell, machine, saved
from echosounder.load.figures.analysis import report
from echosounder.load.figures.tally import Tally
from echosounder.load.options import Options
from echosounder.mock_server.net.process import spawn
from echosounder.wire.errors import CannotJudge


@contextmanager
def serve(itl_ms: float) -> Iterator[str]:
    with spawn(itl_ms=itl_ms, ttft_ms=50) as running:
        yield running.url


def cell(streams: int, rate: float, gap: float) -> Cell:
    return Cell(streams, rate, 100, 0.01, gap, 0.01, gap, 0.1, 0.2, "kernel", 0.1, 0.0)


@pytest.mark.best_of(5)
def test_the_client_is_held_against_the_journal(tmp_path: Path) -> None:
    options = Options(url="http://x", api_key="sk-test-000000000", out=tmp_path, flush=0.2)
    made = calibrate(serve, options, streams=(8,), rates=(20.0,), seconds=1.0)
    (found,) = made.cells
    assert found.requests >= 8
    assert found.ttft_p50 < 1.0, "milliseconds; a wrong clock or a wrong event would be tens"
    assert found.gap_p50 < 1.0
    path = made.save(tmp_path / "calibration.json")
    assert saved(path) == made


def test_a_server_without_a_journal_cannot_calibrate(tmp_path: Path, scripted: Any) -> None:
    server = scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    with pytest.raises(CannotJudge, match="has no journal"):
        list(journal(Options(url=server.url, out=tmp_path)))


GRID = Calibration(
    machine(),
    "2026-01-01",
    (cell(16, 10, 0.1), cell(64, 10, 0.5), cell(256, 10, 4.0), cell(16, 50, 0.2), cell(64, 50, 9.0)),
)


def test_the_frontier_is_the_most_that_stays_within_the_limit() -> None:
    assert GRID.frontier(1.0) == {10: 64, 50: 16}
    assert GRID.frontier(5.0) == {10: 256, 50: 16}
    assert GRID.frontier(0.15) == {10: 16, 50: None}


@pytest.mark.parametrize(
    ("streams", "rate", "expected"),
    [(1, 1, (16, 10)), (16, 10.2, (16, 10)), (17, 10, (64, 10)), (10, 40, (16, 50)), (65, 50, None), (300, 1, None)],
)
def test_a_run_cites_the_least_cell_that_demands_as_much(
    streams: int, rate: float, expected: tuple[int, float] | None
) -> None:
    found = GRID.nearest(streams, rate)
    assert (None if found is None else (found.streams, found.rate)) == expected


def test_reports_cite_the_calibration_and_are_judged_by_it() -> None:
    tally = Tally()
    tick = {"kind": "tick", "worker": 0, "at": 1, "in_flight": 60, "cpu": 0.1, "kernel": 9, "user": 0}
    tally.enter([{**tick, "lag_us": {}, "delay_us": {"700": 9}, **_COUNTS}])
    tally.histograms["gap"].add([20_000] * 50)
    options = Options(url="http://x", users="60")
    made = report(options, tally, "", calibration=GRID)
    assert made["client_error_ms"]["p99"] == 9.0
    assert made["measurement"]["verdict"] == "degraded"
    without = report(options, tally, "")
    assert without["client_error_ms"]["p99"] == pytest.approx(0.7, rel=0.01)
    assert "upper bound" in without["client_error_ms"]["source"]


_COUNTS = {"scheduled": 0, "skipped": 0, "unsent": 0}


def test_a_calibration_of_another_machine_is_none(tmp_path: Path) -> None:
    path = replace(GRID, machine="another").save(tmp_path / "calibration.json")
    assert saved(path) is None
    path.write_text("{", encoding="utf-8")
    assert saved(path) is None
    assert saved(tmp_path / "missing") is None
