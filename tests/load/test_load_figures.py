"""Histograms, confidence, objectives, validity, budget: the arithmetic under a report."""

import random
import statistics
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder import specs
from echosounder.load.client.call import Job
from echosounder.load.figures import hdr
from echosounder.load.figures.distribution import around, figures
from echosounder.load.figures.histogram import DAY_US, Grouped, Histogram
from echosounder.load.figures.interval import GROUPS, between_groups, interval, resolved
from echosounder.load.figures.slo import evaluate, parse
from echosounder.load.figures.validity import Signals, busiest, judge
from echosounder.load.sample import Sample, from_record
from echosounder.load.worker.breaker import Breaker
from echosounder.load.worker.budget import LoadBudget
from echosounder.specs import Rates
from echosounder.wire.errors import UsageError
from echosounder.wire.latency import nearest_rank
from echosounder.wire.prices import dearest
from echosounder.wire.stream import StreamEnd
from echosounder.wire.usage import Usage

try:
    from hdrh.histogram import HdrHistogram
except ImportError:
    HdrHistogram = None
oracle = pytest.mark.skipif(HdrHistogram is None, reason="hdrhistogram has no wheel for this machine")
durations = st.lists(st.integers(1, 10_000_000), min_size=1, max_size=300)


@settings(max_examples=12, deadline=None)
@given(durations)
def test_a_histogram_keeps_every_value_to_three_digits(values: list[int]) -> None:
    histogram = Histogram()
    histogram.add(values)
    ordered = sorted(values)
    for rank in (1, (len(values) + 1) // 2, len(values)):
        assert histogram.rank(rank) == pytest.approx(ordered[rank - 1] / 1000, rel=0.001, abs=0.0011)
    made = figures(histogram)
    assert made is not None
    assert made["mean"] == pytest.approx(statistics.fmean(values) / 1000, abs=1e-4)
    assert made["max"] == ordered[-1] / 1000, "to the last digit"
    assert all(made[name] <= made["max"] for name in ("p50", "p90", "p95", "p99", "p999") if made[name] is not None)


@oracle
@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 2 * DAY_US), min_size=1, max_size=100))
def test_a_histogram_is_that_of_the_library_with_one_value_after_the_other(values: list[int]) -> None:
    ours, library = Histogram(), HdrHistogram(1, DAY_US, 3)
    ours.add(values)
    for value in values:
        library.record_value(min(max(value, 1), DAY_US))
    theirs = HdrHistogram.decode(ours.encode())
    assert list(theirs.counts) == list(library.counts)
    assert ours.encode() == library.encode().decode("ascii")
    assert ours.largest == max(values) / 1000
    for share in (0.001, 0.5, 0.9, 0.99, 1.0):
        at_share = library.get_value_at_percentile(100 * nearest_rank(share, len(values)) / len(values))
        assert ours.quantile(share) == min(at_share, max(values)) / 1000


@oracle
def test_buckets_lie_side_by_side_and_are_those_of_the_library() -> None:
    library = HdrHistogram(1, DAY_US, 3)
    assert library.counts_len == hdr.BUCKETS
    for number in (*range(1, 5000), *range(5000, hdr.bucket(DAY_US), 97)):
        assert hdr.highest(number) == library.get_highest_equivalent_value(library.get_value_from_index(number))
        assert (hdr.bucket(hdr.highest(number)), hdr.bucket(hdr.highest(number) + 1)) == (number, number + 1)


@settings(max_examples=8, deadline=None)
@given(st.lists(durations, min_size=1, max_size=4))
def test_histograms_of_workers_merge_to_the_same_figures(shares: list[list[int]]) -> None:
    whole, merged = Histogram(), Histogram()
    for share in shares:
        whole.add(share)
        part = Histogram()
        part.add(share)
        merged.merge(part)
    assert figures(merged) == figures(whole)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(0, GROUPS - 1), durations), min_size=1, max_size=6))
def test_a_histogram_in_groups_holds_what_one_without_does(shares: list[tuple[int, list[int]]]) -> None:
    grouped, plain = Grouped(GROUPS), Histogram()
    for group, values in shares:
        grouped.add_to(group, values)
        plain.add(values)
        assert grouped.quantile(0.5) == plain.quantile(0.5)
    assert [grouped.rank(rank) for rank in range(1, grouped.count + 1)] == [
        plain.rank(rank) for rank in range(1, plain.count + 1)
    ]
    assert sum(group.count for group in grouped.groups) == plain.count


@pytest.mark.parametrize(
    ("count", "share", "tells"), [(99, 0.99, False), (100, 0.99, True), (999, 0.999, False), (2, 0.5, True)]
)
def test_percentiles_need_values_beyond_them(count: int, share: float, tells: bool) -> None:
    assert resolved(count, share) is tells


@pytest.mark.parametrize(("count", "share"), [(200, 0.5), (500, 0.95), (3000, 0.95), (3000, 0.99)])
def test_the_interval_holds_the_true_percentile_in_95_of_100_runs(count: int, share: float) -> None:
    """Drawn from the uniform distribution, whose quantiles are known. 95 % ± three standard errors of 400 runs."""
    draw = random.Random(7)
    bounds = interval(count, share)
    assert bounds is not None
    held = 0
    for _ in range(400):
        values = sorted(draw.random() for _ in range(count))
        held += values[bounds[0] - 1] <= share <= values[bounds[1] - 1]
    assert held / 400 == pytest.approx(0.955, abs=0.035)


def beyond(count: int, share: Fraction, low: int, high: int) -> tuple[float, float]:
    """P(B < low) and P(B >= high) of a binomial B, in whole numbers."""
    yes, no = share.numerator, share.denominator - share.numerator
    mass = [comb(count, k) * yes**k * no ** (count - k) for k in range(count + 1)]
    return float(Fraction(sum(mass[:low]), sum(mass))), float(Fraction(sum(mass[high:]), sum(mass)))


@pytest.mark.parametrize(
    ("count", "share", "spare"), [(1999, 0.5, 1), (2000, 0.5, 1), (2500, 0.5, 1), (3000, 0.5, 1), (2100, 0.95, 3)]
)
def test_both_ranks_of_the_interval_leave_two_and_a_half_percent(count: int, share: float, spare: int) -> None:
    """At most, and more where they were ``spare`` ranks nearer: from 2000 values on by the normal distribution."""
    ranks = interval(count, share)
    assert ranks is not None
    exact = Fraction(share).limit_denominator(100)
    assert max(beyond(count, exact, *ranks)) <= 0.025
    assert min(beyond(count, exact, ranks[0] + spare, ranks[1] - spare)) > 0.025


def test_too_few_values_have_no_interval() -> None:
    assert interval(100, 0.99) is None
    assert interval(5, 0.5) is None
    assert between_groups([Histogram() for _ in range(GROUPS)], 1.0, 0.5) is None


def test_the_interval_of_gaps_knows_that_those_of_one_stream_are_alike() -> None:
    """Streams each have a pace of their own, lognormal with median 20 ms, and so has the median of all gaps."""
    draw = random.Random(11)
    by_groups = by_values = 0
    for _ in range(40):
        gaps = Grouped(GROUPS)
        for stream in range(80):
            pace = 20_000 * draw.lognormvariate(0, 0.3)
            gaps.add_to(stream % GROUPS, (round(pace * draw.uniform(0.95, 1.05)) // 20 * 20 for _ in range(20)))
        found = figures(gaps)
        assert found is not None
        by_groups += found["p50_ci"][0] <= 20 <= found["p50_ci"][1]
        ranks = interval(gaps.count, 0.5)
        assert ranks is not None
        by_values += gaps.rank(ranks[0]) <= 20 <= gaps.rank(ranks[1])
    assert by_groups >= 34, "95 % less three standard errors"
    assert by_values <= 24, "as if each gap was a new experiment: much too narrow"


def censored(seen_ms: list[int], ages_ms: list[int]) -> dict[str, Any]:
    seen, ages = Histogram(), Histogram()
    seen.add(value * 1000 for value in seen_ms)
    ages.add(value * 1000 for value in ages_ms)
    made = figures(seen, ages)
    assert made is not None
    return made


def test_requests_that_hang_make_no_percentile_look_good() -> None:
    """A third of them: the median is known, the 95th percentile is somewhere above the age at which they were given up."""
    made = censored([20] * 60, [3000] * 30)
    assert (made["count"], made["censored"]) == (60, 30)
    assert made["p50"] == pytest.approx(20, rel=0.001)
    assert made["p90"] == made["p95"] == pytest.approx(3000, rel=0.001)
    assert made["at_least"] == ["mean", "p90", "p95", "max"]
    assert made["p95_ci"] is None
    assert made["p50_ci"] is not None


def test_streams_that_are_cut_young_leave_the_percentiles_that_they_cannot_move() -> None:
    even = censored(list(range(1000, 2000)), [1] * 4)
    assert even["at_least"] == ["mean", "p999", "max"]
    assert even["p50"] == pytest.approx(1500, rel=0.01)
    steep = censored([*range(1, 991), *range(5000, 5010)], [1] * 9)
    assert "p99" in steep["at_least"], "nine more above it, and it is five seconds"
    many = censored([*range(1, 9921), *[50_000] * 80], [1] * 50)
    assert ("p99" in many["at_least"], many["p99_ci"]) == (True, None), "no interval around what is not known"
    none = censored(list(range(1, 1000)), [])
    assert (none["censored"], none["at_least"]) == (0, [])


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)), min_size=1, max_size=200).filter(
        lambda waits: any(whole <= patience for whole, patience in waits)
    )
)
def test_a_figure_with_requests_given_up_is_never_above_the_truth_and_says_when_it_may_be_below(
    waits: list[tuple[int, int]],
) -> None:
    """Each request takes so long, and is given up after so long: the truth is what no patience would have cut."""
    made = censored([took for took, patience in waits if took <= patience], [p for took, p in waits if took > p])
    truth = Histogram()
    truth.add(took * 1000 for took, _ in waits)
    true = figures(truth)
    assert true is not None
    for name in ("p50", "p90", "p95", "p99", "mean", "max"):
        if made[name] is not None:
            assert made[name] <= true[name] * 1.0011
            assert name in made["at_least"] or made[name] >= true[name] / 1.0121


OBJECTIVES = [
    ("ttft_p95<500ms", ("ttft", "p95", "<", 500.0)),
    ("TTFT_P999 <= 1.5s", ("ttft", "p999", "<=", 1500.0)),
    ("e2e_from_schedule_mean<900us", ("e2e_from_schedule", "mean", "<", 0.9)),
    ("failures<1%", ("failures", "", "<", 0.01)),
    ("goodput>20/s", ("goodput", "", ">", 20.0)),
    ("usd<=0.5", ("usd", "", "<=", 0.5)),
]


@pytest.mark.parametrize(("text", "parts"), OBJECTIVES, ids=[row[0] for row in OBJECTIVES])
def test_objectives_are_read(text: str, parts: tuple[Any, ...]) -> None:
    slo = parse(text)
    assert (slo.name, slo.statistic, slo.compare, slo.limit) == parts


MISTAKES = [
    ("ttft_p95", "write it like"),
    ("tfft_p95<500ms", "did you mean ttft_p95"),
    ("ttft_p96<500ms", "did you mean ttft_p9"),
    ("ttft_p95<500", "needs a unit of time"),
    ("goodput>20%", "makes no sense"),
    ("failures<1ms", "makes no sense"),
    ("usd<1/s", "makes no sense"),
    ("ttft_p95=500ms", "write it like"),
    ("failures<5", "none is more than 100%.*did you mean failures<5%"),
    ("failures<1", "did you mean failures<1%"),
    ("hit_ratio>50", "did you mean hit_ratio>50%"),
    ("rejected<300%", "none is more than 100%"),
]


@pytest.mark.parametrize(("text", "says"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_mistakes_in_objectives_are_named(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse(text)


REPORT: dict[str, Any] = {
    "metrics": {
        "ttft_ms": {"p50": 380.0, "p50_ci": [350.0, 410.0], "p95": 400.0, "p99": None, "max": 450.0},
        "e2e_ms": {"p50": 900.0, "p95": 3000.0, "p99": None, "max": 3000.0, "at_least": ["p95", "max"]},
        "gap_ms": None,
    },
    "counts": {"sent": 110, "in_flight": 10, "failed": 1, "rejected": 2, "truncated": 3},
    "throughput": {"goodput_per_s": 19.5},
    "cost": {"usd": "0.50", "unpriced": 0},
}
HELD = [
    ("ttft_p95<500ms", 400.0, True),
    ("ttft_p99<500ms", None, None),  # not resolved
    ("ttft_p99<430ms", None, None),
    ("gap_p95<1s", None, None),
    ("failures<6%", 0.06, False),
    ("failures<=6%", 0.06, True),
    ("rejected<3%", 0.02, True),
    ("goodput>20/s", 19.5, False),
    ("usd<=0.5", 0.5, True),
]


@pytest.mark.parametrize(("text", "value", "met"), HELD, ids=[row[0] for row in HELD])
def test_objectives_are_held_against_the_report(text: str, value: float | None, met: bool | None) -> None:
    assert evaluate(parse(text), REPORT) == {"expr": text, "value": value, "met": met}


STRADDLING = [
    ("ttft_p50<500ms", True),
    ("ttft_p50<411ms", True),
    ("ttft_p50<400ms", None),  # 380, but another run could say 410
    ("ttft_p50<360ms", None),
    ("ttft_p50<350ms", False),
    ("ttft_p50<=350ms", None),
    ("ttft_p50>340ms", True),
]


@pytest.mark.parametrize(("text", "met"), STRADDLING, ids=[row[0] for row in STRADDLING])
def test_an_objective_within_the_interval_of_its_figure_is_undecided(text: str, met: bool | None) -> None:
    held = evaluate(parse(text), REPORT)
    assert (held["met"], held["interval"]) == (met, [350.0, 410.0])


AROUND: list[tuple[list[int], str, tuple[float, float]]] = [
    ([20] * 40, "p50", (20, 20)),
    ([10, 20, 30], "p95", (10, 30)),  # so few tell nothing but what they are
    ([10, 20, 30], "mean", (10, 30)),
    ([*range(1, 101)], "max", (100, 100)),
    ([*range(1, 401)], "p90", (348, 372)),
    ([100] * 50 + [200] * 50, "mean", (140.15, 159.85)),  # 150 ± 1.96 * 50.25 / 10
]


@pytest.mark.parametrize(("values_ms", "statistic", "interval_ms"), AROUND)
def test_every_statistic_has_an_interval(
    values_ms: list[int], statistic: str, interval_ms: tuple[float, float]
) -> None:
    seen = Histogram()
    seen.add(value * 1000 for value in values_ms)
    assert around(seen, None, statistic) == pytest.approx(interval_ms, rel=0.001)
    assert around(Histogram(), None, statistic) is None


def test_the_mean_of_gaps_is_no_better_known_than_the_pace_of_the_streams() -> None:
    gaps = Grouped(GROUPS)
    for group in range(GROUPS):
        gaps.add_to(group, [10_000 * (1 + group % 2)] * 1000)
    found = around(gaps, None, "mean")
    assert found is not None
    assert (found[0] < 13, found[1] > 17) == (True, True)


HEALTH = [
    (Signals(), "valid", 0),
    (Signals(dispatch_ms=5, lag_ms=1, read_ms=1, cpu=0.5, unsent=0.0, kernel_stamps=1), "valid", 0),
    (Signals(dispatch_ms=11), "degraded", 1),
    (Signals(dispatch_ms=101), "invalid", 1),
    (Signals(lag_ms=30, kernel_stamps=1), "valid", 0),
    (Signals(lag_ms=30), "degraded", 1),
    (Signals(cpu=0.99), "invalid", 1),
    (Signals(cpu=0.99, kernel_stamps=1), "degraded", 1),
    (Signals(lost_workers=1, read_ms=500), "invalid", 2),
    (Signals(unsent=0.2), "invalid", 1),
    (Signals(unanswered=9), "invalid", 1),
    (Signals(unfinished=9), "degraded", 1),
]


@pytest.mark.parametrize(("signals", "verdict", "reasons"), HEALTH)
def test_the_client_judges_itself(signals: Signals, verdict: str, reasons: int) -> None:
    judged, sentences = judge(signals)
    assert (judged, len(sentences)) == (verdict, reasons)


RATES = Rates(hit=Decimal("0.1"), miss=Decimal(1), output=Decimal(2))
JOB = Job("chat", "/x", b"{}", ceiling_tokens=1000, max_tokens=500)  # its ceiling is 0.002


def test_the_budget_is_debited_before_and_settled_after() -> None:
    budget = LoadBudget(RATES, usd=Decimal("0.005"))
    assert [budget.debit(JOB) for _ in range(3)] == [True, True, False]
    budget.settle(JOB, Usage(prompt=1000, completion=100, hit=1000, miss=0), refused=False)
    assert budget.reserved == Decimal("0.0023")
    assert budget.debit(JOB)
    budget.settle(JOB, None, refused=False)
    assert budget.reserved == Decimal("0.0043"), "an answer without usage keeps its ceiling"
    budget.settle(JOB, None, refused=True)
    assert budget.reserved == Decimal("0.0023")


def test_a_ceiling_is_at_the_highest_price_of_the_day_and_a_bill_at_that_of_the_moment() -> None:
    peak = Rates(hit=Decimal("0.2"), miss=Decimal(2), output=Decimal(4))
    budget = LoadBudget(peak, usd=Decimal("0.005"), paid=lambda: RATES)
    assert [budget.debit(JOB) for _ in range(2)] == [True, False]  # a ceiling is 0.004
    budget.settle(JOB, Usage(prompt=1000, completion=100, hit=1000, miss=0), refused=False)
    assert budget.reserved == Decimal("0.0003")


@pytest.mark.parametrize("hour", [0, 2, 5, 8, 12])
def test_what_a_cap_counts_with_does_not_depend_on_the_hour(hour: int) -> None:
    at = datetime(2026, 9, 1, hour, tzinfo=UTC)
    now, most = specs.price("deepseek-v4-flash", at), dearest("deepseek-v4-flash", at)
    assert most is not None
    assert (most.hit, most.miss, most.output) == (Decimal("0.014"), Decimal("0.44"), Decimal("1.32"))
    assert now.output <= most.output


def test_a_cap_on_requests() -> None:
    budget = LoadBudget(requests=2)
    assert [budget.debit(JOB) for _ in range(3)] == [True, True, False]


BOUNDS = [
    ("e2e_p50<1s", 900.0, True, False),
    ("e2e_p95<5s", 3000.0, None, True),  # it may be longer than that
    ("e2e_p95>5s", 3000.0, None, True),
    ("e2e_p95<2s", 3000.0, False, True),
    ("e2e_p95>2s", 3000.0, True, True),
    ("usd<=0.5", 0.5, None, True),
    ("usd<=0.4", 0.5, False, True),
]


@pytest.mark.parametrize(("text", "value", "met", "at_least"), BOUNDS, ids=[row[0] for row in BOUNDS])
def test_a_lower_bound_does_not_meet_an_objective_that_asks_for_less(
    text: str, value: float, met: bool, at_least: bool
) -> None:
    report = {**REPORT, "cost": {"usd": "0.50", "unpriced": 3}}
    expected = {"expr": text, "value": value, "met": met} | ({"at_least": True} if at_least else {})
    assert evaluate(parse(text), report) == expected


def made(failure: str = "", status: int | None = 200, end: StreamEnd = StreamEnd.DONE) -> Sample:
    return Sample("0-1", "chat", "measured", end, 1, 1, failure=failure, status=status)


def test_the_breaker_trips_on_failures_in_a_row() -> None:
    breaker = Breaker(3)
    bad = made("http-500", 500, StreamEnd.REFUSED)
    assert [breaker.observe(each) for each in (bad, bad, made(), bad, bad)] == [None] * 5
    trip = breaker.observe(bad)
    assert trip is not None
    assert "http-500" in trip.reason


@pytest.mark.parametrize(("status", "kind"), [(401, "key-refused"), (402, "no-balance"), (403, "key-refused")])
def test_the_breaker_trips_at_once_on_a_refused_key(status: int, kind: str) -> None:
    trip = Breaker(100).observe(made(f"http-{status}", status, StreamEnd.REFUSED))
    assert trip is not None
    assert trip.kind == kind


def test_a_limiter_at_work_is_no_reason_to_stop() -> None:
    breaker = Breaker(2)
    assert [breaker.observe(made("http-429", 429, StreamEnd.REFUSED)) for _ in range(5)] == [None] * 5


def test_samples_survive_the_log() -> None:
    sample = Sample(
        "1-7",
        "chat",
        "measured",
        StreamEnd.DONE,
        5,
        6,
        status=200,
        t_sent=7,
        gaps_us=(1, 2),
        usage=Usage(prompt=3, hit=0, miss=3),
        events=9,
    )
    assert from_record(sample.record()) == sample
    assert from_record({**made(status=None).record(), "a later member": 1}) == made(status=None)


SECOND = 10**9


@pytest.mark.parametrize(
    ("ticks", "share"),
    [
        ([(0, 1.0)], 1.0),
        ([(0, 1.0), (SECOND, 0.5)], 0.5),
        ([(0, 1.0), (SECOND, 0.2), (2 * SECOND, 0.7), (3 * SECOND, 0.3), (4 * SECOND, 1.0)], 0.7),
        # a tick that came late, and the next right after it
        ([(0, 1.0), (SECOND, 0.2), (int(2.9 * SECOND), 0.1), (3 * SECOND, 1.0), (4 * SECOND, 0.2), (5 * SECOND, 0.2)], 0.27),
        # short runs: all of it is one window
        ([(0, 1.0), (SECOND // 2, 0.2), (SECOND // 2 + 1, 1.0), (SECOND, 0.4)], 0.3),
        ([(0, 1.0), (0, 0.4)], 0.0),
    ],
)  # fmt: skip
def test_the_share_of_a_core_is_that_of_a_time_worth_looking_at(ticks, share):
    assert busiest(ticks) == pytest.approx(share, abs=0.01)
