"""Distributions that merge by addition: HDR histograms of microseconds, the same for one worker or many.

A value is kept to three significant digits (worst error 0.1 %) between 1 µs and a day.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import accumulate
from math import ceil, exp, floor, lgamma, log, log1p, sqrt
from statistics import NormalDist
from typing import Any

from hdrh.histogram import HdrHistogram

DAY_US = 86_400_000_000
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
_EXACT_BELOW = 2000  # from here on the binomial distribution is as good as normal


class Histogram:
    """Counts of durations. ``add`` µs, ``merge`` others, read in ms."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self._pending: Counter[int] = Counter(counts or {})
        self._hdr = HdrHistogram(1, DAY_US, 3)
        self._sum = 0
        self._cumulated: tuple[list[int], list[int]] | None = None

    def add(self, values_us: Iterable[int]) -> None:
        """Gathered in a Counter first: HdrHistogram is Python, and pays per distinct value then."""
        self._pending.update(values_us)

    def merge(self, other: "Histogram") -> None:
        other._settle()
        self._settle()
        self._hdr.add(other._hdr)
        self._sum += other._sum

    @property
    def count(self) -> int:
        self._settle()
        return int(self._hdr.get_total_count())

    def encode(self) -> str:
        """The HDR log format (compressed, base64), which other tools read too."""
        self._settle()
        return str(self._hdr.encode().decode("ascii"))

    def rank(self, rank: int) -> float:
        """The value in ms at a rank from 1 to ``count``, in ascending order."""
        values, totals = self._cumulate()
        return values[bisect_left(totals, rank)] / 1000

    def quantile(self, share: float) -> float | None:
        """Nearest rank, ms; None of nothing."""
        return self.rank(max(ceil(share * self.count), 1)) if self.count else None

    def figures(self) -> dict[str, Any] | None:
        """The distribution as reports hold it, ms; None of nothing. A percentile is None where fewer than one value lies above it."""
        count = self.count
        if not count:
            return None
        shares = {name: self.quantile(share) if resolved(count, share) else None for name, share in PERCENTILES.items()}
        intervals = {f"{name}_ci": self._interval(PERCENTILES[name]) for name in ("p50", "p95", "p99")}
        mean = round(self._sum / count / 1000, 4)
        return {"count": count, "mean": mean, **shares, "max": self.rank(count), **intervals}

    def _interval(self, share: float) -> list[float] | None:
        bounds = interval(self.count, share)
        return [self.rank(bounds[0]), self.rank(bounds[1])] if bounds else None

    def _settle(self) -> None:
        pending, self._pending = self._pending, Counter()
        for value, count in pending.items():
            self._hdr.record_value(min(max(value, 1), DAY_US), count)
            self._sum += value * count
            self._cumulated = None

    def _cumulate(self) -> tuple[list[int], list[int]]:
        self._settle()
        if self._cumulated is None:
            steps = [
                (step.value_iterated_to, step.count_added_in_this_iter_step)
                for step in self._hdr.get_recorded_iterator()
            ]
            self._cumulated = [int(value) for value, _ in steps], list(accumulate(int(count) for _, count in steps))
        return self._cumulated


def resolved(count: int, share: float) -> bool:
    """Can *count* values tell this quantile? At least one value must be expected beyond it."""
    return count * (1 - share) >= 1 - 1e-9


@lru_cache(maxsize=256)
def interval(count: int, share: float, confidence: float = 0.95) -> tuple[int, int] | None:
    """Ranks (1-based) between which the quantile lies with at least *confidence*; None where *count* cannot tell.

    By order statistics: the number of values below the quantile is binomial, whatever the distribution of the values. It
    takes the values to be independent, which gaps of one stream are not: their true interval is wider.
    """
    tail = (1 - confidence) / 2
    if count >= _EXACT_BELOW and count * (1 - share) > 20:
        mean, half = count * share, NormalDist().inv_cdf(1 - tail) * sqrt(count * share * (1 - share))
        low, high = floor(mean - half), ceil(mean + half) + 1
    else:
        low, high = _binomial_interval(count, share, tail)
    return (low, high) if low >= 1 and high <= count else None


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


def _binomial(count: int, successes: int, share: float) -> float:
    """Its mass by logarithms: (1 - share) ** count is nothing to a float soon."""
    ways = lgamma(count + 1) - lgamma(successes + 1) - lgamma(count - successes + 1)
    return exp(ways + successes * log(share) + (count - successes) * log1p(-share))
