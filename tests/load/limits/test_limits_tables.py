"""The arithmetic of limits, function by function: edges in tables, and bounds against what a limiter of known numbers would do."""

from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.limits.bucket import constraints
from echosounder.load.limits.charge import Burst, charge
from echosounder.load.limits.concurrency import Cap, bounds
from echosounder.load.limits.policies import POLICIES, Retries, best, rest
from echosounder.load.limits.seen import INFINITY, Decision, Fit, Range, Record
from echosounder.load.limits.weighing import CountedUnit, Poured, in_unit, same
from echosounder.load.limits.windows import sliding

BUCKET, WINDOW, CAP = LimiterKind.BUCKET, LimiterKind.SLIDING, LimiterKind.CONCURRENCY


@pytest.mark.parametrize(
    ("low", "high", "mid", "rate", "error"),
    [(2, 6, 4, 3, 0.5), (5, 5, 5, 5, 0), (0, 0, 0, 0, INFINITY), (0, 4, 2, 0, 1), (1, 3, 2, 1.5, 0.5)],
)
def test_a_range_has_a_middle_a_rate_and_an_error(low, high, mid, rate, error):
    made = Range(low, high)
    assert (made.mid, made.rate, made.error) == (mid, rate, error)


def record(text, trip=0.1):
    """``"0a 1a 3r"``: an accept at 0 and at 1, a refusal at 3, each decided within *trip* seconds, served for one."""
    rows = [(float(word[:-1]), word[-1] == "a") for word in text.split()]
    return Record(
        tuple(Decision(at, at + trip, yes, at + 1, at + 1) if yes else Decision(at, at + trip, yes) for at, yes in rows)
    )


RUNS = [
    # decisions -> sizes of the runs of refusals, recoveries
    ("0a 1a 2a", [], []),
    ("0a 1r 2r", [2], []),
    ("0a 1r 2a 3r", [1, 1], [(1, 2.1)]),
    ("0a 1r 2r 3a 4a 5r 6a", [2, 1], [(2, 3.1), (5, 6.1)]),
    ("0a 1r 1.05a 1.06r 2a", [2], []),  # an accept in the air tells no two runs apart, and may have come after either
]


@pytest.mark.parametrize(("text", "runs", "recoveries"), RUNS)
def test_refusals_run_until_a_certain_accept(text, runs, recoveries):
    made = record(text)
    assert [len(run) for run in made.runs] == runs
    assert [(when.low, round(when.high, 6)) for when, _ in made.recoveries] == recoveries


def test_a_record_is_measured_from_end_to_end():
    made = record("0a 1r 2.5r 4a 6r 7a")
    assert (made.span, made.round_trip) == pytest.approx((7.1, 0.1))
    assert made.quiet == pytest.approx(1.1)
    assert made.answered == pytest.approx([0.1, 4.1, 7.1])
    assert [len(each) for each in made.latest(made.refusals)] == [1, 1, 2]
    assert [(refusal.sent, accept and accept.sent) for refusal, accept in made.turns] == [(1, 4), (6, 7)]
    assert (Record(()).span, record("0a 1a").quiet) == (0.0, INFINITY)


@pytest.mark.parametrize(("penalty", "left"), [(0.5, [1, 2.5, 6]), (1.5, [1, 2.5, 6]), (1.6, [1, 6]), (9, [1])])
def test_a_penalty_explains_the_refusals_within_it(penalty, left):
    assert [each.sent for each in record("0a 1r 2.5r 4a 6r 7a").unpunished(penalty).refusals] == left


@pytest.mark.parametrize(("cap", "left"), [(1, []), (2, [0.5]), (3, [0.5, 0.8])])
def test_a_cap_explains_the_refusals_at_which_it_may_be_full(cap, left):
    """One in flight at 0.5, two at 0.8; each is served for a second."""
    made = record("0a 0.5r 0.6a 0.8r")
    assert [each.sent for each in made.below(cap, 0.0).refusals] == left


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.floats(0.5, 4), st.lists(st.floats(0.05, 1.5), min_size=8, max_size=30))
def test_the_bounds_of_a_burst_hold_the_bucket_that_made_the_record(burst, rate, gaps):
    """Played by hand: tokens refill with time, and a request takes one where one is left, in the middle of its flight."""
    tokens, at, rows = float(burst), 0.0, []
    for gap in gaps:
        at += gap
        tokens = min(tokens + gap * rate, burst)
        rows.append(Decision(at - 0.01, at + 0.01, tokens >= 1))
        tokens -= tokens >= 1
    given = constraints(Record(tuple(rows)))
    assert given.least(rate) <= max(burst, 0.02 * rate + 1) + 1e-9
    if given.refusals:
        assert given.most(rate) >= burst - 1e-9


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 4), st.floats(2, 6), st.lists(st.floats(0.05, 1.5), min_size=12, max_size=40))
def test_a_sliding_window_is_within_the_bounds_of_its_record(limit, length, gaps):
    at, accepts, rows = 0.0, [], []
    for gap in gaps:
        at += gap
        served = sum(each > at - length for each in accepts) < limit
        accepts += [at] if served else []
        rows.append(Decision(at - 0.01, at + 0.01, served))
    found = sliding(Record(tuple(rows)))
    if found.strain != INFINITY:
        assert found.strain == 0
        assert found.limit.low <= limit <= found.limit.high
        assert found.window.low <= length <= found.window.high


CAPS = [
    # low, high, resumes at, at most -> strain, plain
    ((3, 3, 2, 2), 0.0, True),
    ((3, 5, 0, 2), 0.0, True),
    ((3, 5, 0, 1), 0.0, False),  # one free place was not enough
    ((4, 3, 0, 9), 0.25, False),
    ((4, 5, 3, 1), 0.5, False),
    ((2, 5, 0, -1), 0.5, False),
    ((0, 0, 0, -2), 2.0, False),
]


@pytest.mark.parametrize(("numbers", "strain", "plain"), CAPS)
def test_bounds_of_a_cap_that_cross_are_a_strain(numbers, strain, plain):
    assert (Cap(*numbers).strain, Cap(*numbers).plain) == (strain, plain)


def test_a_cap_is_at_least_what_was_served_at_once_and_at_most_what_was_in_flight_at_a_refusal():
    found = bounds(record("0a 0.2a 0.4r 2a"), 0.0)
    assert (found.low, found.high) == (2, 2)
    assert bounds(record("0a 2a 4r"), 0.0).high == 0


CHARGES = [
    # accepted, refused, fell of two bursts -> each, each refused
    ((4, 0, 8), (2, 6, 4), 2, 0),
    ((4, 0, 8), (2, 6, 10), 2, 1),
    ((3, 1, 7), (1, 3, 5), 2, 1),
    ((4, 0, 8), (4, 0, 8), None, None),
    ((4, 0, 0), (2, 6, 3), None, None),
    ((4, 0, 8), (2, 6, 3), 2, None),
]


@pytest.mark.parametrize(("one", "two", "each", "lost"), CHARGES)
def test_two_bursts_are_two_equations_in_two_prices(one, two, each, lost):
    first, second = (Burst(a, b, Decimal(fell)) for a, b, fell in (one, two))
    found = charge(first, second)
    assert (found.accepted, found.refused) == (each, lost)
    assert bool(found.says) is (lost is None)
    assert each is None or isinstance(found.accepted, Fraction)


def test_what_is_counted_changes_the_unit_of_a_limit():
    """The number was served and the next was refused: the limit is up to one request more."""
    five = Range(5, 5)
    assert in_unit(None, CountedUnit("bytes", 10)) is None
    assert in_unit(five, CountedUnit("requests")) == five
    told = in_unit(five, CountedUnit("bytes", 10))
    assert (told.low, told.high) == pytest.approx((50, 59.99))
    told = in_unit(five, CountedUnit("tokens used", 10))
    assert (told.low, told.high) == pytest.approx((40.01, 50))
    told = in_unit(five, CountedUnit("cost", 10, error=0.1), whole=False)
    assert (told.low, told.high) == pytest.approx((45, 55))


@pytest.mark.parametrize(
    ("served", "before", "fits"),
    [(3, 0, False), (4, 0, True), (6, 0, True), (7, 0, False), (2, 2, True), (5, 2, False)],
)
def test_a_limiter_is_the_same_give_or_take_one(served, before, fits):
    assert same(Poured(served, 1.0, before), Fit(WINDOW, 0.0, Range(5, 5), Range(1, 1))) is fits


@pytest.mark.parametrize(("served", "unseen", "fits"), [(3, 0, False), (10, 0, True), (11, 0, False), (11, 1, True)])
def test_a_bucket_refills_meanwhile(served, unseen, fits):
    """Five, and two a second for two seconds, and one."""
    assert same(Poured(served, 2.0, unseen=unseen), Fit(BUCKET, 0.0, Range(1, 2), burst=Range(5, 5))) is fits


def test_a_request_is_as_dear_as_fewer_are_served():
    window = Fit(WINDOW, 0.0, Range(9, 11), Range(1, 1))
    assert Poured(4, 1.0).dearer(window) == pytest.approx(10 / 4.5 * 1.05)
    assert Poured(4, 1.0, before=2).dearer(window) == pytest.approx(8 / 4.5 * (1 + 0.5 / 8))
    bucket = Fit(BUCKET, 0.0, Range(2, 2), burst=Range(4, 6))
    assert Poured(4, 3.0).dearer(bucket) == pytest.approx(11 / 4.5 * (1 + 0.5 / 11))


RESTS = [
    (Fit(BUCKET, 0.0, Range(2, 4), burst=Range(5, 10)), 5.0),
    (Fit(WINDOW, 0.0, Range(5, 5), Range(9, 10)), 10.0),
    (Fit(WINDOW, 0.0, Range(5, 5), Range(9, 10), fading=True), 20.0),
    (Fit(CAP, 0.0, Range(5, 5), lag=0.7), 0.7),
]


@pytest.mark.parametrize(("fit", "seconds"), RESTS)
def test_a_limiter_is_as_it_was_after_its_longest_memory(fit, seconds):
    assert rest(SimpleNamespace(fit=fit, penalty=None)) == seconds
    if fit.kind is not BUCKET:
        assert rest(SimpleNamespace(fit=fit, penalty=3.0)) == seconds + 3


def test_a_policy_waits_as_its_name_says():
    random = SimpleNamespace(uniform=lambda low, high: (low, high))
    waits = {name: [delay(attempt, 7.0, random, 0.5) for attempt in (0, 1, 3)] for name, delay in POLICIES.items()}
    assert waits == {
        "none": [None] * 3,
        "fixed": [0.5] * 3,
        "exponential-jitter": [(0, 0.5), (0, 1.0), (0, 4.0)],
        "retry-after": [7.0] * 3,
    }


def test_the_best_client_gives_up_least_then_asks_least_then_is_fastest():
    def client(name, done, abandoned, sent, seconds):
        return Retries(name, 10, done, abandoned, sent, seconds, rest=1.0)

    hasty, calm, slow = client("a", 6, 4, 10, 1.0), client("b", 10, 0, 20, 3.0), client("c", 10, 0, 20, 4.0)
    assert best([hasty, slow, calm]) is calm
    assert best([slow, client("d", 10, 0, 15, 9.0)]).policy == "d"
    assert best([hasty]) is hasty
    assert best([client("e", 5, 5, 10, 1.0)]) is None
    assert best([]) is None
    assert (calm.goodput_per_s, calm.requests_per_job) == (2.5, 2.0)
    assert (Retries("f", 1, 0, 1, 1, 0.0).goodput_per_s, Retries("f", 1, 0, 1, 1, 0.0).requests_per_job) == (0.0, None)
