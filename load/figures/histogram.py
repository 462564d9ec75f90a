"""Distributions that merge by addition: HDR histograms of microseconds, the same for one worker or many.

A value is kept to three significant digits (worst error 0.1 %) between 1 µs and a day; the largest is kept exactly.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import accumulate, compress, count
from operator import add, mul, sub

from echosounder.load.figures import hdr
from echosounder.wire.latency import nearest_rank

DAY_US = hdr.DAY_US
MAX_PENDING = 10_000  # distinct values, a hundred bytes each


class Histogram:
    """Counts of durations: ``add`` values in µs, ``merge`` other histograms, read results in ms."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self._pending: Counter[int] = Counter(counts or {})
        self._counts = array("Q", bytes(8 * hdr.BUCKETS))
        self._count = self._sum = self._largest = 0
        self._cumulated: tuple[list[int], list[int]] | None = None

    def add(self, values_us: Iterable[int]) -> None:
        """Add values, or counts by value. They are first collected in a Counter, which is implemented in C; the rest
        costs time per distinct value only.

        """
        self._pending.update(values_us)
        if len(self._pending) > MAX_PENDING:
            self._settle()

    def merge(self, other: "Histogram") -> None:
        other._settle()
        self._settle()
        self._counts = array("Q", map(add, self._counts, other._counts))
        self._count += other._count
        self._sum += other._sum
        self._largest = max(self._largest, other._largest)
        self._cumulated = None

    def since(self, older: "Histogram") -> "Histogram":
        """The values added after *older*, an earlier state of this histogram; the largest is accurate to the width of a bucket."""
        self._settle()
        older._settle()
        made = Histogram()
        made._counts = array("Q", map(sub, self._counts, older._counts))
        made._count, made._sum = self._count - older._count, self._sum - older._sum
        made._largest = max(map(hdr.highest, compress(count(), made._counts)), default=0)
        return made

    def copy(self) -> "Histogram":
        """A copy of the current state."""
        made = Histogram()
        made.merge(self)
        return made

    @property
    def count(self) -> int:
        self._settle()
        return self._count

    @property
    def mean(self) -> float:
        """Mean in ms; 0 without values."""
        return self._sum / self.count / 1000 if self.count else 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation in ms, accurate to the width of a bucket; 0 with fewer than two values."""
        self._settle()
        if self._count < 2:
            return 0.0
        middle = self._sum / self._count
        used = compress(enumerate(self._counts), self._counts)
        squares = sum(times * (hdr.highest(bucket) - middle) ** 2 for bucket, times in used)
        return float((squares / (self._count - 1)) ** 0.5) / 1000

    @property
    def largest(self) -> float:
        """Largest value in ms, exact; 0 without values."""
        self._settle()
        return self._largest / 1000

    def encode(self) -> str:
        """The HDR log format (compressed, base64), which other tools read too."""
        self._settle()
        return hdr.encoded(self._counts)

    def rank(self, rank: int) -> float:
        """The value in ms at a rank from 1 to ``count``, in ascending order."""
        values, totals = self._cumulate()
        return min(values[bisect_left(totals, rank)], self._largest) / 1000

    def up_to(self, bounds_us: Iterable[int]) -> list[int]:
        """Number of values up to each bound."""
        values, totals = self._cumulate()
        return [totals[behind - 1] if (behind := bisect_right(values, bound)) else 0 for bound in bounds_us]

    @property
    def total(self) -> float:
        """The sum of the values, ms."""
        self._settle()
        return self._sum / 1000

    def quantile(self, share: float) -> float | None:
        """The quantile in ms by nearest rank; None without values."""
        return self.rank(nearest_rank(share, self.count)) if self.count else None

    def _settle(self) -> None:
        pending, self._pending = self._pending, Counter()
        if not pending:
            return
        for value, times in pending.items():
            self._counts[hdr.bucket(value)] += times
        self._count += pending.total()
        self._sum += sum(map(mul, pending.keys(), pending.values()))
        self._largest = max(self._largest, *pending)
        self._cumulated = None

    def _cumulate(self) -> tuple[list[int], list[int]]:
        self._settle()
        if self._cumulated is None:
            used = list(compress(count(), self._counts))
            self._cumulated = (
                [hdr.highest(bucket) for bucket in used],
                list(accumulate(map(self._counts.__getitem__, used))),
            )
        return self._cumulated


class Grouped(Histogram):
    """A histogram with a second one per group: the spread between groups gives the confidence interval of the whole."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = [Histogram() for _ in range(groups)]
        self._fresh: list[Counter[int]] = [Counter() for _ in range(groups)]

    def add_to(self, group: int, values_us: Iterable[int]) -> None:
        fresh = self._fresh[group]
        fresh.update(values_us)
        if len(fresh) > MAX_PENDING:
            self._settle()

    def _settle(self) -> None:
        for group, fresh in zip(self.groups, self._fresh, strict=True):
            if fresh:
                self._pending.update(fresh)
                group.add(fresh)  # a mapping: a Counter adds up its counts
                fresh.clear()
        super()._settle()
