"""When to come again, as servers say it: each form by its source, and no text that makes a reader fail or wait for ever."""

from datetime import UTC, datetime, timedelta
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.wire.limit_headers import Announced, announced
from echosounder.wire.waits import LONGEST, in_prose, read, wait

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
UNIX = int(NOW.timestamp())

VALUES = [  # text, form, wait, what it is read as, whether a client can obey it
    ("3", "seconds", 3, "", True),
    ("0", "seconds", 0, "", True),
    (" 120 ", "seconds", 120, "", True),
    ("007", "seconds", 7, "", True),
    ("Mon, 30 Nov 2026 12:00:30 GMT", "date", 30, "", True),
    ("Monday, 30-Nov-26 12:00:30 GMT", "date", 30, "", True),
    ("Mon Nov 30 12:00:30 2026", "date", 30, "", True),
    ("Mon, 30 Nov 2026 11:00:00 GMT", "date", 0, "", True),
    ("0.5", "unparsable", 0.5, "fraction", False),
    ("1e1", "unparsable", 10, "fraction", False),
    ("-1", "unparsable", 0, "negative", False),
    ("-0.5", "unparsable", 0, "negative", False),
    ("6m0s", "unparsable", 360, "duration", False),
    ("250ms", "unparsable", 0.25, "duration", False),
    ("1h2m3s", "unparsable", 3723, "duration", False),
    (str(UNIX + 12), "seconds", 12, "unix-time", False),
    (str(UNIX - 12), "seconds", 0, "unix-time", False),
    (str(1000 * (UNIX + 12)), "seconds", 12, "unix-time", False),
    ("9999999999", "seconds", LONGEST, "absurd", False),
    ("9" * 5000, "seconds", LONGEST, "absurd", False),
    ("soon", "unparsable", None, "", False),
    ("", "unparsable", None, "", False),
    ("3 s", "unparsable", None, "", False),
    ("nan", "unparsable", None, "", False),
    ("inf", "unparsable", None, "", False),
    ("३", "unparsable", None, "", False),
]


@pytest.mark.parametrize(("text", "form", "seconds", "meant", "obeyed"), VALUES, ids=[row[0][:30] for row in VALUES])
def test_a_value_is_read_for_what_it_means(text, form, seconds, meant, obeyed):
    found = read(text, NOW)
    assert (found.form, found.wait, found.meant) == (form, seconds, meant)
    assert (not found.wrong) is obeyed


SOURCES = [
    ((("Retry-After", "3"), ("retry-after-ms", "1")), {"retry_after": 9}, 3, "retry-after"),
    ((("Retry-After", "3"), ("Retry-After", "9")), None, 3, "retry-after"),
    ((("retry-after-ms", "1500"),), None, 1.5, "retry-after-ms"),
    ((("X-RateLimit-Reset-After", "2.5"),), None, 2.5, "x-ratelimit-reset-after"),
    ((), {"retry_after": 7}, 7, "body"),
    ((), {"retry_after": "7"}, 7, "body"),
    ((), {"error": {"retry_after_ms": 700}}, 0.7, "body"),
    ((), {"error": {"details": [{}, {"retryDelay": "34s"}]}}, 34, "body"),
    ((), {"error": {"message": "Rate limit reached. Please try again in 1.5s."}}, 1.5, "body"),
    ((), {"error": {"message": "Too many requests, retry after 20 sec"}}, 20, "body"),
    ((), {"retry_after": -3}, 0, "body"),
    ((), {"retry_after": 10**400}, LONGEST, "body"),
]


@pytest.mark.parametrize(("headers", "body", "seconds", "source"), SOURCES)
def test_the_most_specific_source_counts(headers, body, seconds, source):
    found = wait(headers, body, NOW)
    assert (found.wait, found.source) == (pytest.approx(seconds), source)


@pytest.mark.parametrize(
    "body", [None, [], "no", {"retry_after": True}, {"retry_after": None}, {"error": "Slow down."}]
)
def test_nothing_said_is_nothing(body):
    assert wait((("Content-Type", "text/plain"),), body, NOW) is None


def test_a_date_is_read_by_the_clock_of_the_answer():
    headers = (("Date", "Mon, 30 Nov 2026 13:00:00 GMT"), ("Retry-After", "Mon, 30 Nov 2026 13:00:10 GMT"))
    assert wait(headers, None, NOW).wait == 10


@pytest.mark.parametrize(
    ("text", "seconds"), [("try again in 20ms", 0.02), ("wait for 2 min", 120), ("in 3 s", None), ("retry in ..", None)]
)
def test_prose(text, seconds):
    found = in_prose(text)
    assert (found and found[1]) == seconds


ANNOUNCED = [
    (
        {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59", "x-ratelimit-reset-requests": "1s"},
        [Announced("requests", 60, 59, 1)],
    ),
    ({"X-RateLimit-Limit-Tokens": "40000", "x-ratelimit-reset-tokens": "6m0s"}, [Announced("tokens", 40000, None, 360)]),
    (
        {"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-reset": "2026-11-30T12:00:20Z"},
        [Announced("requests", 50, None, 20)],
    ),
    (
        {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(UNIX + 30)},
        [Announced("requests", 60, 0, 30)],
    ),
    ({"x-ratelimit-reset": str(1000 * (UNIX + 30))}, [Announced("requests", None, None, 30)]),
    ({"x-ratelimit-limit-minute": "20"}, [Announced("minute", 20, None, None, 60)]),
    (
        {"RateLimit-Limit": "100, 100;w=60", "RateLimit-Remaining": "5", "RateLimit-Reset": "30"},
        [Announced("requests", 100, 5, 30, 60)],
    ),
    (
        {"RateLimit": "limit=100, remaining=5, reset=30", "RateLimit-Policy": "100;w=60"},
        [Announced("requests", 100, 5, 30, 60)],
    ),
    (
        {"RateLimit-Policy": '"burst";q=100;w=60,"daily";q=1000;w=86400', "RateLimit": '"burst";r=5;t=30'},
        [Announced("burst", 100, 5, 30, 60), Announced("daily", 1000, None, None, 86400)],
    ),
    ({"x-ratelimit-limit": "many", "x-ratelimit-reset": "soon"}, []),
    ({"content-type": "text/plain"}, []),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "limits"), ANNOUNCED, ids=[next(iter(row[0])) for row in ANNOUNCED])
def test_what_headers_announce(headers, limits):
    assert list(announced(tuple(headers.items()), NOW)) == limits


NAMES = st.sampled_from(
    [
        "Retry-After",
        "retry-after-ms",
        "Date",
        "RateLimit",
        "RateLimit-Policy",
        "x-ratelimit-limit",
        "x-ratelimit-reset-tokens",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text("0123456789.-+eE", max_size=40),
    st.text('"abqrtw=;, 019.', max_size=40),
    st.from_regex(r"[0-9]{1,400}(ms|s|m|h|d)?", fullmatch=True),
    st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT")),
)
BODIES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), TEXTS.map("try again in {}".format)
    ),
    lambda inner: st.dictionaries(
        st.sampled_from(["error", "retry_after", "message", "details", "retryDelay"]), inner, max_size=3
    ),
    max_leaves=5,
)


@given(st.lists(st.tuples(NAMES, TEXTS), max_size=4), BODIES)
def test_no_answer_makes_anybody_fail_or_wait_for_ever(headers, body):
    found = wait(tuple(headers), body, NOW)
    assert found is None or found.wait is None or (isfinite(found.wait) and 0 <= found.wait <= LONGEST)
    for each in announced(tuple(headers), NOW):
        numbers = [number for number in (each.limit, each.remaining, each.reset, each.window) if number is not None]
        assert all(isfinite(number) for number in numbers)


@given(st.integers(0, 10**7))
def test_a_delay_is_what_it_says_whether_as_seconds_or_as_a_date(seconds):
    as_date = (NOW + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert read(str(seconds), NOW).wait == read(as_date, NOW).wait == seconds
