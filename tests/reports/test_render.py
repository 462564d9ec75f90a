"""Every format: valid by its own rules, complete, and literal about what a target sent."""

import json
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from rich.console import Console

from echosounder import reports
from echosounder.reports import terminal
from echosounder.wire.errors import UsageError
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import Run

HEADER = Header(kind_of_run=RunKind.CHECK, started="2026-11-22T09:30:00+00:00", target=Aimed("http://h"))

TEXTS = ("junit", "md", "html", "sarif")


@pytest.fixture(params=["check_report", "hostile_report", "load_report"])
def report(request):
    return request.getfixturevalue(request.param)


def test_report_json_is_the_report_and_valid_against_its_schema(report):
    again = json.loads(reports.render("json", report))
    name = report["schema"].split("/")[1]
    jsonschema.Draft202012Validator(reports.schema(name)).validate(again)
    assert again["counts"] == report["counts"]


@pytest.mark.parametrize("name", ["check", "load"])
def test_schemas_are_schemas(name):
    jsonschema.Draft202012Validator.check_schema(reports.schema(name))


@pytest.mark.parametrize(
    ("fixture", "path"),
    [
        ("check_report", ("verdict",)),
        ("check_report", ("target", "position")),
        ("check_report", ("requirements", 0, "sources")),
        ("check_report", ("requirements", 1, "findings", 0, "pointer")),
        ("load_report", ("metrics", "gap_ms", "p99_ci")),
        ("load_report", ("rate_limit", "window_s")),
        ("load_report", ("conformance",)),
    ],
)
def test_a_named_member_that_is_missing_breaks_the_schema(request, fixture, path):
    report = request.getfixturevalue(fixture)
    *way, last = path
    parent = report
    for step in way:
        parent = parent[step]
    del parent[last]
    assert not jsonschema.Draft202012Validator(reports.schema(report["schema"].split("/")[1])).is_valid(report)


def test_report_json_holds_no_lone_surrogate(hostile_report):
    assert "\\ud" not in reports.render("json", hostile_report)
    reports.render("json", hostile_report).encode()


@pytest.mark.parametrize("format", TEXTS)
def test_nothing_a_target_sent_is_invisible_or_reorders(format, hostile_report, hostile_run):
    text = reports.render(format, hostile_report, hostile_run)
    assert not set(text) & set("\x00\x1b\u202e\udcff")
    assert "\\x1b" in text


def test_nothing_a_target_sent_becomes_markup(hostile_report, hostile_run):
    html = reports.render("html", hostile_report, hostile_run)
    assert html.count("<script") == 1
    assert html.count("</script") == 1
    assert "<img" not in html
    markdown = reports.render("md", hostile_report)
    outside = "".join(markdown.split("```")[::2])
    assert "<img" not in outside


def test_nothing_a_target_sent_reaches_the_terminal_as_a_command(hostile_report):
    console = Console(force_terminal=True, record=True, width=100, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    terminal.show(hostile_report, None, console)
    plain = console.export_text(styles=False)
    assert "\x1b" not in plain
    assert "\\x1b[31m" in plain


def test_terminal_says_verdict_and_first_cause_without_colour(check_report):
    console = Console(no_color=True, record=True, width=100, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    terminal.show(check_report, None, console)
    plain = console.export_text()
    assert "✗ DEVIATES" in plain
    assert " 1. MUST the stream ends without [DONE]" in plain
    assert "⊘ 1 untestable" in plain
    assert "echosounder replay run.jsonl e1" in plain


def test_terminal_shows_a_load_run(load_report):
    console = Console(no_color=True, record=True, width=120, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
    terminal.show(load_report, None, console)
    plain = console.export_text()
    assert "DEGRADED" in plain
    assert "✗ missed" in plain
    assert "TTFT from schedule" in plain


JUNIT = {
    "fail": "failure",
    "untestable": "failure",
    "error": "error",
    "unsupported": "skipped",
    "inconclusive": "skipped",
    "not-applicable": "skipped",
    "nonstrict": None,
    "pass": None,
}


def test_junit_has_a_case_per_requirement_with_its_outcome(check_report):
    cases = {case.get("name"): case for case in ET.fromstring(reports.render("junit", check_report)).iter("testcase")}
    for row in check_report["requirements"]:
        outcomes = {child.tag for child in cases[row["id"]]} & {"failure", "error", "skipped"}
        assert outcomes == ({JUNIT[row["verdict"]]} if JUNIT[row["verdict"]] else set()), row["id"]


def test_junit_counts_agree_with_its_cases(report):
    root = ET.fromstring(reports.render("junit", report))
    for tag, counter in (("testcase", "tests"), ("failure", "failures"), ("error", "errors")):
        assert int(root.get(counter)) == len(list(root.iter(tag)))
    assert sum(int(suite.get("skipped")) for suite in root) == len(list(root.iter("skipped")))


@pytest.mark.parametrize(
    ("verdict", "outcome"), [("conforms", None), ("deviates", "failure"), ("inconclusive", "error")]
)
def test_junit_of_a_run_that_judged_nothing_is_not_green(check_report, verdict, outcome):
    root = ET.fromstring(reports.render("junit", check_report | {"verdict": verdict, "requirements": []}))
    found = {child.tag for child in root.iter() if child.tag in {"failure", "error"}}
    assert found == ({outcome} if outcome else set())


def test_junit_of_a_load_run_fails_for_a_missed_objective(load_report):
    root = ET.fromstring(reports.render("junit", load_report))
    assert [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None] == ["failures < 1%"]


class Outside(HTMLParser):
    """Collects what a page would fetch or leave for."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        names = {"src", "srcset", "data", "poster", "action", "background", "manifest", "xlink:href", "href"}
        self.found += [(tag, name, v) for name, v in attributes if name in names and not (v or "").startswith("#")]
        self.found += [(tag, name, v) for name, v in attributes if name.startswith("on") or "url(" in (v or "")]

    def handle_data(self, data):
        if self.rawdata and self.cdata_elem == "style" and ("url(" in data or "@import" in data):
            self.found.append(("style", "", data))


def outside(html):
    parser = Outside()
    parser.feed(html)
    return parser.found


@pytest.mark.parametrize(
    "markup", ["<img src=//h>", "<a href='https://h'>", "<p onclick=x>", "<style>@import 'x'</style>"]
)
def test_the_judge_of_pages_sees_what_would_be_loaded(markup):
    assert outside(markup)


def test_an_html_page_loads_nothing(report):
    html = reports.render("html", report)
    assert "default-src 'none'" in html
    assert outside(html) == []


def test_the_same_report_gives_the_same_bytes(report):
    for format in reports.FILES:
        assert reports.render(format, report) == reports.render(format, report)


def test_write_all_names_its_files(tmp_path, check_report, check_run):
    written = reports.write_all(tmp_path / "new", check_report, check_run)
    assert [path.name for path in written][:4] == ["report.json", "report.html", "junit.xml", "summary.md"]
    assert all(path.stat().st_size > 0 for path in written)


@pytest.mark.parametrize(
    ("format", "change", "says"),
    [
        ("pdf", {}, "no format 'pdf'; there are html"),
        ("html", {"schema": "echosounder/check/0"}, "of schema 'echosounder/check/0'"),
        ("html", {"schema": None}, "of schema None"),
    ],
)
def test_what_cannot_be_rendered_is_a_usage_error(check_report, format, change, says):
    with pytest.raises(UsageError, match=says):
        reports.render(format, check_report | change)


def test_a_report_without_its_members_is_a_usage_error(check_report):
    del check_report["requirements"]
    with pytest.raises(UsageError, match="no requirements"):
        reports.render("md", check_report)


def test_the_page_stays_below_two_megabytes_whatever_a_target_sends(
    make_check, make_requirement, make_finding, make_stream
):
    quotes = '"<&' * 2_000
    findings = [make_finding(quotes, f"e{i}", i, "/" + quotes, quotes) for i in range(10)]
    report = make_check([make_requirement(f"a.r{n}", "MUST", "fail", findings, quotes) for n in range(350)])
    run = Run(HEADER, tuple(make_stream(f"e{i}", [quotes] * 30) for i in range(10)))
    assert 1_000_000 < len(reports.render("html", report, run).encode()) < 2_000_000


def test_a_page_says_how_much_the_baseline_accepts(check_report):
    assert "The baseline accepts" not in reports.render("html", check_report)
    check_report["requirements"][1]["accepted"] = "issue 7"
    assert "The baseline accepts 1 of those that did not pass" in reports.render("html", check_report)


def test_an_accepted_failure_is_red_in_no_output(check_report):
    """The run conforms and ends with exit code 0: a job that reads the JUnit file must not fail either."""
    for row in check_report["requirements"]:
        if row["verdict"] not in ("pass", "not-applicable"):
            row["accepted"] = "issue 7"
    check_report["verdict"] = "conforms"
    suites = ET.fromstring(reports.render("junit", check_report))
    assert (suites.get("failures"), suites.get("errors")) == ("0", "0")
    assert "issue 7" in {each.get("message").rpartition(": ")[2] for each in suites.iter("skipped")}


@pytest.mark.parametrize("format", ["md", "junit", "html"])
@pytest.mark.parametrize(
    ("baseline", "says"),
    [
        ({"stale": ["stream.done"]}, "the baseline is stale: stream.done passes"),
        ({"expired": ["stream.done"]}, "the baseline accepts stream.done no longer"),
    ],
    ids=["stale", "expired"],
)
def test_every_output_says_what_the_baseline_did_to_the_verdict(format, baseline, says, check_report):
    check_report["verdict"] = "deviates"
    check_report["baseline"] = {"accepted": {}, "stale": [], "expired": [], "unjudged": []} | baseline
    assert says in reports.render(format, check_report).replace("\\", "")


@pytest.mark.parametrize("format", ["md", "junit", "html", "sarif"])
def test_the_replay_line_names_the_log_of_the_run(format, check_report):
    run = Run(HEADER, place="runs/mine too/run.jsonl")
    text = unescape(reports.render(format, check_report, run))
    assert "echosounder replay 'runs/mine too/run.jsonl' e1" in text
