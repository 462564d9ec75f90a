"""Whether a limiter counts refused requests, too. Then a client that keeps asking locks itself out, which no count of accepts can
explain.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import Script
from echosounder.load.limits import simulate
from echosounder.load.limits.bench import Bench, accepted, refused
from echosounder.load.limits.conclude import Identified
from echosounder.load.limits.seen import Fit, Range, Record, seen

HARDER = 3.0  # times as often as it gives, while it is hammered
LONGER = 1.25  # times its window
REFILLS = 8  # of a bucket
MOST = 400  # requests
ROUNDS = 3  # recoveries that are waited for
RATIO, FIRST = 1.12, 0.2  # of the waits until a single request; the first of them, in windows
POLLS = 6  # between the waits that did not do and did, from the second recovery on
SPREAD = 4.0  # times the window that was found: the true one is not further off
GRID = 160
ALIKE = 0.97  # share of the decisions that a model must get right


def counts_refused(bench: Bench, found: Identified) -> Script[bool | None]:
    """Used up, and asked again and again for as long as it takes to recover; None where that takes too many requests."""
    fit = found.fit
    assert fit.limit is not None
    seconds = LONGER * fit.window.high if fit.window else REFILLS / fit.limit.low
    rate = HARDER * fit.limit.high / (fit.window.low if fit.window else 1.0)
    count = ceil(seconds * rate)
    if count > min(MOST, bench.goal.requests - bench.book.asked) or bench.now + 2 * seconds > bench.goal.seconds:
        return None
    size = max(round((2 * fit.burst.high if fit.delayed and fit.burst else fit.limit.high) / 4), 1)
    while not refused(
        (yield from bench.book.ended([bench.ask_other() for _ in range(size * (4 if fit.delayed else 1))]))
    ):
        pass
    asks = [bench.ask_other(bench.now + (number + 1) / rate) for number in range(count)]
    served = accepted((yield from bench.book.answered(asks)))
    return not served


@dataclass(frozen=True, slots=True)
class Counting:
    """What counts: refusals too, and whether a count fades with its window, as two counters tell it, or each request by itself."""

    counted: bool
    fading: bool


def recount(bench: Bench, window: float, counted: bool) -> Script[tuple[Record, Fit] | None]:
    """From rest: used up one by one, and then single requests with silence between them, again and again. Then each variant is played
    with windows of every length, and the one that decides as the target did is taken."""
    yield from bench.book.wait(bench.now + 2.2 * window + bench.slack)
    mine = list[int]()
    limit, low, high = 0, FIRST * window, 0.0
    for round_ in range(ROUNDS):
        served = 0
        while (yield from _one(bench, mine)):
            served += 1
        limit = limit or served
        if not limit:
            return None
        begin = bench.now
        step = (high - low) / POLLS if round_ else 0.0
        wait = low
        while not (yield from _later(bench, mine, begin + wait)):
            low, wait = (wait, wait * RATIO) if not round_ else (wait, wait + step)
            if wait > SPREAD * window or bench.now > bench.goal.seconds:
                return None
        high = wait
    record = seen((bench.book.outcomes[id] for id in mine), bench.slack)
    return best(record, limit, window, counted)


def _one(bench: Bench, mine: list[int]) -> Script[int]:
    ask = bench.book.ask(bench.asking.job(1))
    mine.append(ask.id)
    return accepted((yield from bench.book.ended([ask])))


def _later(bench: Bench, mine: list[int], at: float) -> Script[int]:
    yield from bench.book.wait(at)
    return (yield from _one(bench, mine))


def best(record: Record, limit: int, window: float, counted: bool) -> tuple[Record, Fit] | None:
    """The variant and the window that decide as the target did, *limit* being what it let through from rest. *counted*: refusals count."""
    variants = [Counting(counted, fading) for fading in (False, True)]
    found = [max(_played(record, limit, window, each), key=lambda made: made[0]) for each in variants]
    (share, fit), *others = sorted(found, key=lambda made: -made[0])
    if share < ALIKE or (others and others[0][0] >= share):
        return None
    return record, _bounded(record, fit, share, window)


def _lengths(window: float) -> list[float]:
    return [window / SPREAD * SPREAD ** (2 * step / GRID) for step in range(GRID + 1)]


def _fit(limit: int, length: float, counting: Counting) -> Fit:
    made = Fit(LimiterKind.SLIDING, 0.0, Range(limit, limit), Range(length, length))
    return replace(made, counted=counting.counted, fading=counting.fading)


def _played(record: Record, limit: int, window: float, counting: Counting) -> Iterator[tuple[float, Fit]]:
    for length in _lengths(window):
        fit = _fit(limit, length, counting)
        yield simulate.agreement(record, fit), fit


def _bounded(record: Record, fit: Fit, share: float, window: float) -> Fit:
    """All lengths that do as well."""
    assert fit.limit is not None
    variant = Counting(fit.counted, fit.fading)
    good = [
        made.window.mid
        for at, made in _played(record, round(fit.limit.low), window, variant)
        if at >= share and made.window
    ]
    return replace(fit, window=Range(min(good), max(good)))
