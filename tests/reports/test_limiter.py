"""What a limiter is said to be, in words and figures; only what the design names has to be there."""

import copy
import re

import pytest

from echosounder import reports
from echosounder.reports import limiter, limiter_charts

FOUND = {
    "kind": "concurrency",
    "says": "Concurrency limit: at most 8 requests in flight",
    "limit": 8,
    "window_s": None,
    "burst": None,
    "retry_after": {"present": True, "form": "seconds", "example": "1", "honest": True, "says": None, "trials": []},
    "recovery_s": 0.012,
    "confidence": 0.985,
    "limit_ci": [8, 8],
    "window_ci": None,
    "burst_ci": None,
    "hysteresis": {"resumes_at": [3, 4]},
    "lag_s": 0.0,
    "penalty_s": None,
    "scope": {"key": False, "user_id": True, "model": None},
    "refusals": {"count": 3, "statuses": {"429": 2, "503": 1}, "latency_ms": 1.5, "body": "error-object", "kept_connection": 0.5},
    "charge": {"accepted": "0.0000063", "refused": "0.0", "says": None},
    "queue": {"waited": 4, "longest_s": 2.5, "refused_503": 1},
    "fairness": {"jain": 0.9, "users": {"user a": {"offered": 8, "admitted": 4}, "user b": {"offered": 2, "admitted": 2}}},
    "clock_skew_s": -3600.2,
    "policies": [
        {"policy": "none", "jobs": 12, "done": 8, "abandoned": 4, "requests_per_job": 1.5, "seconds": 0.2, "goodput_per_s": 40.0},
        {"policy": "retry-after", "jobs": 9, "done": 9, "abandoned": 0, "requests_per_job": 1.333, "seconds": 1.2, "goodput_per_s": 10.0},
    ],
    "timeline": [
        {"t_s": 0.0, "admitted": 8, "rejected": 2, "model_admitted": 8, "model_rejected": 2},
        {"t_s": 0.5, "admitted": 1, "rejected": 3, "model_admitted": 2, "model_rejected": 2},
        {"t_s": 1.5, "admitted": 4, "rejected": 0, "model_admitted": 4, "model_rejected": 0},
    ],
    "curves": [
        {"t_s": 0, "offered": 14, "admitted": 9, "rejected": 5, "abandoned": 2, "in_flight": 8},
        {"t_s": 1, "offered": 4, "admitted": 4, "rejected": 0, "abandoned": 0, "in_flight": 5},
    ],
}  # fmt: skip
LEAST = {name: FOUND[name] for name in ("kind", "limit", "window_s", "burst", "recovery_s", "confidence")} | {
    "retry_after": "absent"
}


def report(**changed):
    return {"rate_limit": FOUND | changed}


def fact(name, **changed):
    return dict(limiter.facts(report(**changed))).get(name)


def charge(accepted, refused, says):
    return {"charge": {"accepted": accepted, "refused": refused, "says": says}}


def retry_after(**changed):
    return {"retry_after": FOUND["retry_after"] | changed}


FACTS = [
    ("Limiter", {}, "Concurrency limit: at most 8 requests in flight"),
    ("Limiter", {"says": None}, "concurrency: limit 8"),
    ("Bounds", {}, "limit 8"),
    ("Bounds", {"window_ci": [1.5, 2.25], "burst_ci": [3, 4]}, "limit 8; window, s 1.5 to 2.25; burst 3 to 4"),
    ("Decisions explained", {}, "98.5 %"),
    ("Decisions explained", {"kind": "unresolved"}, None),
    ("Accepts again after", {}, "0.012 s; after a refusal only when no more than 3 to 4 are in flight"),
    ("Accepts again after", {"hysteresis": None, "penalty_s": 1}, "0.012 s; nothing for 1 s after a refusal, and asking again renews that"),
    ("Accepts again after", {"hysteresis": None, "lag_s": 0.4}, "0.012 s; a place stays taken for 0.4 s after its answer"),
    ("Retry-After", {}, "'1', true when put to the test"),
    ("Retry-After", retry_after(honest=None), "'1', not put to the test"),
    ("Retry-After", retry_after(honest=False, says="it lies"), "it lies"),
    ("Retry-After", retry_after(present=False), "absent"),
    ("Retry-After", {"retry_after": None}, None),
    ("Announced", {}, None),
    ("Announced", {"announced": [{"what": "requests", "limit": 60, "agrees": True, "says": None}]}, "60 requests, as found"),
    ("Announced", {"announced": [{"what": "requests", "limit": 9, "agrees": False, "says": "it lies"}]}, "it lies"),
    ("Scope", {}, "two keys counted apart; two values of user_id counted together; two models not found out"),
    ("Refusals", {}, "2 with 429 and 1 with 503, in 1.5 ms, body: error object, connection kept open by 50.0 %"),
    ("Refusals", {"refusals": {"count": 0}}, "none"),
    ("A refused request costs", {}, "nothing, where an accepted one of a single token costs 0.0000063"),
    ("A refused request costs", charge("2", "1.50", None), "1.50, where an accepted one of a single token costs 2"),
    ("A refused request costs", charge("20", "10", None), "10, where an accepted one of a single token costs 20"),
    ("A refused request costs", charge(None, None, "too coarse"), "not found out: too coarse"),
    ("Queue", {}, "4 waited with keep-alives, up to 2.5 s"),
    ("Fairness", {}, "Jain's index 0.9: user a got 4 of 8, user b got 2 of 2"),
    ("Clocks", {}, "the target's is 3,600 s behind ours; dates of Retry-After are read by its own"),
    ("Clocks", {"clock_skew_s": 0.6}, None),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changed", "says"), FACTS)
def test_each_fact_in_words(name, changed, says):
    assert fact(name, **changed) == says


def test_what_is_not_there_is_not_said():
    assert dict(limiter.facts({"rate_limit": LEAST})) == {
        "Limiter": "concurrency: limit 8",
        "Decisions explained": "98.5 %",
        "Accepts again after": "0.012 s",
        "Retry-After": "absent",
        "Refusals": "none",
    }
    assert limiter.facts({"rate_limit": None}) == list(limiter.lines({"rate_limit": None})) == []
    assert limiter_charts.figures({"rate_limit": None}) == limiter_charts.figures({"rate_limit": LEAST}) == ""


def test_retries_are_a_table():
    assert limiter.policies(report()) == [
        ("none", "8 of 12", "4", "1.5", "0.2", "40"),
        ("retry after", "9 of 9", "0", "1.33", "1.2", "10"),
    ]


def test_the_timeline_shows_the_cap_where_there_is_one():
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", limiter_charts.figures(report()))
    assert len(captions) == 3
    assert "and the cap" in captions[1]
    bucket = re.findall(r"<figcaption>(.*?)</figcaption>", limiter_charts.figures(report(kind="token-bucket")))
    assert len(bucket) == 2


def test_a_bar_holds_several_seconds_of_a_long_run():
    long = [FOUND["curves"][0] | {"t_s": second} for second in range(130)]
    assert "in bars of 3 s" in limiter_charts.figures(report(curves=long))


@pytest.mark.parametrize("form", ["html", "md"])
def test_reports_say_it_and_trust_no_header(load_report, form):
    told = copy.deepcopy(load_report)
    hostile = "<b>now</b> \x1b[31m"
    told["rate_limit"] = FOUND | retry_after(example=hostile)
    page = reports.render(form, told)
    assert "Concurrency limit: at most 8 requests in flight" in page
    assert "<b>now" not in page
    assert "\x1b" not in page
