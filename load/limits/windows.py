"""Limits per window of time. Sliding: any *window* seconds hold at most *limit*. Fixed: the windows follow each other, by the clock
or each from its first request, and each has *limit*.

How it works. Nothing is fitted: limits n are tried one by one, and each observation excludes lengths of the window for it.
A decision fell somewhere between ``sent`` and ``answered``, so of two times the far ends bound what a span was at most, and the near
ends what it was at least. Every kind says the same two things of n:

1. Of n + 1 accepts in a row the last is in another window than the first. So the window is not longer than from the sending of the
   first to the answer of the last.
2. At a refusal the n accepts before it are in the window with it. So the window is longer than from the answer of the first of these
   to the sending of the refusal.

What differs is what "in another window" means. For a sliding window the two say all there is to know. Fixed windows from the first
request are tried with 12 lengths between such bounds, each played through in ``FirstRequest``: no window may hold more than n accepts
for certain, and each refusal must be possible in a full one. For fixed windows by the clock a span of the first kind holds a boundary
and a span of the second holds none; for 16 phases within the narrowest recovery, each allows certain lengths, and their intersection
is left. Where the bounds of every n cross, the kind is *strained*: by the share that they cross by, of the n where that is least (fixed
windows are possible or not). :mod:`load.limits.conclude` names kinds without strain, else the nearest within 20 %.

An example. Each answer comes 0.1 s after its request; a is an accept, r a refusal, sent at::

    0 a    1 a    2 a    3 r    9.5 r    10.2 a    10.5 r    11.2 a         a sliding window of 10 s with 3

    n = 3   (1) 0 → 10.3, 1 → 11.3: at most 10.3 s      (2) 0.1 → 9.5, 1.1 → 10.5: longer than 9.4 s      fits: 9.4 to 10.3 s
    n = 2   (1) 0 → 2.1: at most 2.1 s                  (2) 2.1 → 10.5: longer than 8.4 s                 strained by 6.3 / 2.1 = 3

So the limit is 3. No fixed window explains the same: the refusal at 10.5 needs three accepts in its window, which then began by
1.1; but one began between 9.5 and 10.3, or the accept at 10.2 would have been refused as well. How closely the length is known, 0.9 s,
comes from the pause between 9.5 and 10.2 and the 0.1 s of two answers: nothing was asked in it that would tell more.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.limits.seen import INFINITY, Decision, Fit, Range, Record, impossible

PHASES = 16  # start times tried, within the narrowest recovery, for windows aligned to the clock
LENGTHS = 12  # lengths tried, between their bounds, for windows that begin with their first request
CANDIDATES = 8  # number of limits tried for fixed windows
LONGEST = 20  # maximum length of a window that was observed to end once, in durations of the record
MOST_WINDOWS = 400  # maximum number of windows in the duration of the record
LEAST_LIMIT = 2  # a window with a limit of one is a token bucket with a burst of one


def sliding(record: Record) -> Fit:
    """Fit a sliding window: n + 1 accepts span at least the window; at a refusal the n-th last accept is less than a window ago."""
    if not record.refusals or not record.accepts:
        return impossible(LimiterKind.SLIDING)
    latest = list(accumulate((each.answered for each in record.accepts), max))
    before = record.latest(record.refusals)
    found = [(_sliding_window(record, latest, before, n), n) for n in range(LEAST_LIMIT, min(map(len, before)) + 1)]
    if not found:
        return impossible(LimiterKind.SLIDING)
    (strain, window), limit = min(found, key=lambda each: (each[0][0], -each[1]))
    if strain:
        return Fit(LimiterKind.SLIDING, strain, Range(limit, limit), window)
    return _fit(LimiterKind.SLIDING, [(n, window, None) for (strain, window), n in found if not strain])


def _sliding_window(record: Record, latest: list[float], before: list[list[float]], limit: int) -> tuple[float, Range]:
    longest = min((last - first for first, last in zip(record.sent, latest[limit:], strict=False)), default=INFINITY)
    shortest = max(_since(record, before, limit), record.round_trip)
    window = Range(shortest, min(longest, LONGEST * record.span))
    if window.low < window.high:
        return 0.0, window
    return (shortest - longest) / max(longest, 1e-6) + 1e-9, Range(longest, shortest)


def _since(record: Record, before: list[list[float]], limit: int) -> float:
    """The longest time that certainly passed between the *limit*-th accept before a refusal and that refusal."""
    return max(refusal.sent - times[-limit] for refusal, times in zip(record.refusals, before, strict=True))


def _fit(kind: LimiterKind, found: Sequence[tuple[int, Range, float | None]]) -> Fit:
    """Combine all possible ``(limit, window, phase)`` into one fit."""
    limit = Range(min(n for n, _, _ in found), max(n for n, _, _ in found))
    window = Range(min(each.low for _, each, _ in found), max(each.high for _, each, _ in found))
    _, typical, phase = max(found, key=lambda each: each[1].high - each[1].low)
    return Fit(kind, 0.0, limit, window, phase=phase, period=typical.mid)


def fixed(record: Record) -> Fit:
    """Fit both kinds of fixed window. If both explain everything, the bounds cover both, and windows from the first request are
    reported: windows aligned to the clock would have had to begin exactly when the run did.
    """
    if not record.recoveries:
        return impossible(LimiterKind.FIXED)
    before = record.latest(record.refusals)
    limits = list(_limits(record, before))
    found = [(n, window, None) for n in limits for window in _from_first_request(record, before, n)]
    by_clock = [each for n in limits for each in _by_clock(record, before, n)]
    if not found and not by_clock:
        return impossible(LimiterKind.FIXED)
    made = _fit(LimiterKind.FIXED, [*found, *by_clock])
    if not found or not by_clock:
        return made
    first = _fit(LimiterKind.FIXED, found)
    return replace(made, phase=None, period=first.period)


def _limits(record: Record, before: list[list[float]]) -> Iterator[int]:
    """Candidate limits: the number of accepts since the last recovery at each first refusal, plus or minus one."""
    began = [when.mid for when, _ in record.recoveries]
    counts = set()
    for run in record.runs:
        since = bisect_left(began, run[0].answered)
        begin = began[since - 1] if since else -INFINITY
        accepts = [each for each in record.accepts if begin - 1e-9 <= each.answered and each.sent < run[0].answered]
        counts |= {len(accepts) - 1, len(accepts), len(accepts) + 1}
    possible = min(map(len, before))
    yield from sorted((n for n in counts if LEAST_LIMIT <= n <= possible), reverse=True)[:CANDIDATES]


# ------------------------------------------------------------------------------------------------- from the first request


def _from_first_request(record: Record, before: list[list[float]], limit: int) -> Iterator[Range]:
    """Possible lengths of a window in which the n-th accept before a refusal began it and the next accept came after its end."""
    shortest = _since(record, before, limit)
    longest = min(_until_next(record, limit), default=INFINITY)
    if shortest >= longest or longest == INFINITY:
        return
    step = (longest - max(shortest, 0.0)) / LENGTHS
    for index in range(LENGTHS):
        low = max(shortest, 0.0) + index * step
        if _consistent(record, FirstRequest(record, low + step / 2), limit):
            yield Range(low, low + step)


def _until_next(record: Record, limit: int) -> Iterator[float]:
    """Times from the accept that began an exhausted window to the accept that ended the refusals."""
    for refusal, accept in record.turns:
        earlier = bisect_left(record.sent, refusal.answered)
        if earlier >= limit and accept is not None:
            yield accept.answered - record.accepts[earlier - limit].sent


def _consistent(record: Record, windows: "FirstRequest", limit: int) -> bool:
    certain: dict[int, int] = {}
    possible: dict[int, list[float]] = {}
    for each in record.accepts:
        first, last = windows.of(each)
        certain[first] = certain.get(first, 0) + (first == last)
        for window in range(first, last + 1):
            possible.setdefault(window, []).append(each.sent)
    if max(certain.values()) > limit:
        return False
    return all(_possible(possible, windows.of(each), each.answered) >= limit for each in record.refusals)


def _possible(accepted: dict[int, list[float]], windows: tuple[int, int], until: float) -> int:
    return max(bisect_left(accepted.get(window, ()), until) for window in range(windows[0], windows[1] + 1))


class FirstRequest:
    """Windows that begin with the first accept after the previous one ended. If that is uncertain, an accept may belong to either."""

    def __init__(self, record: Record, length: float) -> None:
        self._length = length
        self._low: list[float] = []  # earliest begin of each window
        self._high: list[float] = []  # latest begin of each window
        doubtful: float | None = None
        for each in record.accepts:
            if not self._low or each.sent >= self._high[-1] + length:
                self._low.append(each.sent if doubtful is None else doubtful)
                self._high.append(each.answered)
                doubtful = None
            elif each.answered > self._low[-1] + length and doubtful is None:
                doubtful = each.sent

    def of(self, each: Decision) -> tuple[int, int]:
        """The first and last window to which a decision may belong. A request between the end of a window and the begin
        of the next belongs to the next.

        """
        first = max(bisect_right(self._high, each.sent) - 1, 0)
        last = max(bisect_left(self._low, each.answered) - 1, first)
        first += each.sent >= self._high[first] + self._length
        last += each.answered > self._low[last] + self._length
        return first, max(first, last)


# ----------------------------------------------------------------------------------------------------------- by the clock


def _by_clock(record: Record, before: list[list[float]], limit: int) -> Iterator[tuple[int, Range, float]]:
    """Possible windows aligned to the clock: for each phase, the lengths with a boundary in every span that must have
    one and none in the others.
    """
    edges = [when for when, _ in record.recoveries]
    crossed = _smallest([*edges, *_crossed(record, limit)])
    clear = _clear(record, before, limit)
    shortest = max(record.round_trip, record.span / MOST_WINDOWS, *(each.high - each.low for each in clear))
    narrow = min(edges, key=lambda edge: edge.high - edge.low)
    for step in range(PHASES):
        phase = narrow.low + (narrow.high - narrow.low) * (step + 0.5) / PHASES
        lengths = [Range(shortest, LONGEST * record.span)]
        for span in crossed:
            lengths = _common(lengths, _lengths(span, phase, shortest))
        for span in clear:
            lengths = _common(lengths, _gaps(_lengths(span, phase, shortest)))
        yield from ((limit, each, phase) for each in lengths)


def _crossed(record: Record, limit: int) -> Iterator[Range]:
    """Spans that certainly contain a boundary: those of n + 1 accepts."""
    latest = list(accumulate((each.answered for each in record.accepts), max))
    yield from (Range(first, last) for first, last in zip(record.sent, latest[limit:], strict=False))


def _clear(record: Record, before: list[list[float]], limit: int) -> list[Range]:
    """Spans that contain no boundary: from the n-th accept before a refusal to the refusal."""
    spans = (Range(times[-limit], refusal.sent) for refusal, times in zip(record.refusals, before, strict=True))
    return _merged(span for span in spans if span.low < span.high)


def _smallest(spans: Iterable[Range]) -> list[Range]:
    """The spans that contain no other span; a boundary in an inner span is also one in the outer."""
    kept: list[Range] = []
    for span in sorted(spans, key=lambda each: (each.high, -each.low)):
        if not kept or span.low > kept[-1].low:
            kept.append(span)
    return kept


def _lengths(span: Range, phase: float, shortest: float) -> list[Range]:
    """The lengths for which a boundary, counted from the phase, falls into *span*; all lengths if the phase itself does."""
    if span.low <= phase <= span.high:
        return [Range(0.0, INFINITY)]
    near, far = sorted((abs(span.low - phase), abs(span.high - phase)))
    return _merged(Range(near / count, far / count) for count in range(int(far / shortest), 0, -1))


def _merged(spans: Iterable[Range]) -> list[Range]:
    """The spans in order, with overlapping ones merged."""
    kept: list[Range] = []
    for span in sorted(spans, key=lambda each: each.low):
        if kept and span.low <= kept[-1].high:
            kept[-1] = Range(kept[-1].low, max(kept[-1].high, span.high))
        else:
            kept.append(span)
    return kept


def _gaps(spans: list[Range]) -> list[Range]:
    """The gaps between *spans*, which are in order."""
    lows, highs = [0.0, *(span.high for span in spans)], [*(span.low for span in spans), INFINITY]
    return [Range(low, high) for low, high in zip(lows, highs, strict=True) if low < high]


def _common(one: list[Range], other: list[Range]) -> list[Range]:
    """The intersection of two lists of spans, each in order and without overlaps."""
    found: list[Range] = []
    left = right = 0
    while left < len(one) and right < len(other):
        a, b = one[left], other[right]
        if max(a.low, b.low) < min(a.high, b.high):
            found.append(Range(max(a.low, b.low), min(a.high, b.high)))
        left, right = (left + 1, right) if a.high < b.high else (left, right + 1)
    return found
