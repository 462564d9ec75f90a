"""Two counters by the clock: this period's count, and of the last one's the part that a window still covers (Cloudflare; the package
``limits``).

Used up from rest, it serves nothing until its period is over; from then on, to a client that keeps asking, one request at a time, at an
even pace. So the first of these tells where a period begins, and the pace of the others its length. Then the model is played
against all of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from math import ceil
from statistics import median

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import Script
from echosounder.load.limits import simulate
from echosounder.load.limits.bench import Bench
from echosounder.load.limits.hammer import ALIKE, in_order, used_up
from echosounder.load.limits.seen import Fit, Range, Record, seen

TRIES = 2
LEAD, WINDOWS, PACES = (
    1.3,
    2.5,
    50,
)  # windows until the pace is even; for which it is kept up: at least, and so many paces
POLLS = 2.5  # in the time that one takes, once that is known
GAPS = 4  # from which it is known
GROWTH = 0.12  # of the time since the last, between polls, before
LONGEST = 60.0  # s without one
MOST = 1200  # requests
FINE, STEPS = 0.004, 6  # of the length, and the steps to each side, by which both numbers are improved


@dataclass(slots=True)
class Pace:
    """When single requests were served after a refusal, each between two times."""

    limit: int
    served: list[Range] = field(default_factory=list)

    @property
    def gap(self) -> float:
        return median(b.mid - a.mid for a, b in pairwise(self.served))

    @property
    def even(self) -> Range:
        """The mean of those gaps that are surely even, s."""
        lead = min(round(LEAD * self.limit), len(self.served) // 2)
        first, last, count = self.served[lead], self.served[-1], len(self.served) - 1 - lead
        return Range((last.low - first.high) / count, (last.high - first.low) / count)

    @property
    def enough(self) -> bool:
        return len(self.served) > LEAD * self.limit + max(WINDOWS * self.limit, PACES)


def fading(bench: Bench, silence: float) -> Script[tuple[Record, Fit] | None]:
    """The record and the fit; None where two counters do not explain what is seen."""
    for _ in range(TRIES):
        mine = list[int]()
        yield from bench.book.wait(bench.now + 2.2 * silence + bench.slack)
        pace = Pace((yield from used_up(bench, mine, 0)))
        if pace.limit < 2 or not (yield from _kept_asking(bench, mine, pace)):
            return None
        if (window := pace.even.mid * pace.limit) <= silence:
            break
        silence = 1.1 * window  # it had not forgotten what was asked before
    record = in_order(seen((bench.book.outcomes[id] for id in mine), bench.slack))
    share, fit = max(((simulate.agreement(record, each), each) for each in _near(pace)), key=lambda each: each[0])
    return (record, fit) if share >= ALIKE else None


def _kept_asking(bench: Bench, mine: list[int], pace: Pace) -> Script[bool]:
    asked, last, before = bench.book.asked, bench.now, bench.now
    while not pace.enough:
        due = before + (pace.gap / POLLS if len(pace.served) > GAPS else GROWTH * (bench.now - last))
        yield from bench.book.wait(max(due, bench.now + bench.rtt / 2))
        ask = bench.ask_other()
        mine.append(ask.id)
        [outcome] = yield from bench.book.answered([ask])
        if outcome.status == 200:
            pace.served.append(Range(before, outcome.answered))
            last = bench.now
        before = outcome.sent
        if bench.now - last > LONGEST or bench.book.asked - asked > MOST or bench.now > bench.goal.seconds:
            return False
    return True


def _near(pace: Pace) -> Iterator[Fit]:
    """Around what the pace tells: the length, and where the period began in which the first was served. Rounded down, the sum makes room
    for the first at once and for *limit* a period; else for the first after a gap, and for one less, as the last would fit at its very end.
    """
    made = Fit(LimiterKind.SLIDING, 0.0, Range(pace.limit, pace.limit), fading=True)
    first = pace.served[0]
    for floored in (False, True):
        length = pace.even.mid * (pace.limit if floored else pace.limit - 1)
        step, begins = FINE * length, first.low - (0.0 if floored else length / pace.limit)
        phases = range(-STEPS, ceil((first.high - first.low) / step) + STEPS)
        for longer, later in product(range(-STEPS, STEPS + 1), phases):
            window, phase = length * (1 + FINE * longer), begins + later * step
            yield replace(made, window=Range(window, window), period=window, phase=phase, floored=floored)
