"""What passed, in sentences and rows."""

import pytest

from echosounder import reports
from echosounder.reports.traffic import HEAD, lines, rate, rows, share


def row(failed, judged, low, high, *groups):
    found = [{"by": by, "value": value, "failed": f, "judged": j, "low": 0, "high": 1} for by, value, f, j in groups]
    return {
        "requirement": "stream.complete",
        "failed": failed,
        "judged": judged,
        "low": low,
        "high": high,
        "groups": found,
    }


GROUP = {
    "client": "app/<b>2",
    "model": "",
    "counts": {"sent": 10, "completed": 7, "in_flight": 1, "rejected": 2},
    "failures": {"http-429": 2},
    "latency": {"ttft_ms": {"p50": 12.34, "p99": None}},
    "tokens": {"prompt": 1000, "hit": 250, "output": 50},
    "hit_ratio": 0.25,
    "usd": "0.001",
    "usd_without_cache": "0.002",
    "saved_usd": "0.001",
}


def report(**more):
    traffic = {
        "requests": 12000,
        "streams": 4310,
        "judged": 11000,
        "broken": 1,
        "cancelled": 3,
        "statuses": {"200": 12000},
        "open": 0,
        "rates": [row(1, 4310, 5.87e-6, 12.9e-4)],
        "groups": [GROUP],
        "retries": {"requests": 2, "usd": "0.5"},
        "relay": {"added_ms": {"count": 10, "p50": 0.1, "p99": 0.5, "max": 3.0}},
    }
    return {
        "schema": "echosounder/check/1",
        "verdict": "deviates",
        "target": {"url": "http://h", "model": None, "position": "server"},
        "profile": "2026-11",
        "policy": "interop",
        "suite": "listen",
        "counts": {"pass": 1},
        "cost": {"requests": 12000, "prompt_tokens": 1000, "completion_tokens": 50, "usd": None},
        "requirements": [],
        "traffic": traffic | more,
    }


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [
        (5.87e-6, 12.92e-4, "0.06 to 12.9 in 10,000"),
        (0.0012, 0.0199, "12.0 to 199.0 in 10,000"),
        (0.1, 0.5, "10.0% to 50.0%"),
    ],
)
def test_a_share_is_in_the_unit_that_fits(low, high, says):
    assert share({"low": low, "high": high}) == says


@pytest.mark.parametrize(
    ("groups", "ends"),
    [
        ([], "10.0% to 50.0%"),
        ([("model", "m", 3, 10)], "10.0% to 50.0%"),  # all of it: that says nothing
        ([("client", "a", 0, 5), ("client", "b", 3, 5)], "; most with client b: 3 of 5"),
        ([("client", "", 3, 5)], "; most with client unnamed: 3 of 5"),
    ],
)
def test_the_group_that_stands_out_is_named(groups, ends):
    assert rate(row(3, 10, 0.1, 0.5, *groups)).endswith(ends)


def test_every_line_says_something_that_is_there():
    said = list(lines(report()))
    assert said == [
        "12,000 requests passed, 4,310 of them streams; 11,000 could be judged, 1 break something",
        "3 were given up by their clients, and are not judged",
        "stream.complete is broken in 1 of 4,310: 0.06 to 12.9 in 10,000",
        "2 requests repeat one that had failed; they cost $0.5",
        "added latency, at most: p50 0.1 ms, p99 0.5 ms, largest 3.0 ms, over 10 reads",
    ]


def test_a_run_that_asked_by_itself_has_no_such_lines():
    document = report()
    del document["traffic"]
    assert (list(lines(document)), rows(document)) == ([], [])


def test_a_row_has_a_cell_for_each_head():
    [cells] = rows(report())
    assert len(cells) == len(HEAD)
    assert cells[:6] == ("app/<b>2", "–", "10", "2", "12.3 ms", "–")


@pytest.mark.parametrize("format", ["html", "md"])
def test_what_a_client_calls_itself_is_shown_and_not_obeyed(format):
    text = reports.render(format, report())
    assert "<b>2" not in text
    assert "requests passed" in text
