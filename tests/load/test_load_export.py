"""The samples of a run as a table for other tools."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from echosounder.load.engine import run
from echosounder.load.export import COLUMNS, export
from echosounder.load.options import Options
from echosounder.mock_server.net.process import RunningMock, spawn
from echosounder.wire.errors import UsageError
from echosounder.wire.runlog import read


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with spawn(ttft_ms=30, itl_ms=5) as running:
        yield running


@pytest.fixture(scope="module")
def log(mock: RunningMock, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("log")
    options = Options(url=mock.url, out=out, users="2", duration=0.5, flush=0.2, api_key="sk-test-000000000")
    return run(replace(options, scenario="mixed")).log


def test_samples_as_a_table(log: Path, tmp_path: Path) -> None:
    count = export(log, tmp_path / "samples.csv")
    with (tmp_path / "samples.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    samples = read(log).samples
    assert len(rows) == len(samples) == count > 0
    assert tuple(rows[0]) == COLUMNS
    for row, sample in zip(rows, samples, strict=True):
        assert int(row["t_scheduled"]) == sample["t_scheduled"]
        assert [int(gap) for gap in row["gaps_us"].split()] == sample.get("gaps_us", [])
        assert int(row["usage_prompt"]) == sample["usage"]["prompt"]


def test_samples_as_json_lines(log: Path, tmp_path: Path) -> None:
    export(log.parent, tmp_path / "samples.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text(encoding="utf-8").splitlines()]
    assert lines == [{name: value for name, value in sample.items() if name != "kind"} for sample in read(log).samples]


@pytest.mark.parametrize("name", ["samples.xlsx", "missing/samples.csv"])
def test_an_export_that_cannot_be_is_said(log: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot"):
        export(log, tmp_path / name)
