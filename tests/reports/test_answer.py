"""The first line of a report is the answer to what was asked."""

import io

import pytest
from rich.console import Console

from echosounder import reports
from echosounder.reports import answer, terminal

LIMITER = {"kind": "token-bucket", "says": "Token bucket: 5 requests/s, burst 10", "limit": 5, "window_s": None}
LIMITER |= {"burst": 10, "retry_after": None, "recovery_s": 0.2, "confidence": 1.0}
BILL = {"usd": "0.01", "usd_without_cache": "0.02", "balance_delta": "0.01", "unexplained": "0"}


def limiter(load_report, **changed):
    return {**load_report, "rate_limit": LIMITER | changed}


def bill(load_report, verdict, says):
    return {**load_report, "rate_limit": None, "cost": {**load_report["cost"], "verdict": verdict, "says": says}}


def shown(report):
    console = Console(file=io.StringIO(), width=200)
    terminal.show(report, None, console)
    return console.file.getvalue().splitlines()[0]


ASKED = [
    (limiter, "✓ Token bucket: 5 requests/s, burst 10"),
    (lambda report: limiter(report, kind="unresolved", says="Limiter not resolved"), "? Limiter not resolved"),
    (
        lambda report: limiter(report, certain=False, doubts=["too few refusals"]),
        "? Token bucket: 5 requests/s, burst 10",
    ),
    (lambda report: bill(report, "right", "The bill is right: 1 USD"), "✓ The bill is right: 1 USD"),
    (lambda report: bill(report, "wrong", "The bill is wrong: it drifts"), "✗ The bill is wrong: it drifts"),
    (lambda report: bill(report, "unverified", "The bill could not be verified"), "? The bill could not be verified"),
]


@pytest.mark.parametrize(("of", "first"), ASKED)
def test_the_answer_is_the_first_line_of_every_form(load_report, of, first):
    report = of(load_report)
    assert shown(report) == first
    assert reports.render("md", report).splitlines()[0] == f"# {first}".replace("?", "?")
    page = reports.render("html", report)
    assert first[2:] in page[page.index("<h1>") : page.index("</h1>")]


def test_a_load_that_was_asked_nothing_begins_with_its_measurement(load_report):
    asked_nothing = {**load_report, "rate_limit": None}
    assert answer.answer(asked_nothing) is None
    assert "DEGRADED" in shown(asked_nothing)


SAID = "8 of 8 requests (100.0%) did not end properly, as load.streams-complete requires: 8 chunk-truncated"
OUTCOMES = {"served": ([], False), "impaired": ([SAID], False), "broken": ([SAID], True)}


@pytest.mark.parametrize(("verdict", "reasons", "head"), [(name, *row) for name, row in OUTCOMES.items()], ids=OUTCOMES)
def test_what_happened_to_the_requests_stands_beside_the_measurement(load_report, verdict, reasons, head):
    """A page that says only that the measurement is valid is read as green."""
    plain = {**load_report, "rate_limit": None, "slo": [], "outcome": {"verdict": verdict, "reasons": reasons}}
    page = reports.render("html", {**plain, "measurement": {"verdict": "valid", "reasons": []}})
    title, top = page[page.index("<title>") : page.index("</title>")], page[page.index("<h1>") : page.index("<main")]
    assert ("Requests broken" in top[: top.index("</h1>")]) is head
    assert ("✗ requests broken" in title) is head
    assert (SAID in top) is bool(reasons)
    assert ("measurement is valid" in top) is head
