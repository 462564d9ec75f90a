"""What headers announce beside what was found."""

from datetime import UTC, datetime

import pytest

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.client.call import Job
from echosounder.load.experiment.script import DueRequest, Outcome
from echosounder.load.limits.seen import Fit, Range
from echosounder.load.limits.told import told_limits
from echosounder.load.limits.weighing import REQUESTS, CountedUnit

NOW = datetime(2026, 11, 30, tzinfo=UTC)
CAP = Fit(LimiterKind.CONCURRENCY, 0.0, Range(8, 8))
BUCKET = Fit(LimiterKind.BUCKET, 0.0, Range(4.95, 5.05), burst=Range(10, 10))
WINDOW = Fit(LimiterKind.FIXED, 0.0, Range(60, 60), Range(59.5, 60.5))

ROWS = [
    (CAP, 200, {"x-ratelimit-limit": "8"}, True),
    (CAP, 200, {"x-ratelimit-limit": "9"}, False),
    (BUCKET, 200, {"x-ratelimit-limit": "10"}, True),
    (BUCKET, 200, {"ratelimit-policy": "300;w=60"}, True),
    (BUCKET, 200, {"ratelimit-policy": "60;w=60"}, False),
    (WINDOW, 200, {"x-ratelimit-limit-requests": "60"}, True),
    (WINDOW, 200, {"ratelimit-limit": "60, 60;w=60"}, True),
    (WINDOW, 200, {"ratelimit-limit": "60, 60;w=10"}, False),
    (WINDOW, 200, {"x-ratelimit-limit-tokens": "9000"}, None),
    (WINDOW, 429, {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "12"}, False),
    (WINDOW, 429, {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0"}, True),
]


@pytest.mark.parametrize(("fit", "status", "headers", "agrees"), ROWS)
def test_an_announced_limit_is_held_against_the_one_that_was_found(fit, status, headers, agrees):
    ask = DueRequest(1, Job("short", "/chat/completions", b"{}", True, 1, 1))
    [said] = told_limits([(Outcome(ask, 0.0, 0.1, status, tuple(headers.items())), NOW)], fit)
    assert said.agrees is agrees
    assert bool(said.says) is (agrees is False)


TOKENS = Fit(
    LimiterKind.FIXED, 0.0, Range(45, 45), Range(59.5, 60.5)
)  # of requests that weigh 20 each: 900 to 920 tokens
UNITS = [
    (REQUESTS, "tokens", "900", None),
    (REQUESTS, "requests", "45", True),
    (CountedUnit("prompt tokens", 20.0), "tokens", "900", True),
    (CountedUnit("tokens used", 20.0), "tokens", "1200", False),
    (CountedUnit("prompt tokens", 20.0), "requests", "45", None),
    (CountedUnit("bytes", 20.0), "tokens", "900", None),
]


@pytest.mark.parametrize(("counts", "what", "limit", "agrees"), UNITS)
def test_a_limit_is_held_against_one_in_its_own_unit(counts, what, limit, agrees):
    ask = DueRequest(1, Job("short", "/chat/completions", b"{}", True, 1, 1))
    headers = ((f"x-ratelimit-limit-{what}", limit),)
    [said] = told_limits([(Outcome(ask, 0.0, 0.1, 200, headers), NOW)], TOKENS, counts)
    assert said.agrees is agrees
