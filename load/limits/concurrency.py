"""Fits a cap on requests in flight: at least the number certainly in flight at once, at most the number possibly in
flight at a refusal.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.limits.seen import INFINITY, Decision, Fit, Range, Record, impossible

MAX_LAG = 1.0  # s; a limiter whose places stay occupied for longer after the answer is of another kind
LAG_STEPS = 12
LAG_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Cap:
    """Bounds on the cap, and on the number in flight at which a limiter accepts again after a refusal."""

    low: int
    high: float
    resume_low: int
    resume_high: float

    @property
    def strain(self) -> float:
        """Amount by which the bounds contradict each other, relative to the cap."""
        over = max(self.low - self.high, self.resume_low - self.resume_high, -self.resume_high, 0)
        return over / max(self.low, 1)

    @property
    def plain(self) -> bool:
        """Whether one free place sufficed for the next accept, so that there is no hysteresis."""
        return self.strain == 0 and self.resume_high >= self.low - 1


def fit(record: Record, slack: float) -> Fit:
    """Fit a cap to the record. ``slack``: time after its last byte for which a request may still count, s."""
    if not record.refusals or not record.accepts:
        return impossible(LimiterKind.CONCURRENCY)
    cap = bounds(record, slack)
    if cap.plain:
        return _fit(cap, 0.0)
    lag = _lag(record, slack)
    if lag is not None:
        return _fit(bounds(record, slack, lag), lag)
    return _fit(cap, 0.0)


def bounds(record: Record, slack: float, lag: float = 0.0) -> Cap:
    """Bounds that follow if every request counts for *lag* seconds after its last byte."""
    ends = sorted(each.ended + lag + slack for each in record.accepts)
    sure = sorted(each.sure + lag for each in record.accepts)
    served = _peak(record, lag)
    possible = {
        id(each): bisect_left(record.sent, each.answered) - bisect_right(ends, each.sent) for each in record.refusals
    }
    high = min((max(possible[id(each)] for each in _first(run)) for run in record.runs), default=INFINITY)
    resume_low, resume_high = 0, min(possible.values(), default=INFINITY) - 1
    for accept in record.accepts:
        certain = max(bisect_right(record.answered, accept.sent) - bisect_left(sure, accept.answered), 0)
        served = max(served, certain + 1)
        if record.blocked_by(accept) is not None:
            resume_low = max(resume_low, certain)
    return Cap(served, high, resume_low, resume_high)


def _fit(cap: Cap, lag: float) -> Fit:
    high = min(cap.high, cap.resume_high + 1) if cap.plain else cap.high
    resume = None if cap.plain or cap.strain else Range(cap.resume_low, cap.resume_high)
    return Fit(LimiterKind.CONCURRENCY, cap.strain, Range(cap.low, max(high, cap.low)), resume=resume, lag=lag)


def _lag(record: Record, slack: float) -> float | None:
    """The middle of the range of lags with which the record is that of a plain cap; None if there is no such lag.

    A longer lag also raises the number that was certainly served at once, so the search is repeated with each result.
    """
    shortest = 0.0
    for _ in range(LAG_ROUNDS):
        cap = bounds(record, slack, shortest)
        if cap.plain:
            longest = _edge(lambda lag: not bounds(record, slack, lag).plain, shortest, MAX_LAG)
            return (shortest + longest) / 2
        shortest = _edge(partial(_enough, record, slack, cap.low), 0.0, MAX_LAG)
    return None


def _enough(record: Record, slack: float, served: int, lag: float) -> bool:
    """Whether *served* requests may have been in flight at each refusal."""
    cap = bounds(record, slack, lag)
    return cap.high >= served and cap.resume_high >= served - 1


def _edge(reached: Callable[[float], bool], low: float, high: float) -> float:
    """The lowest value for which *reached* is true, by bisection; it must be monotonic."""
    for _ in range(LAG_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def _first(run: list[Decision]) -> Iterator[Decision]:
    """Refusals of a run that may have been its first, which are due to the cap and not to an earlier refusal."""
    soonest = min(each.answered for each in run)
    return (each for each in run if each.sent < soonest)


def _peak(record: Record, lag: float) -> int:
    """The maximum number of requests that were certainly in flight at once."""
    level = peak = 0
    for _, change in sorted(_changes(record.accepts, lag)):
        level += change
        peak = max(peak, level)
    return peak


def _changes(accepts: tuple[Decision, ...], lag: float) -> Iterator[tuple[float, int]]:
    for each in accepts:
        yield each.answered, 1
        yield each.sure + lag, -1
