"""Decides whether a level of load meets the objectives, from all requests that were due in it. Pure.

A latency objective such as ``ttft_p95<500ms`` requires that at most 5 % of the requests take 500 ms or more. This
share is tested with the binomial distribution. Requests in one queue are correlated and carry less information than
independent ones; the variance between batches shows how much less. Failed requests count as too slow. A growing
backlog would eventually break any objective, so a level at which it grows is missed, however fast its first requests
were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, inf, log, sqrt
from statistics import fmean, variance

from echosounder.load.figures.distribution import PERCENTILES
from echosounder.load.figures.interval import at_most
from echosounder.load.figures.latency import COMPLETED, latencies_us, outcome
from echosounder.load.figures.slo import SHARES, Slo
from echosounder.load.figures.tally import NEEDED
from echosounder.load.sample import Sample
from echosounder.wire.errors import UsageError

ERROR = (
    0.005  # probability of a wrong verdict: a search makes several near its result, which must hold in 95 of 100 cases
)
BATCHES = 10
TREND = 5.04  # Student's t, 8 degrees of freedom, 0.1 % on both sides
GROWS, STEADY = 5.0, 15.0  # ms a second by which a wait at least grows, and at most does not
MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Held:
    """One objective at one level: ``beyond`` of ``of`` requests exceed its limit; the share ``allowed`` may. ``met`` is None if
    undecided.
    """

    expr: str
    beyond: int
    of: int
    allowed: float
    met: bool | None


def judged(slo: Slo) -> Slo:
    """The objective, if a level can be judged by it. Raises :class:`UsageError` for one that asks for a rate or for money."""
    known = slo.statistic in PERCENTILES if slo.latency else slo.name in SHARES
    if known and slo.compare.startswith("<") and 0 < _allowed(slo) < 1:
        return slo
    raise UsageError(
        f"capacity cannot be searched by {slo.expr!r}; give percentiles of latencies and shares, like ttft_p95<500ms or failures<1%"
    )


def needed(slos: Sequence[Slo]) -> int:
    """Number of requests needed to confirm all objectives if none exceeds its limit."""
    return max(ceil(log(ERROR) / log(1 - _allowed(slo))) + 1 for slo in slos)


def held(slo: Slo, samples: Sequence[Sample]) -> Held:
    """The objectives at a level; *samples* in the order of their due times."""
    marks = [mark for sample in samples for mark in _marks(slo, sample)]
    bad, allowed, shrink = sum(marks), _allowed(slo), 1 / inflation(marks)
    of = round(len(marks) * shrink)
    met = None
    if at_most(ceil(bad * shrink), of, allowed) <= ERROR:
        met = True
    elif 1 - at_most(floor(bad * shrink) - 1, of, allowed) <= ERROR:
        met = False
    return Held(slo.expr, bad, len(marks), allowed, met)


def inflation(marks: Sequence[bool]) -> float:
    """Factor by which the variance of the mean of the marks exceeds that of independent ones; at least 1."""
    share = fmean(marks) if marks else 0.0
    size = len(marks) // BATCHES
    if size < 2 or not 0 < share < 1:
        return 1.0
    means = [fmean(marks[start : start + size]) for start in range(0, size * BATCHES, size)]
    return max(1.0, variance(means) * size / (share * (1 - share)))


def growth(samples: Sequence[Sample]) -> tuple[float, float] | None:
    """Bounds of the growth of the time to first token, ms per second, at 99.9 % confidence; None with too few samples. 10 ms per second
    is 1 % above capacity.
    """
    points = [
        ((sample.t_scheduled - samples[0].t_scheduled) / 1e9, (sample.t_first_token - sample.t_scheduled) / MS)
        for sample in samples
        if sample.t_first_token is not None
    ]
    size = len(points) // BATCHES
    if size < 2:
        return None
    batches = [points[start : start + size] for start in range(0, size * BATCHES, size)]
    times, waits = ([fmean(point[place] for point in batch) for batch in batches] for place in (0, 1))
    slope, error = _regression(times, waits)
    return slope - TREND * error, slope + TREND * error


def backlog(samples: Sequence[Sample]) -> bool | None:
    """Whether the waiting time grows from request to request. None if undecided."""
    low, high = growth(samples) or (-inf, inf)
    return True if low > GROWS else False if high < STEADY else None


def _regression(times: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """The slope of the line of least squares, and its standard error."""
    middle, mean = fmean(times), fmean(values)
    spread = sum((time - middle) ** 2 for time in times)
    if not spread:
        return 0.0, 0.0
    slope = sum((time - middle) * (value - mean) for time, value in zip(times, values, strict=True)) / spread
    left = sum((value - mean - slope * (time - middle)) ** 2 for time, value in zip(times, values, strict=True))
    return slope, sqrt(left / (len(times) - 2) / spread)


def _allowed(slo: Slo) -> float:
    """The share of requests that may exceed the limit."""
    return 1 - PERCENTILES[slo.statistic] if slo.latency else slo.limit


def _marks(slo: Slo, sample: Sample) -> list[bool]:
    """Whether each request is beyond the limit; failed requests and those without a value are."""
    if not slo.latency:
        return [outcome(sample) in SHARES[slo.name]]
    if outcome(sample) != COMPLETED:
        return [True]
    values = latencies_us(slo.name, sample)
    return [not slo.holds(value / 1000) for value in values] or [slo.name in NEEDED]
