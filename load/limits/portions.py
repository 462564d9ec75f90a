"""A token bucket that is filled in portions: *portion* tokens at once, every *period*, up to *burst* (Envoy's local rate limit).

Used up, it lets through a portion at a time; so the times of these tell the period and the phase, and their size is the portion. What
it lets through at once after a long silence is the burst. Then the model is played against all of it.
"""

from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import Outcome, Script
from echosounder.load.limits import simulate
from echosounder.load.limits.bench import Bench, accepted, refused
from echosounder.load.limits.hammer import ALIKE, in_order, used_up
from echosounder.load.limits.seen import Fit, Range, Record, seen

ROUNDS = 10  # portions that are waited for
POURED, TRIES = 2, 5  # times that the burst is counted, and that it is tried
POLLS = 25  # in a period, once it is known roughly
RATIO = 1.05  # of the waits until it is
SINGLE = 3  # that came one by one, from which they are no portions
LONGEST = 20.0  # s of a period
FULL = 3  # periods more than it takes to be full
SHORTEST = 3.0  # round trips in a period, or a portion is not seen as one
MOST = 500  # requests at once


@dataclass(frozen=True, slots=True)
class Given:
    """One portion: when it came, between two requests, and how many it served."""

    when: Range
    served: int


def portions(bench: Bench) -> Script[tuple[Record, Fit] | None]:
    """The record and the fit; None where portions do not explain what is seen."""
    mine = list[int]()
    yield from used_up(bench, mine, 0)
    given = yield from _given(bench, mine)
    found = fitted(given, SHORTEST * bench.rtt)
    if found is None:
        return None
    burst = yield from _poured(bench, mine, found)
    if burst is None:
        return None
    record = in_order(seen((bench.book.outcomes[id] for id in mine), bench.slack))
    made = replace(found, burst=Range(burst, burst))
    return (record, made) if simulate.agreement(record, made) >= ALIKE else None


def _given(bench: Bench, mine: list[int]) -> Script[list[Given]]:
    """Poll until something is served, and count what else is; again and again, always at the same pace once a period has passed."""
    given, step, size = list[Given](), bench.rtt, 1
    for _ in range(ROUNDS):
        begin = last = bench.now
        while refused((yield from _asked(bench, mine, 1))):
            last = bench.now - bench.rtt
            if bench.now - begin > LONGEST:
                return []
            yield from bench.book.wait(bench.now + (step if len(given) > 1 else (bench.now - begin) * (RATIO - 1)))
        when = Range(last, bench.now)
        served = 1 + (yield from used_up(bench, mine, size))
        given.append(Given(when, served))
        size = min(each.served for each in given)
        if len(given) > SINGLE and all(each.served == 1 for each in given):
            return []
        if len(given) > 1:
            step = (given[-1].when.mid - given[-2].when.mid) / POLLS
    return given[1:]  # the first had perhaps been waiting


def _asked(bench: Bench, mine: list[int], count: int) -> Script[list[Outcome]]:
    asks = [bench.ask_other() for _ in range(count)]
    mine += [ask.id for ask in asks]
    return (yield from bench.book.answered(asks))


def fitted(given: list[Given], shortest: float) -> Fit | None:
    """The portion that most were, and the period and phase that all their times agree with; without the burst."""
    if len(given) < ROUNDS - 1:
        return None
    (portion, often), *_ = Counter(each.served for each in given).most_common(1)
    gaps = [later.when.mid - each.when.mid for each, later in pairwise(given)]
    period = Range(shortest, min(gaps) + max(each.when.high - each.when.low for each in given))
    if portion < 2 or 2 * often < len(given) or period.low >= period.high:
        return None
    rough, first = min(gaps), given[0].when
    for each in given[1:]:  # ever further from the first, so that each tells the number of periods to the next
        count = round((each.when.mid - first.mid) / rough)
        period = Range(
            max(period.low, (each.when.low - first.high) / count),
            min(period.high, (each.when.high - first.low) / count),
        )
        if period.low > period.high:
            return None
        rough = period.mid
    return _fit(given, portion, period)


def _fit(given: list[Given], portion: int, period: Range) -> Fit | None:
    length, first = period.mid, given[0].when
    behind = [round((each.when.mid - first.mid) / length) * length for each in given]
    low = max(each.when.low - later for each, later in zip(given, behind, strict=True))
    high = min(each.when.high - later for each, later in zip(given, behind, strict=True))
    return Fit(
        LimiterKind.BUCKET,
        0.0,
        Range(portion / period.high, portion / period.low),
        phase=(low + high) / 2,
        period=length,
        portion=portion,
    )


def _poured(bench: Bench, mine: list[int], fit: Fit) -> Script[int | None]:
    """What is served at once, from rest and between two portions; the same each time, or it is not known."""
    assert fit.period is not None
    assert fit.phase is not None
    before = min((each.answered for each in bench.record.refusals), default=0.0)
    size = max(sum(each.answered <= before for each in bench.record.accepts) + fit.portion, 2 * fit.portion)
    counts = list[int]()
    for _ in range(TRIES):
        until = bench.now + (ceil(size / fit.portion) + FULL) * fit.period
        between = fit.phase + (ceil((until - fit.phase) / fit.period) + 0.5) * fit.period - bench.rtt / 2
        if between > bench.goal.seconds or bench.book.asked + size > bench.goal.requests:
            return None
        yield from bench.book.wait(between)
        served, asked = 0, size
        while True:
            outcomes = yield from _asked(bench, mine, asked)
            served += accepted(outcomes)
            if refused(outcomes) or served > MOST:
                break
            asked = max(size // 4, 1)
        counts.append(served)
        if served >= size:  # it may have been filling still
            counts, size = [], 2 * served
        elif len(counts) == POURED:
            break
    return counts[0] if len(counts) == POURED and len(set(counts)) == 1 else None
