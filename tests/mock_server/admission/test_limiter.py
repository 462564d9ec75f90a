"""The four limiters against a plain count of what was let through, and what they say to the refused."""

from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.mock_server.admission.limiter import SECOND, Limiters, rule
from echosounder.mock_server.admission.refusals import Refused
from echosounder.wire.errors import UsageError

offsets = st.lists(st.integers(0, 10 * SECOND), max_size=60).map(sorted)


def passes(limits: Limiters, now: int, key: str = "k", model: str = "m", user: str = "") -> bool:
    try:
        limits.take(key, model, user, now, clock=0)
    except Refused:
        return False
    return True


def test_concurrency_counts_what_is_in_flight() -> None:
    limits = Limiters((rule("concurrency:count=2"),))
    held = [limits.take("k", "m", "", 0, 0), limits.take("k", "m", "", 0, 0)]
    assert not passes(limits, 0)
    held[0][0].give()
    assert passes(limits, 0)


@given(offsets)
def test_a_fixed_window_never_lets_more_through(times: list[int]) -> None:
    limits = Limiters((rule("fixed:count=3,window_s=2"),))
    passed = [now for now in times if passes(limits, now)]
    windows = [now // (2 * SECOND) for now in passed]
    assert all(
        windows.count(window) == min(3, sum(now // (2 * SECOND) == window for now in times)) for window in set(windows)
    )


@given(offsets)
def test_a_sliding_window_never_lets_more_through(times: list[int]) -> None:
    limits = Limiters((rule("sliding:count=3,window_s=2"),))
    passed = [now for now in times if passes(limits, now)]
    for index, now in enumerate(times):
        before = [other for other in passed if now - 2 * SECOND < other <= now]
        assert len(before) <= 3
        assert now in passed or len(before) == 3, index


@given(offsets)
def test_a_bucket_lets_through_what_it_holds(times: list[int]) -> None:
    limits = Limiters((rule("bucket:rate=2,burst=3"),))
    level, at = 3.0, times[0] if times else 0
    for now in times:
        level, at = min(3.0, level + (now - at) * 2 / SECOND), now
        if abs(level - 1) < 1e-6:
            return  # a float could decide either way
        assert passes(limits, now) == (level >= 1)
        level -= level >= 1


@pytest.mark.parametrize("text", ["bucket:rate=2,burst=3", "fixed:count=3,window_s=2", "sliding:count=3,window_s=2"])
def test_retry_after_is_true_to_the_nanosecond(text: str) -> None:
    """What a limiter says it will wait is exactly when it lets the next one through."""
    from echosounder.mock_server.admission.limiter import Limiter

    limiter: Limiter = rule(text).make()
    now = 123_456_789
    while (wait := limiter.take(now)) is None:
        now += 1000
    assert limiter.take(now + wait - 2) is not None
    assert limiter.take(now + wait) is None


WINDOW = 2 * SECOND
START = 10 * SECOND  # where a fixed window of two seconds begins, too
EDGES = {  # a limit of three a window: when requests come, and what each is told (None: it passes)
    "sliding:count=3,window_s=2": [
        ([START] * 4, [None, None, None, WINDOW]),
        ([START] * 3 + [START + WINDOW - 1] + [START + WINDOW] * 4, [None] * 3 + [1] + [None] * 3 + [WINDOW]),
        ([START, START + 1, START + 2, *[START + WINDOW] * 2, START + WINDOW + 1], [None] * 4 + [1, None]),
    ],
    "fixed:count=3,window_s=2": [
        ([START] * 4, [None, None, None, WINDOW]),
        ([START + WINDOW - 1] * 4 + [START + WINDOW] * 4, [None] * 3 + [1] + [None] * 3 + [WINDOW]),
    ],
    "bucket:rate=2,burst=3": [  # a token each half second; the nanosecond above makes up for what a float loses
        ([START] * 4, [None, None, None, SECOND // 2 + 1]),
        ([START] * 3 + [START + SECOND // 2] * 2, [None] * 4 + [SECOND // 2 + 1]),
        ([START] * 3 + [START + SECOND // 2 - 1], [None] * 3 + [2]),
        ([START] * 3 + [START + 100 * SECOND] * 4, [None] * 6 + [SECOND // 2 + 1]),
    ],
    "concurrency:count=3": [([START] * 4 + [START + WINDOW], [None] * 3 + [SECOND] * 2)],
}


@pytest.mark.parametrize(("text", "times", "told"), [(text, *row) for text, rows in EDGES.items() for row in rows])
def test_to_the_nanosecond_at_the_edges(text: str, times: list[int], told: list[int | None]) -> None:
    limiter = rule(text).make()
    assert [limiter.take(now) for now in times] == told


def test_a_penalty_ends_with_its_last_nanosecond() -> None:
    limits = Limiters((rule("fixed:count=1,window_s=1,penalty_s=5"),))
    assert [passes(limits, now) for now in (0, 1)] == [True, False]
    assert passes(limits, 1 + 5 * SECOND)
    limits = Limiters((rule("fixed:count=1,window_s=1,penalty_s=5"),))
    assert [passes(limits, now) for now in (0, 1, 5 * SECOND)] == [True, False, False]


@pytest.mark.parametrize(("kind", "value"), [("absent", None), ("seconds", "2"), ("short", "0"), ("long", "10")])
def test_what_the_refused_are_told(kind: str, value: str | None) -> None:
    limits = Limiters((rule(f"fixed:count=1,window_s=2,retry_after={kind}"),))
    assert passes(limits, 0)
    with pytest.raises(Refused) as raised:
        limits.take("k", "m", "", 1, clock=1000.0)
    assert dict(raised.value.headers).get("retry-after") == value
    assert raised.value.status == 429


def test_retry_after_as_a_date() -> None:
    limits = Limiters((rule("fixed:count=1,window_s=20,retry_after=date"),))
    assert passes(limits, 0)
    with pytest.raises(Refused) as raised:
        limits.take("k", "m", "", 5 * SECOND, clock=1_700_000_000.0)
    assert parsedate_to_datetime(dict(raised.value.headers)["retry-after"]).timestamp() == pytest.approx(
        1_700_000_015, abs=1
    )


@pytest.mark.parametrize(
    ("scope", "same"), [("key", [False, False, False]), ("model", [True, False, False]), ("user", [True, True, False])]
)
def test_scopes(scope: str, same: list[bool]) -> None:
    limits = Limiters((rule(f"fixed:count=1,window_s=9,scope={scope}"),))
    assert passes(limits, 0)
    others = [("k", "other", ""), ("k", "m", "other"), ("k", "m", "")]
    assert [passes(limits, 0, *names) for names in others] == same


def test_other_keys_are_not_affected() -> None:
    limits = Limiters((rule("fixed:count=1,window_s=9,scope=key"),))
    assert passes(limits, 0)
    assert passes(limits, 0, key="other")


def test_a_penalty_outlasts_the_window() -> None:
    limits = Limiters((rule("fixed:count=1,window_s=1,penalty_s=5"),))
    assert passes(limits, 0)
    assert not passes(limits, 1)
    assert not passes(limits, 2 * SECOND)
    assert passes(limits, 8 * SECOND)


def test_a_refusal_by_the_second_rule_holds_nothing_of_the_first() -> None:
    limits = Limiters((rule("concurrency:count=1"), rule("fixed:count=1,window_s=1")))
    (held, _) = limits.take("k", "m", "", 0, 0)
    held.give()
    assert not passes(limits, 0)
    assert passes(limits, 2 * SECOND)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("concurency:count=3", "unknown limit 'concurency'"),
        ("concurrency", "needs count"),
        ("bucket:rate=0,burst=1", "above zero"),
        ("bucket:rate=x,burst=1", "give a number"),
        ("fixed:count=1,window=2", "has no 'window'"),
        ("fixed:count=1,window_s=2,scope=planet", "choose from key, model, user"),
    ],
)
def test_mistakes_are_named(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        rule(text)
