"""Whole runs: Locust in its own process, against the bundled mock and against servers that misbehave."""

import json
import statistics
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import jsonschema
import pytest

from load.arrivals import poisson
from load.engine import run
from load.options import Options
from load.shape import parse
from mock_server.process import Running, spawn
from reports.kinds import schema
from wire.runlog import read

KEY = "sk-test-0123456789"


@pytest.fixture(scope="module")
def mock() -> Iterator[Running]:
    with spawn(seed=1, ttft_ms=20, itl_ms=5) as running:
        yield running


@pytest.fixture
def options(mock: Running, tmp_path: Path) -> Options:
    return Options(url=mock.url, api_key=KEY, out=tmp_path / "run", duration=1.0, drain=10.0, flush=0.2)


def test_a_closed_loop_run_reports_everything(options: Options) -> None:
    outcome = run(replace(options, users="6", slo=("ttft_p95<2s", "failures<1%", "goodput>1/s"), sample_every=3))
    report = outcome.report
    jsonschema.validate(report, schema("load"))
    counts = report["counts"]
    assert outcome.exit_code == 0, report["measurement"]
    assert counts["sent"] == counts["completed"] == counts["scheduled"] > 6
    assert report["ends"] == {"done": counts["sent"]}
    assert all(slo["met"] for slo in report["slo"])
    assert 20 <= report["metrics"]["ttft_ms"]["p50"] < 60
    assert report["metrics"]["connect_ms"]["count"] == 6, "connections are kept"
    assert float(report["cost"]["usd"]) > 0
    log = read(outcome.log).finished()
    assert len(log.samples) == counts["sent"]
    assert {exchange.status for exchange in log.exchanges} == {200}
    assert KEY not in outcome.log.read_text()


def test_an_open_loop_run_keeps_its_schedule(options: Options) -> None:
    outcome = run(replace(options, rate="40", arrival="poisson", duration=1.5, scenario="mixed"))
    log = read(outcome.log)
    begin = json.loads(next(line for line in outcome.log.read_text().splitlines() if '"kind":"worker"' in line))[
        "begin"
    ]
    due = list(poisson(parse("40", 1.5), 0))
    assert sorted(sample["t_scheduled"] - begin for sample in log.samples) == due
    assert outcome.report["counts"]["completed"] == len(due)
    assert outcome.report["metrics"]["dispatch_delay_ms"]["p50"] < 5


def test_the_stamps_agree_with_the_journal_of_the_server(options: Options, mock: Running) -> None:
    """The server wrote down when it had written; both clocks are one."""
    outcome = run(replace(options, users="4"))
    entries = {entry["trace"]: entry for entry in httpx.get(mock.url + "/__mock/journal").json()["entries"]}
    errors = []
    for sample in read(outcome.log).samples:
        entry = entries[sample["trace"]]
        assert sample["token_events"] == sum(entry["tokens"])
        first = next(at for at, tokens in zip(entry["written"], entry["tokens"], strict=True) if tokens)
        errors.append((sample["t_first_token"] - first) / 1e6)
    assert abs(statistics.median(errors)) < 0.5, "milliseconds"
