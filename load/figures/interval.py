"""Sampling error of percentiles: 95 % confidence intervals, by two methods."""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil, exp, floor, lgamma, log, log1p, sqrt
from statistics import NormalDist, stdev

from echosounder.load.figures.histogram import Grouped, Histogram

_EXACT_BELOW = 2000  # number of values from which the binomial distribution is approximated by the normal one
_NORMAL_FROM = 30  # number of values whose mean is about normal, even for skewed latencies
# Student's t, 97.5 %, by degrees of freedom (Abramowitz and Stegun, table 26.10): fewer than six groups are not used.
_STUDENT = {5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
GROUPS = 1 + max(_STUDENT)


def resolved(count: int, share: float) -> bool:
    """Whether *count* values suffice for this quantile: at least one value must be expected beyond it."""
    return count * (1 - share) >= 1 - 1e-9


@lru_cache(maxsize=256)
def interval(count: int, share: float, confidence: float = 0.95) -> tuple[int, int] | None:
    """Ranks (1-based) between which the quantile lies with at least *confidence*; None if *count* is too small.

    By order statistics: the number of values below the quantile is binomial, whatever their distribution. It assumes independent
    values; for gaps, which are correlated within a stream, use :func:`between_groups`.
    """
    tail = (1 - confidence) / 2
    if count >= _EXACT_BELOW and count * (1 - share) > 20:
        mean, half = count * share, NormalDist().inv_cdf(1 - tail) * sqrt(count * share * (1 - share))
        low, high = floor(mean - half), ceil(mean + half) + 1
    else:
        low, high = _binomial_interval(count, share, tail)
    return (low, high) if low >= 1 and high <= count else None


def between_groups(groups: Sequence[Histogram], whole: float, share: float) -> list[float] | None:
    """The confidence interval, ms, of a quantile with the overall value *whole* ms, from its spread between random groups of streams.

    The gaps of one stream are correlated, so a thousand of them carry less information than one from each of a thousand streams; groups
    of whole streams preserve that. Computed on the logarithm, because latencies are skewed. None if too few groups resolve the
    quantile.
    """
    return _spread([group.quantile(share) for group in groups if resolved(group.count, share)], whole)


def of_mean(values: Histogram) -> list[float] | None:
    """The confidence interval, ms, of a mean: between groups if there are any, else from the spread of the values; None with too few."""
    if isinstance(values, Grouped):
        return _spread([group.mean for group in values.groups if group.count], values.mean)
    if values.count < _NORMAL_FROM:
        return None
    half = NormalDist().inv_cdf(0.975) * values.deviation / sqrt(values.count)
    return [round(values.mean - half, 4), round(values.mean + half, 4)]


def _spread(told: Sequence[float | None], whole: float) -> list[float] | None:
    logarithms = [log(value) for value in told if value]
    if len(logarithms) - 1 not in _STUDENT or not whole:
        return None
    half = _STUDENT[len(logarithms) - 1] * stdev(logarithms) / sqrt(len(logarithms))
    return [round(whole * exp(-half), 4), round(whole * exp(half), 4)]


def _binomial_interval(count: int, share: float, tail: float) -> tuple[int, int]:
    """The largest low with P(B < low) <= tail, the smallest high with P(B >= high) <= tail, for B ~ Binomial(count, share)."""
    below, low, high = 0.0, 0, count + 1
    for successes in range(count + 1):
        below += _binomial(count, successes, share)
        if below <= tail:
            low = successes + 1
        if below >= 1 - tail:
            high = successes + 1
            break
    return low, high


def at_most(successes: int, count: int, share: float) -> float:
    """P(B <= successes) for B ~ Binomial(count, share)."""
    return sum(_binomial(count, each, share) for each in range(min(successes, count) + 1))


def _binomial(count: int, successes: int, share: float) -> float:
    """The probability mass, computed with logarithms because (1 - share) ** count underflows."""
    ways = lgamma(count + 1) - lgamma(successes + 1) - lgamma(count - successes + 1)
    return exp(ways + successes * log(share) + (count - successes) * log1p(-share))
