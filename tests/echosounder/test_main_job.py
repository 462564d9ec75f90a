"""The main job from the command line: honest mock, faulty mock, load, judging again; what is printed, written and returned."""

import json
import xml.etree.ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

from echosounder import reports
from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn
from echosounder.wire.runlog import read

FILES = {"run.jsonl", "report.json", "report.html", "junit.xml", "summary.md"}


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest")
    return run(["check", "--out", str(folder)]), folder


def report_of(folder, name):
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    Draft202012Validator(reports.schema(name)).validate(document)
    return document


# No stream of an honest server breaks off with an error, no answer of this seed holds the stop text of a prefix, and what a clock
# decides is inconclusive on a machine too busy to tell.
UNSHOWN = {"stream.error-class", "stream.error-not-done", "prefix.stop", "usage.cost-stated"}
UNSHOWN |= {"stream.headers-early", "stream.unbuffered", "stream.flows"}


def test_the_honest_mock_conforms(honest):
    code, folder = honest
    report = report_of(folder, "check")
    assert (code, report["verdict"]) == (0, "conforms")
    told = {row["id"] for row in report["requirements"] if row["verdict"] in {"pass", "not-applicable"}}
    assert {row["id"] for row in report["requirements"]} - told <= UNSHOWN
    assert report["counts"]["pass"] >= 25
    assert {path.name for path in folder.iterdir()} >= FILES
    assert ET.parse(folder / "junit.xml").getroot().tag == "testsuites"


def test_a_log_is_judged_again_to_the_same_verdicts(honest, capsys):
    _, folder = honest
    before = report_of(folder, "check")
    assert run(["score", str(folder), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert [(row["id"], row["verdict"]) for row in again["requirements"]] == [
        (row["id"], row["verdict"]) for row in before["requirements"]
    ]


# A SHOULD that is broken is said, and does not fail the run.
FAULTS = [
    ("missing-done", "stream.ends-with-done", 1),
    ("usage-sum-mismatch", "usage.total-is-sum", 1),
    ("id-changes-between-chunks", "stream.id-constant", 1),
    ("role-missing-first-chunk", "stream.role-first", 1),
    ("error-flat", "error.envelope", 1),
    ("cache-fields-missing", "usage.cache-split", 1),
    ("status-500-validation", "error.status-400-parameter", 1),
    ("sse-bom", "stream.no-bom", 0),
]


@pytest.mark.parametrize(("fault", "requirement", "code"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_a_fault_is_found_and_named(fault, requirement, code, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-test-0123456789")
    feature = requirement.partition(".")[0]
    with spawn(deviate=(fault,), ttft_ms=0, itl_ms=0) as mock:
        assert run(["check", mock.url, "--only", f"{feature}.*", "--out", str(tmp_path)]) == code
    broken = {
        row["id"]: row
        for row in report_of(tmp_path, "check")["requirements"]
        if row["verdict"] in {"fail", "nonstrict"}
    }
    assert requirement in broken
    assert broken[requirement]["findings"][0]["exchange"] in {exchange.id for exchange in read(tmp_path).exchanges}


@pytest.mark.best_of(5)  # whose figures describe the client alone ends with 4
def test_load_reports_figures_that_add_up(tmp_path):
    assert run(["load", "streaming", "--users", "4", "--duration", "2s", "--out", str(tmp_path)]) == 0
    report = report_of(tmp_path, "load")
    counts, metrics = report["counts"], report["metrics"]
    assert counts["completed"] == counts["sent"] > 0
    assert metrics["ttft_ms"]["count"] == metrics["e2e_ms"]["count"] == counts["completed"]
    assert 0 < metrics["ttft_ms"]["p50"] < metrics["e2e_ms"]["p50"] <= metrics["e2e_ms"]["max"]
    assert float(report["cost"]["usd"]) > 0
    assert {path.name for path in tmp_path.iterdir()} >= FILES


@pytest.mark.best_of(5)
def test_a_missed_slo_is_exit_1(tmp_path):
    command = ["load", "streaming", "--users", "1", "--duration", "1s", "--slo", "ttft_p50<1ms", "--out", str(tmp_path)]
    assert run(command) == 1
    assert report_of(tmp_path, "load")["slo"][0]["met"] is False


def test_json_is_alone_on_stdout(tmp_path, capsys):
    assert run(["check", "--suite", "smoke", "--json", "--out", str(tmp_path)]) == 0
    Draft202012Validator(reports.schema("check")).validate(json.loads(capsys.readouterr().out))


def test_a_spent_budget_is_no_verdict(tmp_path, capsys):
    assert run(["check", "--budget-requests", "3", "--out", str(tmp_path)]) == 3
    assert report_of(tmp_path, "check")["verdict"] == "inconclusive"
    assert "budget" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["requirements", "probes", "deviations", "scenarios", "profiles"])
def test_everything_listed_can_be_explained(kind, capsys):
    assert run(["list", kind, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert run(["explain", rows[0]["id"]]) == 0
    assert rows[0]["id"] in capsys.readouterr().out


def test_plan_sends_nothing_and_says_what_it_would_cost(capsys):
    assert run(["plan", "--suite", "smoke", "--json", "--format", "chat", "--format", "fim"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert 0 < plan["requests"] <= 20
    assert float(plan["usd"]) > 0
    assert run(["plan", "--suite", "smoke", "--json"]) == 0
    assert plan["requests"] < json.loads(capsys.readouterr().out)["requests"] <= 40
