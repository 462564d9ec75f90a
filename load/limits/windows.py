"""Limits per window of time. Sliding: any *window* seconds hold at most *limit*. Fixed: the windows follow each other, by the clock
or each from its first request, and each has *limit*."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate

from load.limits.seen import INFINITY, Fit, Kind, Range, Record, Seen, impossible

LENGTHS = 24  # of a window, tried between its bounds
PHASES = 12
SKIPPED = 3  # boundaries, at most, that passed unseen between recoveries
WIDEST = 50  # times the time between first and last decision: as long as a window may be that was seen to end once


def sliding(record: Record) -> Fit:
    """For each limit n, n + 1 accepts must span the window, and at a refusal the n-th accept back must lie within it."""
    if not record.refusals or not record.accepts:
        return impossible(Kind.SLIDING)
    latest = list(accumulate((each.answered for each in record.accepts), max))
    before = record.latest(record.refusals)
    found = [(_sliding_window(record, latest, before, limit), limit) for limit in range(1, min(map(len, before)) + 1)]
    if not found:
        return impossible(Kind.SLIDING)
    (strain, window), limit = min(found, key=lambda each: (each[0][0], -each[1]))
    if strain:
        return Fit(Kind.SLIDING, strain, Range(limit, limit), window)
    fits = [(limit, window) for (strain, window), limit in found if not strain]
    window = Range(min(each.low for _, each in fits), max(each.high for _, each in fits))
    return Fit(Kind.SLIDING, 0.0, Range(fits[0][0], fits[-1][0]), window)


def _sliding_window(record: Record, latest: list[float], before: list[list[float]], limit: int) -> tuple[float, Range]:
    longest = min((last - first for first, last in zip(record.sent, latest[limit:], strict=False)), default=INFINITY)
    shortest = max(refusal.sent - times[-limit] for refusal, times in zip(record.refusals, before, strict=True))
    window = Range(max(shortest, 0.0), min(longest, WIDEST * max(latest[-1] - record.sent[0], shortest, 1e-3)))
    if window.low < window.high:
        return 0.0, window
    return (shortest - longest) / max(longest, 1e-6) + 1e-9, Range(longest, shortest)


def fixed(record: Record) -> Fit:
    """The better of the two kinds of fixed window. Where both explain everything it is the first request's: windows by the clock
    would have had to begin just when we did."""
    return min(_by_first_request(record), _by_clock(record), key=lambda each: each.strain)


def _by_clock(record: Record) -> Fit:
    edges = [when for when, _ in record.recoveries]
    if not edges:
        return impossible(Kind.FIXED)
    tries = (
        (length, _Clock(length, phase))
        for length in _clock_lengths(record, edges)
        for phase in _between(edges[-1], PHASES)
        if all(_holds_boundary(edge, length, phase) for edge in edges)
    )
    return _best(record, tries)


def _holds_boundary(edge: Range, length: float, phase: float) -> bool:
    return math.floor((edge.high - phase) / length) > math.floor((edge.low - phase) / length)


def _by_first_request(record: Record) -> Fit:
    lengths = _request_lengths(record)
    if lengths is None:
        return impossible(Kind.FIXED)
    tries = ((length, _FirstRequest(record, length)) for length in _between(lengths, LENGTHS))
    return _best(record, tries)


def _clock_lengths(record: Record, edges: list[Range]) -> Iterator[float]:
    """Windows that could end at each of *edges*. One edge alone says little: any length from the longest refusing on."""
    if len(edges) == 1:
        span = record.all[-1].answered - record.all[0].sent
        yield from (span / 10 * (10 * WIDEST) ** (step / (3 * LENGTHS)) for step in range(3 * LENGTHS + 1))
        return
    whole = Range(edges[-1].low - edges[0].high, edges[-1].high - edges[0].low)
    for parts in range(len(edges) - 1, len(edges) + SKIPPED):
        yield from _between(Range(max(whole.low, 1e-6) / parts, whole.high / parts), LENGTHS)


def _request_lengths(record: Record) -> Range | None:
    """From the first accept of a window to the recovery that ends it; two recoveries in a row bound it on both sides."""
    anchors = [record.accepts[0], *(accept for _, accept in record.recoveries)] if record.accepts else []
    spans = [
        Range(max(when.low - a.answered, 1e-6), when.high - a.sent)
        for a, (when, _) in zip(anchors, record.recoveries, strict=False)
    ]
    if len(spans) > 1:
        spans = spans[1:]  # where the first window began is not certain
    if not spans:
        return None
    low, high = max(each.low for each in spans), min(each.high for each in spans)
    return Range(low, high) if low < high else None


def _between(bounds: Range, steps: int) -> Iterator[float]:
    return (bounds.low + (bounds.high - bounds.low) * (step + 0.5) / steps for step in range(steps))


class _Clock:
    """Windows of *length* s, one of which begins at *phase*. A decision belongs to the windows it may fall into."""

    def __init__(self, length: float, phase: float) -> None:
        self._length, self.phase = length, phase

    def of(self, each: Seen) -> tuple[int, int]:
        return math.floor((each.sent - self.phase) / self._length), math.floor(
            (each.answered - self.phase) / self._length
        )


class _FirstRequest:
    """Windows that begin with the first accept after the last one ended."""

    phase = None

    def __init__(self, record: Record, length: float) -> None:
        self._starts: list[tuple[float, float]] = []
        for each in record.accepts:
            middle = (each.sent + each.answered) / 2
            if not self._starts or middle >= sum(self._starts[-1]) / 2 + length:
                self._starts.append((each.sent, each.answered))
        self._ends = [(sent + length, answered + length) for sent, answered in self._starts]
        self._middles = [sum(start) / 2 for start in self._starts]

    def of(self, each: Seen) -> tuple[int, int]:
        """A refusal after the end of the last window would be in one that is empty: the next, which has no accept."""
        first = bisect_left(self._middles, (each.sent + each.answered) / 2 + 1e-9) - 1
        low, high = self._ends[max(first, 0)]
        certainly_over = not each.accepted and each.sent >= high
        return (first + certainly_over, first + (not each.accepted and each.answered >= low))


def _best(record: Record, tries: Iterable[tuple[float, "_Clock | _FirstRequest"]]) -> Fit:
    """The windows that explain everything, with the limits they allow; else the one that has to bend least."""
    fits: list[tuple[float, Range, float | None]] = []
    best = impossible(Kind.FIXED)
    for length, windows in tries:
        limit = _limit(record, windows)
        strain = max(limit.low - limit.high, 0) / max(limit.low, 1)
        if not strain:
            fits.append((length, limit, windows.phase))
        elif strain < best.strain:
            best = Fit(Kind.FIXED, strain, limit, Range(length, length), phase=windows.phase)
    if not fits:
        return best
    fits.sort(key=lambda each: each[0])
    limit = Range(min(limit.low for _, limit, _ in fits), max(limit.high for _, limit, _ in fits))
    return Fit(Kind.FIXED, 0.0, limit, Range(fits[0][0], fits[-1][0]), phase=fits[len(fits) // 2][2])


def _limit(record: Record, windows: "_Clock | _FirstRequest") -> Range:
    """At least what one window certainly let through, at most what a window that refused may have let through before."""
    certain: Counter[int] = Counter()
    possible: dict[int, list[float]] = {}
    for each in record.accepts:
        first, last = windows.of(each)
        certain[first] += first == last
        for window in {first, last}:
            possible.setdefault(window, []).append(each.sent)
    most = min(
        max(bisect_left(possible.get(window, []), each.answered) for window in windows.of(each))
        for each in record.refusals
    )
    return Range(max(certain.values(), default=0), most)
