"""Whole runs: Locust in its own process, against the bundled mock and against servers that misbehave."""

import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from echosounder.load.engine import LoadResult, run
from echosounder.load.options import Options
from echosounder.load.worker.arrivals import poisson
from echosounder.load.worker.shape import parse
from echosounder.mock_server.net.process import RunningMock, spawn
from echosounder.reports.kinds import schema
from echosounder.wire.runlog import read

KEY = "sk-test-0123456789"


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with spawn(seed=1, ttft_ms=20, itl_ms=5) as running:
        yield running


def options(mock: RunningMock, out: Path) -> Options:
    return Options(url=mock.url, api_key=KEY, out=out, duration=1.0, drain=10.0, flush=0.2)


@pytest.fixture(scope="module")
def closed(mock: RunningMock, tmp_path_factory: pytest.TempPathFactory) -> LoadResult:
    """A closed-loop run of six users."""
    out = tmp_path_factory.mktemp("closed")
    slo = ("ttft_p50<2s", "failures<1%", "goodput>1/s")
    load = replace(options(mock, out), users="6", slo=slo, sample_every=3)
    for number in range(5):
        outcome = run(replace(load, out=out / str(number)))
        if outcome.report["measurement"]["verdict"] != "invalid":
            return outcome
    pytest.skip(f"the machine is too busy to measure: {outcome.report['measurement']['reasons']}")


def test_a_run_reports_everything(closed: LoadResult) -> None:
    report = closed.report
    jsonschema.validate(report, schema("load"))
    counts = report["counts"]
    assert closed.exit_code == 0, report["measurement"]
    assert counts["sent"] == counts["completed"] == counts["scheduled"] > 6
    assert report["ends"] == {"done": counts["sent"]}, "drained, though the time was up"
    assert all(slo["met"] for slo in report["slo"])
    assert 20 <= report["metrics"]["ttft_ms"]["p50"] < 60
    assert report["metrics"]["connect_ms"]["count"] == 6, "connections are kept"
    assert float(report["cost"]["usd"]) > 0


def test_the_log_holds_everything_and_no_secret(closed: LoadResult, breaches: Callable[[Path], list[Any]]) -> None:
    assert breaches(closed.log) == []
    log = read(closed.log).finished()
    assert len(log.samples) == closed.report["counts"]["sent"]
    assert {exchange.status for exchange in log.exchanges} == {200}
    assert all(exchange.streamed and exchange.data[-1] == "[DONE]" for exchange in log.exchanges)
    assert KEY not in closed.log.read_text(encoding="utf-8")


def test_the_stamps_agree_with_the_journal_of_the_server(closed: LoadResult, mock: RunningMock) -> None:
    """The server wrote down when it had written; both clocks are one."""
    entries = {entry["trace"]: entry for entry in httpx.get(mock.url + "/__mock/journal").json()["entries"]}
    errors = []
    for sample in read(closed.log).samples:
        entry = entries[sample["trace"]]
        assert sample["token_events"] == sum(entry["tokens"])
        first = next(at for at, tokens in zip(entry["written"], entry["tokens"], strict=True) if tokens)
        errors.append((sample["t_first_token"] - first) / 1e6)
    assert abs(statistics.median(errors)) < max(0.5, closed.report["client_error_ms"]["p99"]), "milliseconds"


def test_the_window_of_a_rate_ends_when_its_time_does(mock: RunningMock, tmp_path: Path) -> None:
    """Due at 0 and at 0.5 s, answered at once: two requests in a second are two a second, and not four."""
    outcome = run(replace(options(mock, tmp_path), rate="2"))
    assert outcome.report["duration_s"] == 1.0
    assert outcome.report["throughput"]["requests_per_s"] == 2.0


@pytest.mark.best_of(5)
def test_the_exchanges_that_are_kept_come_from_all_of_the_run(mock: RunningMock, tmp_path: Path) -> None:
    load = replace(options(mock, tmp_path), rate="100", sample_every=1, sample_limit=10)
    indices = [int(exchange.id.partition("-")[2]) for exchange in read(run(load).log).exchanges]
    assert 8 <= len(indices) <= 10
    assert max(indices) > 80
    assert len([index for index in indices if index < 50]) <= 7


def test_an_open_loop_run_keeps_its_schedule_and_leaves_the_warm_up_out(mock: RunningMock, tmp_path: Path) -> None:
    load = replace(options(mock, tmp_path), rate="40", arrival="poisson", warmup=0.5, scenario="mixed")
    outcome = run(load)
    records = [json.loads(line) for line in outcome.log.read_text(encoding="utf-8").splitlines()]
    begin = next(record["begin"] for record in records if record["kind"] == "worker")
    due = list(poisson(parse("40", 1.5), load.seed))
    samples = read(outcome.log).samples
    first = [sample for sample in samples if sample.get("turn", 1) == 1 and "/" not in sample.get("session", "")]
    assert sorted(sample["t_scheduled"] - begin for sample in first) == due, (
        "a session's other requests follow its answers"
    )
    counts = outcome.report["counts"]
    assert counts["completed"] == counts["scheduled"] == sum(sample["phase"] == "measured" for sample in samples)
    assert counts["warm_up"] == sum(sample["phase"] == "warm-up" for sample in samples) >= sum(at < 0.5e9 for at in due)
    assert outcome.report["metrics"]["e2e_ms"]["count"] == counts["completed"]
