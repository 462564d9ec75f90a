"""Histograms, confidence, objectives, validity, budget: the arithmetic under a report."""

import random
import statistics
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from load.breaker import Breaker
from load.budget import Budget
from load.call import Job
from load.histogram import Histogram, interval, resolved
from load.sample import Sample, from_record
from load.slo import evaluate, parse
from load.validity import Signals, judge
from specs import Rates
from wire.errors import UsageError
from wire.stream import StreamEnd
from wire.usage import Usage

durations = st.lists(st.integers(1, 10_000_000), min_size=1, max_size=300)


@settings(max_examples=12, deadline=None)
@given(durations)
def test_a_histogram_keeps_every_value_to_three_digits(values: list[int]) -> None:
    histogram = Histogram()
    histogram.add(values)
    ordered = sorted(values)
    for rank in (1, (len(values) + 1) // 2, len(values)):
        assert histogram.rank(rank) == pytest.approx(ordered[rank - 1] / 1000, rel=0.001, abs=0.0011)
    figures = histogram.figures()
    assert figures is not None
    assert figures["mean"] == pytest.approx(statistics.fmean(values) / 1000, abs=1e-4)


@settings(max_examples=8, deadline=None)
@given(st.lists(durations, min_size=1, max_size=4))
def test_histograms_of_workers_merge_to_the_same_figures(shares: list[list[int]]) -> None:
    whole, merged = Histogram(), Histogram()
    for share in shares:
        whole.add(share)
        part = Histogram()
        part.add(share)
        merged.merge(part)
    assert merged.figures() == whole.figures()


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


def test_too_few_values_have_no_interval() -> None:
    assert interval(100, 0.99) is None
    assert interval(5, 0.5) is None


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
]


@pytest.mark.parametrize(("text", "says"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_mistakes_in_objectives_are_named(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse(text)


REPORT: dict[str, Any] = {
    "metrics": {"ttft_ms": {"p95": 400.0, "p99": None, "max": 450.0}, "gap_ms": None},
    "counts": {"sent": 110, "in_flight": 10, "failed": 1, "rejected": 2, "truncated": 3},
    "throughput": {"goodput_per_s": 19.5},
    "cost": {"usd": "0.50"},
}
HELD = [
    ("ttft_p95<500ms", 400.0, True),
    ("ttft_p99<500ms", 450.0, True),  # not resolved, but nothing was above 450
    ("ttft_p99<430ms", 450.0, False),
    ("gap_p95<1s", None, False),
    ("failures<6%", 0.06, False),
    ("failures<=6%", 0.06, True),
    ("rejected<3%", 0.02, True),
    ("goodput>20/s", 19.5, False),
    ("usd<=0.5", 0.5, True),
]


@pytest.mark.parametrize(("text", "value", "met"), HELD, ids=[row[0] for row in HELD])
def test_objectives_are_held_against_the_report(text: str, value: float | None, met: bool) -> None:
    assert evaluate(parse(text), REPORT) == {"expr": text, "value": value, "met": met}


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
]


@pytest.mark.parametrize(("signals", "verdict", "reasons"), HEALTH)
def test_the_client_judges_itself(signals: Signals, verdict: str, reasons: int) -> None:
    judged, sentences = judge(signals)
    assert (judged, len(sentences)) == (verdict, reasons)


RATES = Rates(hit=Decimal("0.1"), miss=Decimal(1), output=Decimal(2))
JOB = Job("chat", "/x", b"{}", ceiling_tokens=1000, max_tokens=500)  # its ceiling is 0.002


def test_the_budget_is_debited_before_and_settled_after() -> None:
    budget = Budget(RATES, usd=Decimal("0.005"))
    assert [budget.debit(JOB) for _ in range(3)] == [True, True, False]
    budget.settle(JOB, Usage(prompt=1000, completion=100, hit=1000, miss=0), refused=False)
    assert budget.reserved == Decimal("0.0023")
    assert budget.debit(JOB)
    budget.settle(JOB, None, refused=False)
    assert budget.reserved == Decimal("0.0043"), "an answer without usage keeps its ceiling"
    budget.settle(JOB, None, refused=True)
    assert budget.reserved == Decimal("0.0023")


def test_a_cap_on_requests() -> None:
    budget = Budget(requests=2)
    assert [budget.debit(JOB) for _ in range(3)] == [True, True, False]


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
