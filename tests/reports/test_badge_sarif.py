"""Badges that date themselves, and findings for code scanning."""

import json
from xml.etree import ElementTree as ET

import pytest

from echosounder import reports
from echosounder.wire.errors import UsageError
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import Run

RUN = Run(Header(kind_of_run=RunKind.CHECK, started="2026-10-01T00:00:00Z", target=Aimed("http://h")))


@pytest.mark.parametrize(
    ("fixture", "label", "message"),
    [
        ("check_report", "DeepSeek API 2026-08", "✗ 1/5 MUST (standard) · 2026-11-22"),
        ("load_report", "streaming", "✗ TTFT p50 245 ms, 1 SLO missed · 2026-11-22"),
    ],
)
def test_a_badge_says_what_how_much_and_when(request, fixture, label, message):
    report = request.getfixturevalue(fixture)
    shields = json.loads(reports.render("shields", report))
    assert (shields["schemaVersion"], shields["label"], shields["message"]) == (1, label, message)
    texts = [
        node.text for node in ET.fromstring(reports.render("badge", report)).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert texts == [label, message]


@pytest.mark.parametrize(
    ("report", "run", "day"),
    [
        ({"started": "2026-11-22T23:30:00-05:00"}, RUN, "2026-11-23"),
        ({"started": None}, RUN, "2026-10-01"),
        ({"started": "yesterday"}, None, "undated"),
        ({"started": None}, None, "undated"),
    ],
)
def test_the_date_is_that_of_the_run(check_report, report, run, day):
    assert json.loads(reports.render("shields", check_report | report, run))["message"].endswith(f"· {day}")


@pytest.mark.parametrize(("verdict", "glyph"), [("valid", "✓"), ("degraded", "≈"), ("invalid", "✗")])
def test_a_load_badge_shows_whether_the_figures_hold(load_report, verdict, glyph):
    report = load_report | {"measurement": {"verdict": verdict, "reasons": []}, "slo": []}
    assert json.loads(reports.render("shields", report))["message"].startswith(glyph)


def test_sarif_has_a_rule_per_broken_requirement_and_a_result_per_finding(check_report, check_run):
    (run,) = json.loads(reports.render("sarif", check_report, check_run))["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert set(rules) == {"stream.ends-with-done", "stream.line-ends", "usage.sum", "usage.stream-once", "errors.body"}
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    places = {result["ruleId"]: result["locations"][0].get("logicalLocations") for result in run["results"]}
    assert places["usage.sum"] == [{"name": "e2", "kind": "exchange"}]
    assert places["usage.stream-once"] is None
    assert {result["level"] for result in run["results"]} == {"error", "warning"}


def test_a_finding_keeps_its_fingerprint_in_the_next_run(check_report):
    def prints():
        return [
            result["partialFingerprints"]
            for result in json.loads(reports.render("sarif", check_report))["runs"][0]["results"]
        ]

    before = prints()
    for row in check_report["requirements"]:
        for finding in row["findings"]:
            finding |= {"exchange": "other", "event": 77, "offset": 1_000}
    assert prints() == before
    assert len({str(one) for one in before}) == len(before)


def test_a_load_report_has_no_findings(load_report):
    with pytest.raises(UsageError, match="use junit"):
        reports.render("sarif", load_report)
