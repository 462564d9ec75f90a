"""A log of every kind of run: read, and judged as it was judged then. Those of version 0.1.0 have schema 1."""

import gzip
import json
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.reports import history
from echosounder.wire.errors import LogError
from echosounder.wire.header import Header, RunKind
from echosounder.wire.runlog import header, read

RECORDED = Path(__file__).parents[1] / "wire" / "recorded"
EXPECTED = json.loads((RECORDED / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(params=RunKind)
def kind(request):
    return request.param


@pytest.fixture
def folder(kind, tmp_path):
    """A run's folder with the recorded log and nothing else."""
    made = tmp_path / kind
    made.mkdir()
    (made / "run.jsonl").write_bytes(gzip.decompress((RECORDED / f"{kind}.jsonl.gz").read_bytes()))
    return made


OLD = [RunKind.CHECK, RunKind.PROXY, RunKind.COMPARISON, RunKind.LOAD, RunKind.RATE_LIMIT, RunKind.CACHE_PRICING]
# What passed then without any stream that broke off with an error.
UNSHOWN = dict.fromkeys(("stream.error-class", "stream.error-not-done"), "inconclusive")
# A side of a comparison looked like any other check then.
THEN = {kind: kind for kind in RunKind} | {RunKind.COMPARISON: RunKind.CHECK}


def test_the_header_says_which_kind_it_is(kind, folder):
    found = header(folder / "run.jsonl")
    assert isinstance(found, Header)
    assert (found.kind_of_run, found.kind_of_run.report) == (THEN[kind], kind.report)


@pytest.mark.parametrize("kind", OLD, indirect=True)
def test_the_header_says_what_it_said(kind, folder):
    found = header(folder / "run.jsonl")
    assert (found.check is None, found.scenario == "") == ((True, False) if kind.report == "load" else (False, True))
    assert found.target.url.startswith("http://127.0.0.1:")
    assert found.started.startswith("2026-11-30T13:0")
    assert (found.check and found.check.suite) == {"check": "smoke", "proxy": "standard", "comparison": "smoke"}.get(
        kind
    )


@pytest.mark.parametrize("kind", [RunKind.CHECK, RunKind.PROXY, RunKind.COMPARISON], indirect=True)
def test_each_requirement_gets_the_verdict_that_it_got(kind, folder, capsys):
    assert run(["score", str(folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    verdicts = {row["id"]: row["verdict"] for row in report["requirements"]}
    expected = EXPECTED[kind] | {id: verdict for id, verdict in UNSHOWN.items() if id in EXPECTED[kind]}
    assert {id: verdicts[id] for id in expected} == expected
    since = {verdicts[id] for id in verdicts.keys() - EXPECTED[kind].keys()}
    assert since <= {"pass", "not-applicable", "inconclusive", "untestable"}, (
        "a requirement of today accuses a log of then"
    )


@pytest.mark.parametrize("kind", [RunKind.LOAD], indirect=True)
def test_a_load_gets_the_figures_that_it_got(folder, capsys):
    assert run(["score", str(folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert {name: report[name] for name in EXPECTED["load"]} == EXPECTED["load"]


@pytest.mark.parametrize("kind", [RunKind.RATE_LIMIT, RunKind.CACHE_PRICING], indirect=True)
def test_an_experiment_cannot_be_repeated_from_its_log_and_says_so(kind, folder, capsys):
    assert read(folder).results
    assert run(["score", str(folder)]) == 2
    assert f"what {kind} found is in its report.json" in capsys.readouterr().err


def test_the_history_knows_which_kind_it_is(kind, folder, tmp_path):
    assert history.entry(folder, tmp_path).kind == kind.report


@pytest.mark.parametrize("kind", [RunKind.LOAD], indirect=True)
def test_a_load_is_no_suite_to_judge(folder):
    with pytest.raises(LogError, match="of a load run, which has no suite"):
        _ = read(folder).header.checking
