"""Is one run slower than another? A quantile of each by batch means, and a verdict with the change that could have been seen.

Latencies of one run are not independent: queues and caches make neighbours alike. So each run is cut into consecutive
batches, the quantile is taken in each, and the spread *between batches* gives the error (batch means; A. M. Law,
Simulation Modeling and Analysis, 9.5.3). Two runs are compared on the logarithm, where "10 % slower" is the same everywhere,
by Welch's test.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import exp, log, sqrt
from statistics import NormalDist, fmean, variance

from echosounder.wire.comparison import LEAST_BATCHES, SEEN, Direction, RatioEstimate, Shares, least
from echosounder.wire.latency import quantile

BATCHES = 20
CONFIDENCE = 0.99  # per comparison: a report makes several, and all of them together should be right in 95 of 100


def difference(
    before: Sequence[float], after: Sequence[float], share: float = 0.5, threshold: float = 0.05, floor: float = 0.0
) -> RatioEstimate | None:
    """Compares the quantile *share* of two runs; values in the order of measurement, in any unit.

    A change counts if it is significant, at least *threshold*, and at least *floor* (in the unit of the values): smaller changes may be
    clock error. ``equal`` requires that a change of twice the threshold would have been detected; otherwise the result is
    ``unresolved``. None if a run is too short for a statement.
    """
    one, other = _batches(before, share), _batches(after, share)
    if not one or not other:
        return None
    shift = fmean(other) - fmean(one)
    half = _half_width(one, other)
    low, high = exp(shift - half), exp(shift + half)
    was, now = _at(before, share), _at(after, share)
    least_share = max(threshold, floor / min(was, now)) if min(was, now) else threshold
    return RatioEstimate(was, now, exp(shift), low, high, least_share, _change(shift, half, log(1 + least_share)))


def _change(shift: float, half: float, threshold: float) -> Direction:
    if abs(shift) > half and abs(shift) >= threshold:
        return Direction.SLOWER if shift > 0 else Direction.FASTER
    return Direction.EQUAL if SEEN * half <= 2 * threshold else Direction.UNRESOLVED


def _batches(values: Sequence[float], share: float) -> list[float]:
    """The logarithm of the quantile in each of up to twenty consecutive batches; empty where there would be too few."""
    if len(values) < least(share):
        return []
    count = min(BATCHES, LEAST_BATCHES * len(values) // least(share))
    bounds = [round(index * len(values) / count) for index in range(count + 1)]
    return [log(max(_at(values[start:stop], share), 1e-9)) for start, stop in pairwise(bounds)]


def _at(values: Sequence[float], share: float) -> float:
    return quantile(sorted(values), share) or 0.0


def _half_width(one: Sequence[float], other: Sequence[float]) -> float:
    parts = [variance(values) / len(values) for values in (one, other)]
    if not sum(parts):
        return 0.0
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(values) - 1) for part, values in zip(parts, (one, other), strict=True)
    )
    return _student(freedom) * sqrt(sum(parts))


def _student(freedom: float) -> float:
    """Two-sided quantile of Student's t (Abramowitz and Stegun, 26.7.5); good to 1 % from seven degrees of freedom."""
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def shares(before: tuple[int, int], after: tuple[int, int], threshold: float = 0.01) -> Shares | None:
    """Compares two counts, each ``(failed, of all)``; ``slower`` means more failures. Pooled two-proportion z test; a change counts if it
    is significant and at least *threshold* points. None without requests.
    """
    (wrong, of), (wrong_after, of_after) = before, after
    if not of or not of_after:
        return None
    shift = wrong_after / of_after - wrong / of
    pooled = (wrong + wrong_after) / (of + of_after)
    half = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) * sqrt(pooled * (1 - pooled) * (1 / of + 1 / of_after))
    real = abs(shift) > half and abs(shift) >= threshold
    change = (Direction.SLOWER if shift > 0 else Direction.FASTER) if real else Direction.EQUAL
    return Shares(wrong / of, wrong_after / of_after, change)
