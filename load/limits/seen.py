"""The observed decisions of a limiter, and the uncertainty of their times.

A client cannot know when a limiter decided, only that it was between sending and answer. The estimators use that
interval and never a guess within it. Parameters that contradict an observation are therefore certainly wrong, however
late the client was, and the remaining ones are bounds, which give the reported widths.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import Outcome
from echosounder.wire.exchange import TURNED_AWAY

INFINITY = float("inf")


@dataclass(frozen=True, slots=True)
class Range:
    """Range of a number, inclusive."""

    low: float
    high: float

    @property
    def mid(self) -> float:
        return (self.low + self.high) / 2

    @property
    def rate(self) -> float:
        """Harmonic mean of the bounds of a rate, 1/s, because the measured quantity is the time between requests; 0 without an upper
        bound.
        """
        return 2 * self.low * self.high / (self.low + self.high) if self.high else 0.0

    @property
    def error(self) -> float:
        """Relative half width: half of the width, divided by the middle."""
        return (self.high - self.low) / 2 / self.mid if self.mid else INFINITY


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, made between ``sent`` and ``answered``. Until ``sure`` the request was certainly still being served; ``ended``:
    last byte.

    Both are infinite while the answer continues.
    """

    sent: float
    answered: float
    accepted: bool
    sure: float = INFINITY
    ended: float = INFINITY


@dataclass(frozen=True, slots=True)
class Fit:
    """The best fit of one kind of limiter to the observations.

    ``strain`` 0: it explains everything; otherwise the share by which its parameters would have to change. ``limit``: in flight, per
    second, or per window, by kind. ``resume``: number in flight at which a cap accepts again after a refusal; ``lag``: s for which a
    place stays occupied after its answer.
    """

    kind: LimiterKind
    strain: float
    limit: Range | None = None
    window: Range | None = None
    burst: Range | None = None
    resume: Range | None = None
    lag: float = 0.0
    phase: float | None = None  # start of a window aligned to the clock; None: windows begin with a first request
    period: float | None = None  # length of the window that belongs to ``phase``
    counted: bool = False  # refused requests count too
    delayed: bool = False  # bucket: early requests are queued
    fading: bool = False  # sliding window: approximated by two counters, the older of which fades
    floored: bool = False  # the sum of both counters is rounded down
    portion: int = 0  # bucket: tokens added at once, every ``period``; 0: they are added one by one

    @property
    def played(self) -> bool:
        """Whether it was found by simulation, not by bounds."""
        return self.counted or self.fading or bool(self.portion)

    @property
    def turn(self) -> float:
        """Maximum time between two recoveries, s."""
        if self.window:
            return self.window.high
        one = 1 / self.limit.low if self.limit and self.limit.low else 0.0
        return (self.period or 0.0) if self.portion else one


def impossible(kind: LimiterKind) -> Fit:
    return Fit(kind, INFINITY)


def seen(outcomes: Iterable[Outcome], slack: float, late: bool = False, arrival: bool = False) -> "Record":
    """The decisions among *outcomes*: served, or refused with 429 or 503; other failures are not evidence of a limit.

    ``slack``: time that a last byte may be in transit, s. ``late``: an accept may count only when its answer has ended. ``arrival``:
    the decision was made on arrival, within the time of a refusal, however late the answer was. Refusals before the first accept are
    left out: they reflect earlier traffic.
    """
    found = [
        _decision(outcome, slack, late)
        for outcome in outcomes
        if outcome.status == 200 or outcome.status in TURNED_AWAY
    ]
    if arrival:
        found = _at_arrival(found)
    begin = min((each.sent for each in found if each.accepted), default=INFINITY)
    return Record(tuple(sorted((each for each in found if each.answered > begin), key=lambda each: each.sent)))


def _at_arrival(found: list[Decision]) -> list[Decision]:
    longest = max((each.answered - each.sent for each in found if not each.accepted), default=INFINITY)
    return [replace(each, answered=min(each.answered, each.sent + longest)) for each in found]


def _decision(outcome: Outcome, slack: float, late: bool) -> Decision:
    ended = INFINITY if outcome.closed is None else outcome.closed
    answered = ended if late and outcome.status == 200 and ended < INFINITY else outcome.answered
    return Decision(outcome.sent, answered, outcome.status == 200, max(ended - slack, answered), ended)


@dataclass(frozen=True)
class Record:
    """Decisions in the order of sending, with lookup tables for the estimators."""

    all: tuple[Decision, ...]

    @cached_property
    def accepts(self) -> tuple[Decision, ...]:
        return tuple(each for each in self.all if each.accepted)

    @cached_property
    def refusals(self) -> tuple[Decision, ...]:
        return tuple(each for each in self.all if not each.accepted)

    @cached_property
    def sent(self) -> list[float]:
        """Send times of the accepted requests, ascending."""
        return [each.sent for each in self.accepts]

    @cached_property
    def answered(self) -> list[float]:
        """Answer times of the accepted requests, ascending."""
        return sorted(each.answered for each in self.accepts)

    @cached_property
    def runs(self) -> list[list[Decision]]:
        """Sequences of refusals without a certain accept between them."""
        soonest = list(accumulate((each.answered for each in reversed(self.accepts)), min))[::-1]
        found: list[list[Decision]] = []
        latest = -INFINITY
        for each in self.refusals:
            first = bisect_left(self.sent, latest)
            if not found or (first < len(soonest) and soonest[first] <= each.sent):
                found.append([])
                latest = -INFINITY
            found[-1].append(each)
            latest = max(latest, each.answered)
        return found

    @cached_property
    def _refused(self) -> list[Decision]:
        return sorted(self.refusals, key=lambda each: each.answered)

    @cached_property
    def _refused_at(self) -> list[float]:
        return [each.answered for each in self._refused]

    def blocked_by(self, later: Decision) -> Decision | None:
        """The refusal after which no request was accepted before *later* was decided; None without one."""
        index = bisect_right(self._refused_at, later.sent)
        if not index:
            return None
        refusal = self._refused[index - 1]
        between = bisect_left(self.sent, later.answered) - bisect_right(self.answered, refusal.sent)
        return None if between > int(later.accepted) else refusal

    @cached_property
    def recoveries(self) -> list[tuple[Range, Decision]]:
        """The recoveries of the limiter: the range of the time, and the first accepted request."""
        pairs = ((self.blocked_by(each), each) for each in self.accepts)
        return [(Range(refusal.sent, each.answered), each) for refusal, each in pairs if refusal is not None]

    @cached_property
    def round_trip(self) -> float:
        """The shortest time between a request and its decision, s."""
        return min(each.answered - each.sent for each in self.all)

    @property
    def span(self) -> float:
        """Time from the first request to the last decision, s."""
        return self.all[-1].answered - self.all[0].sent if self.all else 0.0

    @cached_property
    def turns(self) -> list[tuple[Decision, Decision | None]]:
        """The first refusal of each run, and the first accept that was certainly sent after it was decided."""
        found: list[tuple[Decision, Decision | None]] = []
        for run in self.runs:
            refusal = min(run, key=lambda each: each.answered)
            later = bisect_left(self.sent, max(each.answered for each in run))
            found.append((refusal, self.accepts[later] if later < len(self.accepts) else None))
        return found

    @cached_property
    def quiet(self) -> float:
        """The shortest time between a refusal and the next accept, s. With a penalty it is the length of the penalty."""
        return min(
            (each.answered - refusal.sent for each in self.accepts if (refusal := self.blocked_by(each))),
            default=INFINITY,
        )

    def unpunished(self, penalty: float) -> "Record":
        """The decisions without refusals within *penalty* after another refusal, which the penalty explains."""
        left = [each for each in self.all if each.accepted or not self._punished(each, penalty)]
        return Record(tuple(left))

    def _punished(self, each: Decision, penalty: float) -> bool:
        index = bisect_right(self._refused_at, each.sent)
        return bool(index) and each.sent - self._refused[index - 1].sent < penalty

    def below(self, cap: int, slack: float) -> "Record":
        """The decisions without refusals at which *cap* requests may have been in flight, which the cap explains."""
        ends = sorted(each.ended + slack for each in self.accepts)
        return Record(tuple(each for each in self.all if each.accepted or self._open(each, ends) < cap))

    def _open(self, each: Decision, ends: list[float]) -> int:
        return bisect_left(self.sent, each.answered) - bisect_right(ends, each.sent)

    def latest(self, until: Sequence[Decision]) -> list[list[float]]:
        """For each time in *until*, the ``answered`` times of all accepts that may have been decided before it, ascending."""
        order = sorted(range(len(until)), key=lambda index: until[index].answered)
        found: list[list[float]] = [[] for _ in until]
        taken: list[float] = []
        following = iter(self.accepts)
        pending = next(following, None)
        for index in order:
            while pending is not None and pending.sent < until[index].answered:
                insort(taken, pending.answered)
                pending = next(following, None)
            found[index] = taken.copy()
        return found
