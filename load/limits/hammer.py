"""Tests whether a limiter also counts refused requests. If so, a client that keeps asking locks itself out, which no
count of accepts explains.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import DueRequest, Script
from echosounder.load.limits import simulate
from echosounder.load.limits.bench import Bench, accepted, refused
from echosounder.load.limits.conclude import Identified
from echosounder.load.limits.seen import Fit, Range, Record, seen

HARDER = 3.0  # hammering rate in multiples of the limit: a window may look twice its length if refusals count
LONGER = 1.25  # duration of hammering in windows
REFILLS = 8  # duration of hammering a bucket, in refills
MOST = 400  # requests
ROUNDS = 3  # number of recoveries observed
RATIO, FIRST = 1.12, 0.2  # growth factor of the wait before a single request; first wait in windows
POLLS = 6  # steps between the longest failing and the shortest sufficient wait, from the second recovery on
SPREAD = 4.0  # the true window is at most this factor away from the one found
GRID = 160
PHASES, COARSE = 12, 2  # phases tried for windows aligned to the clock; stride through the lengths for these
HOPEFUL = 0.85  # share of correct decisions from which a finer search may reach ALIKE
CLOSER, FINE = 5, 6  # number of best candidates searched more finely; steps to each side
EQUAL, SAME = (
    200,
    0.005,
)  # maximum number of equally good windows compared on all requests; share by which those may then differ
ALIKE = 0.97  # share of the decisions that a model must predict correctly


def counts_refused(bench: Bench, found: Identified) -> Script[bool | None]:
    """Whether refused requests count: sends requests throughout the recovery after the limit is exhausted. None if that needs too many
    requests.
    """
    fit = found.fit
    assert fit.limit is not None
    seconds = LONGER * fit.window.high if fit.window else max(REFILLS / fit.limit.low, LONGER * fit.turn)
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
    """How the limiter counts: whether refused requests count; whether a count fades with its window, as with two counters, or each
    request expires by itself; whether windows are aligned to the clock or begin with a first request; whether the
    count is rounded down before it is compared.
    """

    counted: bool
    fading: bool = False
    by_clock: bool = False
    floored: bool = False


COUNTED = (Counting(True), Counting(True, fading=True))
CLOCK = Counting(False, fading=True, by_clock=True)
ALL = (*COUNTED, CLOCK, replace(CLOCK, floored=True))


def recount(bench: Bench, window: float, variants: Sequence[Counting]) -> Script[tuple[Record, Fit] | None]:
    """Distinguish the variants of counting: the limit is exhausted at once from rest, followed by single requests with pauses,
    repeatedly. Each variant is then simulated with windows of every length, and the one that decides like the target is chosen.
    """
    yield from bench.book.wait(bench.now + 2.2 * window + bench.slack)
    mine = list[int]()
    limit, low, high = 0, FIRST * window, 0.0
    for round_ in range(ROUNDS):
        served = yield from used_up(bench, mine, limit)
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
    record = in_order(seen((bench.book.outcomes[id] for id in mine), bench.slack))
    alike = (
        outcome for outcome in bench.book.outcomes.values() if outcome.ask.job.name != "other" and not outcome.ask.key
    )
    all_sent = seen((outcome for outcome in alike if outcome.ask.job.body), bench.slack)
    return best(record, limit, window, variants, all_sent)


def in_order(record: Record) -> Record:
    """The record with refusals ordered after accepts that were sent at the same time, because the order of arrival is unknown."""
    beside = [
        bisect_left(record.sent, each.answered) > bisect_left(record.answered, each.sent) for each in record.refusals
    ]
    late = [
        replace(each, sent=each.answered) if mixed else each
        for each, mixed in zip(record.refusals, beside, strict=True)
    ]
    return Record(tuple(sorted([*record.accepts, *late], key=lambda each: each.sent)))


def used_up(bench: Bench, mine: list[int], limit: int) -> Script[int]:
    """Number of requests served until one is refused. They are sent *limit* at once, or in doubling batches if the limit is unknown."""
    served, size = 0, max(limit, 1)
    while True:
        outcomes = yield from bench.book.answered([_ask(bench, mine) for _ in range(size)])
        served += accepted(outcomes)
        if refused(outcomes):
            return served
        size = 1 if limit else served


def _ask(bench: Bench, mine: list[int]) -> DueRequest:
    ask = bench.ask_other()
    mine.append(ask.id)
    return ask


def _later(bench: Bench, mine: list[int], at: float) -> Script[int]:
    yield from bench.book.wait(at)
    return accepted((yield from bench.book.answered([_ask(bench, mine)])))


def best(
    record: Record, limit: int, window: float, variants: Sequence[Counting], all_sent: Record
) -> tuple[Record, Fit] | None:
    """The variant and the window that decide like the target, *limit* being the number accepted from rest; among equally good windows,
    the one that explains most of *all_sent*.
    """
    found = [_best(list(_played(record, limit, window, each)), all_sent) for each in variants]
    (share, _, fit), *others = sorted(found, key=lambda made: (-made[0], -made[1]))
    rivals = [other for other, _, its in others if (its.counted, its.fading) != (fit.counted, fit.fading)]
    if share < ALIKE or max(rivals, default=0.0) >= share:
        return None
    return record, fit


def _best(played: list[tuple[float, Fit]], all_sent: Record) -> tuple[float, float, Fit]:
    """``(share, share of all that was sent, fit)``, bounded by the lengths that do as well."""
    top = max(share for share, _ in played)
    equal = [fit for share, fit in played if share == top][:EQUAL]
    shares = [simulate.agreement(all_sent, fit) if len(equal) > 1 else 1.0 for fit in equal]
    good = [fit for share, fit in zip(shares, equal, strict=True) if share >= max(shares) - SAME]
    lengths = [fit.window.mid for fit in good if fit.window]
    among = (min(lengths) + max(lengths)) / 2
    middle = min(zip(lengths, good, strict=True), key=lambda each: abs(each[0] - among))
    return top, max(shares), replace(middle[1], window=Range(min(lengths), max(lengths)), period=middle[0])


def _lengths(window: float) -> list[float]:
    return [window / SPREAD * SPREAD ** (2 * step / GRID) for step in range(GRID + 1)]


def _played(record: Record, limit: int, window: float, counting: Counting) -> Iterator[tuple[float, Fit]]:
    """Simulate each length, with each possible phase of windows aligned to the clock; yield the share of correct
    decisions and the fit. The best of the latter are searched more finely, because a small error of the phase adds up
    over many periods.
    """
    made = Fit(
        LimiterKind.SLIDING,
        0.0,
        Range(limit, limit),
        counted=counting.counted,
        fading=counting.fading,
        floored=counting.floored,
    )
    lengths = _lengths(window)[:: COARSE if counting.by_clock else 1]
    tried = [_sized(made, length, phase) for length in lengths for phase in _phases(length, counting)]
    shares = [(simulate.agreement(record, fit), fit) for fit in tried]
    yield from shares
    if counting.by_clock and max(share for share, _ in shares) >= HOPEFUL:
        for _, fit in sorted(shares, key=lambda each: -each[0])[:CLOSER]:
            yield from ((simulate.agreement(record, near), near) for near in _near(fit))


def _sized(fit: Fit, length: float, phase: float | None) -> Fit:
    return replace(fit, window=Range(length, length), phase=phase)


def _phases(length: float, counting: Counting) -> Iterator[float | None]:
    return (length * step / PHASES for step in range(PHASES)) if counting.by_clock else iter((None,))


def _near(fit: Fit) -> Iterator[Fit]:
    """Variants of a good fit: lengths and phases within one grid step of it."""
    assert fit.window is not None
    assert fit.phase is not None
    for longer in range(-FINE, FINE + 1):
        length = fit.window.mid * SPREAD ** (2 * longer / FINE / GRID)
        for later in range(-FINE, FINE + 1):
            yield _sized(fit, length, fit.phase + length * later / FINE / PHASES)
