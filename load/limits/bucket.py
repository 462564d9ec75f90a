"""Fits a token bucket: *rate* tokens per second refill a bucket of *burst*, which is full at the start; each request
takes one token.

Between any two accepts, at most a full bucket plus the refill in that time can have been taken. At a refusal less than
one token was left, so earlier accepts must account for the missing tokens. Both are bounds on the burst at a given
rate; the rates that leave room between them explain the observations.
"""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.limits.seen import INFINITY, Fit, Range, Record, impossible

FASTEST = 1e4  # tokens per second
GRID = 320
PEAKS = 5
STEP, FINEST = 0.03, 1e-4  # relative steps of the search from a grid peak: first, last
FINE, SPAN = 0.004, 0.12  # relative step and range of the finer grid around the peaks
NARROW = 0.05  # fraction of the burst by which the best grid peak may miss for a finer search to be made
EDGE_STEPS = 24


@dataclass(frozen=True)
class Constraints:
    """Accepts and refusals in the form that both bounds need."""

    sent: list[float]
    latest: list[float]  # running maximum of ``answered``: time by which all accepts up to this one were decided
    earliest: list[float]  # minimum of ``answered`` from this accept on: time by which at least one of them was decided
    refusals: list[tuple[float, int, int]]  # sent, accepts possibly before, first accept whose time may be after `sent`
    round_trip: float

    def least(self, rate: float) -> float:
        """The smallest burst that allows every accept and takes at least a round trip to refill: a bucket that refills immediately
        would explain any refusal by two simultaneous requests.
        """
        best, burst = -INFINITY, rate * self.round_trip
        for index, (sent, latest) in enumerate(zip(self.sent, self.latest, strict=True)):
            best = max(best, rate * sent - index)
            burst = max(burst, best + index + 1 - rate * latest)
        return burst

    def most(self, rate: float) -> float:
        """The smallest burst that contradicts the most constraining refusal."""
        reach = list(accumulate((rate * at - index for index, at in enumerate(self.earliest)), max))
        most = INFINITY
        for sent, before, first in self.refusals:
            spent = reach[first - 1] - rate * sent if first else -INFINITY
            most = min(most, 1 + before + max(spent, -first if first < before else -INFINITY))
        return most

    def room(self, rate: float) -> float:
        return self.most(rate) - self.least(rate)


def constraints(record: Record) -> Constraints:
    answered = [each.answered for each in record.accepts]
    earliest = list(accumulate(reversed(answered), min))[::-1]
    # Of refusals between the same accepts, the last is the tightest constraint, whatever the rate.
    last: dict[tuple[int, int], float] = {}
    for each in record.refusals:
        before = bisect_left(record.sent, each.answered)
        if before:
            between = before, min(bisect_left(earliest, each.sent), before)
            last[between] = max(last.get(between, 0.0), each.sent)
    refusals = [(sent, *between) for between, sent in last.items()]
    return Constraints(record.sent, list(accumulate(answered, max)), earliest, refusals, record.round_trip)


def fit(record: Record) -> Fit:
    """Fit the whole range of possible rates, including gaps; a range with a gap needs another experiment."""
    given = constraints(record)
    if not given.refusals:
        return impossible(LimiterKind.BUCKET)
    slowest = 0.02 / max(record.all[-1].answered - record.all[0].sent, 1e-3)
    peaks = sorted((_climb(given.room, rate) for rate in _peaks(given.room, slowest, FASTEST)), key=given.room)
    if (
        0 <= -given.room(peaks[-1]) < NARROW * given.least(peaks[-1])
    ):  # the peak of a long record is narrow and may lie between two rates of the grid
        near = (_climb(given.room, rate, FINE) for rate in _around(given.room, peaks))
        peaks = sorted((*peaks, *near), key=given.room)
    best = peaks[-1]
    room, least = given.room(best), given.least(best)
    if room <= 0:
        return Fit(LimiterKind.BUCKET, max(-room / max(least, 1.0), 1e-9), Range(best, best), burst=Range(least, least))
    rates = [rate for rate in peaks if given.room(rate) > 0]
    low, high = _edge(given.room, min(rates), slowest), _edge(given.room, max(rates), FASTEST)
    return Fit(LimiterKind.BUCKET, 0.0, Range(low, high), burst=Range(given.least(high), given.most(low)))


def _peaks(room: Callable[[float], float], low: float, high: float) -> list[float]:
    """The grid rates with at least as much room as their neighbors, those with the most room first."""
    ratio = (high / low) ** (1 / GRID)
    rates = [low * ratio**step for step in range(GRID + 1)]
    rooms = [-INFINITY, *map(room, rates), -INFINITY]
    found = [
        rate
        for rate, before, at, after in zip(rates, rooms, rooms[1:], rooms[2:], strict=False)
        if before <= at >= after
    ]
    return sorted(found, key=room, reverse=True)[:PEAKS]


def _around(room: Callable[[float], float], peaks: list[float]) -> list[float]:
    """The rates with the most room on a finer grid around *peaks*."""
    steps = round(SPAN / FINE)
    rates = [peak * (1 + FINE) ** step for peak in peaks for step in range(-steps, steps + 1)]
    return sorted(rates, key=room)[-PEAKS:]


def _climb(room: Callable[[float], float], rate: float, step: float = STEP) -> float:
    """Climb from *rate* to the top of its peak, in decreasing steps."""
    while step > FINEST:
        better = max((rate, rate * (1 + step), rate / (1 + step)), key=room)
        step = step if better != rate else step / 2
        rate = better
    return rate


def _edge(room: Callable[[float], float], inside: float, outside: float) -> float:
    """The rate at which the room ends, between *inside* (room) and *outside* (no room)."""
    for _ in range(EDGE_STEPS):
        middle = (inside * outside) ** 0.5
        inside, outside = (middle, outside) if room(middle) > 0 else (inside, middle)
    return inside
