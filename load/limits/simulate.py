"""Simulates a fitted limiter on the sent requests: its decision for each.

Bounds show what is impossible; the simulation shows what is likely. A bucket that refills in microseconds can explain
one refusal by two simultaneous requests, but not a hundred refusals. The share of correctly predicted decisions is the
reported confidence, and charts show these decisions beside the real ones.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from math import floor

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.limits.seen import Decision, Fit, Record

Model = Callable[[float, Decision], bool]  # (time of a request, its real decision) -> whether the model would serve it


def predictions(record: Record, fit: Fit) -> Iterator[tuple[Decision, float, bool]]:
    """``(decision, time, served by the model)`` in the order of time; after each decision the model continues from what was observed."""
    model = MODELS[fit.kind](fit)
    for each in sorted(record.all, key=middle):
        yield each, middle(each), model(middle(each), each)


def agreement(record: Record, fit: Fit) -> float:
    """The share of decisions that the model predicts correctly."""
    right = [served == each.accepted for each, _, served in predictions(record, fit)]
    return sum(right) / len(right) if right else 1.0


def middle(each: Decision) -> float:
    return (each.sent + each.answered) / 2


def _concurrency(fit: Fit) -> Model:
    cap = fit.limit.mid if fit.limit else 0.0
    resume = fit.resume.mid if fit.resume else cap - 1
    ends: list[float] = []
    blocked = False

    def model(now: float, each: Decision) -> bool:
        nonlocal blocked
        while ends and ends[0] <= now:
            heappop(ends)
        served = len(ends) <= resume if blocked else len(ends) < cap
        blocked = not each.accepted
        if each.accepted:
            heappush(ends, (each.sure + each.ended) / 2 + fit.lag)
        return served

    return model


def _bucket(fit: Fit) -> Model:
    if fit.portion:
        return _portions(fit)
    rate, burst = (fit.limit.rate if fit.limit else 0.0), (fit.burst.mid if fit.burst else 0.0)
    level, at = burst, 0.0

    def model(now: float, each: Decision) -> bool:
        nonlocal level, at
        level, at = min(burst, level + (now - at) * rate), now
        served = level >= 1
        level = max(level - each.accepted, 0.0)
        return served

    return model


def _portions(fit: Fit) -> Model:
    burst, period, phase = (fit.burst.mid if fit.burst else 0.0), fit.period or 1.0, fit.phase or 0.0
    level, filled = burst, float("-inf")

    def model(now: float, each: Decision) -> bool:
        nonlocal level, filled
        fills = (now - phase) // period
        level, filled = min(burst, level + (fills - filled) * fit.portion), fills
        served = level >= 1
        level = max(level - 1, 0.0) if each.accepted else 0.0
        return served

    return model


def _sliding(fit: Fit) -> Model:
    if fit.fading:
        return _fading(fit)
    limit, window = (fit.limit.mid if fit.limit else 0.0), (fit.window.mid if fit.window else 0.0)
    taken: deque[float] = deque()

    def model(now: float, each: Decision) -> bool:
        while taken and taken[0] <= now - window:
            taken.popleft()
        served = len(taken) < limit
        if each.accepted or fit.counted:
            taken.append(now)
        return served

    return model


def _fading(fit: Fit) -> Model:
    """A sliding window approximated by the counters of this period and, with decreasing weight, of the last. Without a
    phase, the first period begins with a request.
    """
    limit, window = (fit.limit.mid if fit.limit else 0.0), fit.period or (fit.window.mid if fit.window else 1.0)
    start, count, last = float("-inf"), 0, 0

    def model(now: float, each: Decision) -> bool:
        nonlocal start, count, last
        if now >= start + 2 * window:
            start = now if fit.phase is None else fit.phase + (now - fit.phase) // window * window
            count, last = 0, 0
        elif now >= start + window:
            start, count, last = start + window, 0, count
        faded = last * (1 - (now - start) / window)
        served = count + 1 + (floor(faded) if fit.floored else faded) <= limit
        count += each.accepted or fit.counted
        return served

    return model


def _fixed(fit: Fit) -> Model:
    limit, window = (fit.limit.mid if fit.limit else 0.0), fit.period or 1.0
    start, count = float("-inf"), 0

    def model(now: float, each: Decision) -> bool:
        nonlocal start, count
        if now >= start + window:
            start, count = (now if fit.phase is None else fit.phase + (now - fit.phase) // window * window), 0
        served = count < limit
        count += each.accepted
        return served

    return model


def _quota(fit: Fit) -> Model:
    left = fit.limit.mid if fit.limit else 0.0

    def model(now: float, each: Decision) -> bool:
        nonlocal left
        served = left >= 1
        left -= each.accepted
        return served

    return model


def _unlimited(fit: Fit) -> Model:
    return lambda now, each: True


MODELS: dict[LimiterKind, Callable[[Fit], Model]] = {
    LimiterKind.NONE: _unlimited,
    LimiterKind.QUEUE: _unlimited,
    LimiterKind.LEAKY: _bucket,
    LimiterKind.QUOTA: _quota,
    LimiterKind.UNRESOLVED: _unlimited,
    LimiterKind.CONCURRENCY: _concurrency,
    LimiterKind.BUCKET: _bucket,
    LimiterKind.SLIDING: _sliding,
    LimiterKind.FIXED: _fixed,
}


def likely(record: Record, fits: Sequence[Fit], tolerance: float = 0.05) -> list[Fit]:
    """The fits that predict nearly as many decisions correctly as the best one."""
    shares = [agreement(record, fit) for fit in fits]
    return [fit for fit, share in zip(fits, shares, strict=True) if share >= max(shares) - tolerance]
