"""Which kind of limiter it is, and its numbers: experiments one after the other until one kind alone explains all that was seen."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple

from load.limits import bucket, concurrency, replay, windows
from load.limits.bench import HOLD, Bench, accepted, drain, fill, recover, refused, watch
from load.limits.script import Ask, Script, Stopped
from load.limits.seen import INFINITY, Fit, Kind, Range, Record
from load.sample import Sample

PER_TIME = (Kind.BUCKET, Kind.SLIDING, Kind.FIXED)
PUNISHING = 20  # times the round trip: from then on the wait between a refusal and the next accept is no accident
VAGUE = 0.1  # error from which a number is too vague to play the limiter with
LOOSE = 0.2  # strain up to which the nearest kind is named although it does not explain everything
TRIES = 3
ROUNDS = 6  # recoveries that are waited for to tell the kinds per time apart
TOKENS = (24, 200)  # refills that a rate is counted from: at least, at most
SUSTAINED = (2.0, 200)  # s and requests of the last test before "no limiter"
FREE_AGAIN = 2.0  # s; the longest wait for a cap to let in again
EARLY, LATE = 0.4, 0.9  # parts of a hold
SHALLOW = 3  # a bucket of less would overflow between two requests of a train
LONG_WAIT = 0.1  # s for a first token, after which it may have waited in a queue that says nothing
LONGEST_REST = 90.0  # s to wait for a bucket to be full


@dataclass(slots=True)
class Identified:
    """The kind and its fit; ``rivals`` explain what was seen as well. ``needs`` says what it would take to know more."""

    fit: Fit
    rivals: tuple[Kind, ...] = ()
    needs: list[str] = field(default_factory=list)
    penalty: float | None = None  # s after a refusal in which everything is refused, at most; asking again renews it
    highest_rate: float = 0.0  # requests per second that were all accepted, where none was refused
    highest_in_flight: int = 0


# The simplest first: of two that explain everything the first is taken.
ESTIMATORS: dict[Kind, Callable[[Record, float], Fit]] = {
    Kind.CONCURRENCY: concurrency.fit,
    Kind.BUCKET: lambda record, slack: bucket.fit(record),
    Kind.SLIDING: lambda record, slack: windows.sliding(record),
    Kind.FIXED: lambda record, slack: windows.fixed(record),
}


def conclude(bench: Bench, kinds: Iterable[Kind] = tuple(ESTIMATORS)) -> Identified:
    """The simplest kind that explains everything; else the nearest, if it is near; else none."""
    record = bench.record
    found = sorted((ESTIMATORS[kind](record, bench.slack) for kind in kinds), key=lambda each: each.strain)
    feasible = _likely(record, [fit for fit in found if not fit.strain])
    if feasible:
        return Identified(feasible[0], tuple(fit.kind for fit in feasible[1:]))
    if found and found[0].strain <= LOOSE:
        return Identified(found[0], needs=[_near(found[0])])
    needs = ["no kind of limiter that is known here explains what was accepted and refused"]
    if PUNISHING * bench.rtt < record.quiet < INFINITY:
        needs.append(f"nothing was ever accepted within {record.quiet:.1f} s of a refusal: refusals may be punished")
    return Identified(Fit(Kind.UNRESOLVED, 1.0), needs=needs)


def _likely(record: Record, feasible: list[Fit]) -> list[Fit]:
    """Without those that explain everything only by coincidences. Of numbers that are still vague nobody can say that."""
    sure = [
        fit for fit in feasible if all(number is None or number.error < VAGUE for number in (fit.limit, fit.window))
    ]
    left = replay.likely(record, sure)
    return [fit for fit in feasible if fit in left or fit not in sure]


def _near(fit: Fit) -> str:
    return f"{fit.kind} is the nearest kind, but {fit.strain:.0%} off what was seen: the limit may change over time"


def as_cap(bench: Bench) -> Identified | None:
    """The record read as a cap's, one that punishes refusals if need be; None where it cannot be one."""
    record, slack = bench.record, bench.slack
    others = [fit for kind in PER_TIME if not (fit := ESTIMATORS[kind](record, slack)).strain]
    plain = concurrency.fit(record, slack)
    if not plain.strain:
        return Identified(plain, tuple(fit.kind for fit in replay.likely(record, [plain, *others]) if fit is not plain))
    rivals = tuple(fit.kind for fit in others)
    if PUNISHING * bench.rtt < record.quiet < INFINITY:
        lenient = concurrency.fit(record.unpunished(record.quiet), slack)
        if not lenient.strain:
            return Identified(lenient, rivals, penalty=record.quiet)
    return None


def identify(bench: Bench) -> Script[Identified]:
    """Find the kind and its numbers. A stop in the middle is passed on after what is known has been put into ``bench``."""
    held = yield from fill(bench)
    outcomes = bench.book.of(held)
    if not refused(outcomes):
        yield from bench.book.closed(held)
        return (yield from _unlimited(bench, held))
    yield from watch(bench, held, polls=6)
    if (yield from _free_again(bench)):
        found = yield from _capped(bench)
        if found is not None:
            return found
    found = yield from _per_time(bench)
    return conclude(bench) if found.fit.kind is Kind.UNRESOLVED and not bench.stopped else found


def _free_again(bench: Bench) -> Script[bool]:
    """With nothing in flight a cap lets requests in again, at once or after a moment; nothing else has to. The waits grow, because
    there are limiters that punish those who ask again."""
    wait = bench.slack
    while wait < FREE_AGAIN:
        yield from bench.book.wait(bench.now + wait)
        if accepted((yield from bench.book.ended([bench.short()]))):
            return True
        wait *= 2
    return False


def _unlimited(bench: Bench, held: list[Ask]) -> Script[Identified]:
    """Nothing was refused however many were in flight: do they wait, or is it the rate that is limited?"""
    queue = queued(bench, held)
    if queue is not None:
        return Identified(queue)
    begin = bench.now
    seconds, most = SUSTAINED
    count = min(most, bench.goal.requests - bench.book.asked)
    asks = [bench.short(begin + seconds * index / count) for index in range(count)]
    outcomes = yield from bench.book.answered(asks)
    if refused(outcomes):
        return (yield from _per_time(bench))
    rate = accepted(outcomes) / max(max(each.answered for each in outcomes) - begin, 1e-3)
    return Identified(
        Fit(Kind.NONE, 0.0), highest_rate=rate, highest_in_flight=concurrency.bounds(bench.record, bench.slack).low
    )


def queued(bench: Bench, held: list[Ask]) -> Fit | None:
    """A queue: some waited, with keep-alives or for long, and no more than so many were written to while they did."""
    spans = [span for outcome in bench.book.of(held) if outcome.sample and (span := _span(outcome.sample))]
    if not spans:
        return None
    # A busy target is slow with all of them; in a queue the first token comes when another answer has ended.
    ended = min(span.last for span in spans) - bench.slack
    waiting = [
        span for span in spans if span.first >= ended and (span.keepalives or span.first - span.sent > LONG_WAIT)
    ]
    if not waiting:
        return None
    served = sorted(sum(each.first <= late.first - bench.slack < each.last for each in spans) for late in waiting)
    return Fit(Kind.QUEUE, 0.0, Range(served[len(served) // 4], served[-1]))


class _Span(NamedTuple):
    """When an answer was asked for, and when its tokens were written, s."""

    sent: float
    first: float
    last: float
    keepalives: int


def _span(sample: Sample) -> _Span | None:
    if sample.t_sent is None or sample.t_first_token is None or sample.t_last_token is None:
        return None
    return _Span(sample.t_sent / 1e9, sample.t_first_token / 1e9, sample.t_last_token / 1e9, sample.keepalives)


def _capped(bench: Bench) -> Script[Identified | None]:
    """Fill to the cap again, let places become free one by one, and see when one is taken; None when it is no cap after all."""
    found = as_cap(bench)
    for _ in range(TRIES):
        if found is None or (before := found).fit.limit is None:
            return None
        early = bool(before.fit.lag or before.fit.resume or before.penalty)
        bench.hold = min(max(bench.hold, 3 * before.fit.lag, 3 * (before.penalty or 0)), HOLD[1])
        found = yield from _refill(bench, before, early)
        if found is None or found.fit.limit is None:
            return None
        told_apart = early or not (found.fit.lag or found.fit.resume or found.penalty)
        if found.fit.limit.low == found.fit.limit.high and not found.rivals and told_apart:
            return found
        bench.hold = min(1.5 * bench.hold, HOLD[1])
    return None if found is None or found.rivals else found


def _refill(bench: Bench, before: Identified, early: bool) -> Script[Identified | None]:
    """Slightly more than the cap, ending one after the other, and polls all the while. *early*: one ends long before the others, and
    nothing is asked until it has."""
    assert before.fit.limit is not None
    size = max(round(before.fit.limit.high), 1)
    size = min(size + max(size // 32, 2), bench.goal.in_flight)
    yield from bench.book.wait(bench.now + bench.slack + before.fit.lag + (before.penalty or 0))
    held = [bench.held(share) for share in _shares(size, early)]
    if accepted((yield from bench.book.answered(held))) < before.fit.limit.low * (1 - LOOSE):
        return None
    if early and bench.book.outcomes[held[0].id].status == 200:
        yield from bench.book.closed(held[:1])
        yield from bench.book.wait(bench.now + bench.slack)
    yield from watch(bench, held, polls=24)
    yield from bench.book.wait(bench.now + bench.slack + before.fit.lag + (before.penalty or 0))
    yield from bench.book.ended([bench.short()])
    return as_cap(bench)


def _shares(size: int, early: bool) -> Iterator[float]:
    """Parts of a hold: evenly one after the other; or one alone early, which tells a place that is slow to become free from a cap
    that lets nobody in until several are."""
    if early:
        yield EARLY
    yield from ((LATE if early else 0.5) + 0.5 * index / size for index in range(size - early))


def _per_time(bench: Bench) -> Script[Identified]:
    """Wait for it to recover, use up what it gives, and again, until a bucket or one kind of window is left."""
    halved = False
    try:
        yield from drain(bench)
        for round_ in range(ROUNDS):
            halved = yield from _round(bench, conclude(bench, PER_TIME), may_halve=not halved)
            found = conclude(bench, PER_TIME)
            if found.fit.kind is Kind.BUCKET and round_ > 1:
                yield from _sharpen_bucket(bench)
                break
            if found.fit.kind is not Kind.BUCKET and _sharp(bench, found):
                return found
    except Stopped as stop:
        bench.stopped = stop
    return _loose_ends(bench, conclude(bench, PER_TIME))


def _loose_ends(bench: Bench, found: Identified) -> Identified:
    """The same, with what would have to be done to know more. A kind per time that never recovered is no kind yet."""
    if not bench.record.recoveries and bench.stopped is not None:
        passed = f"let {len(bench.record.accepts)} requests through and then nothing any more"
        return Identified(Fit(Kind.UNRESOLVED, 1.0), (found.fit.kind, *found.rivals), [f"it {passed}: {bench.stopped}"])
    number = found.fit.limit if found.fit.kind is Kind.BUCKET else found.fit.window
    if number is not None and number.error > bench.goal.error and not found.needs:
        found.needs.append(
            f"the {'rate' if found.fit.kind is Kind.BUCKET else 'window'} is only known within {number.error:.0%}"
        )
    if bench.stopped is not None:
        found.needs.append(f"{bench.stopped}; allow more to find out more")
    return found


def _round(bench: Bench, before: Identified, may_halve: bool) -> Script[bool]:
    """One recovery and what it gives. Once the length of a window is known, half is used at its begin and half in its middle:
    a sliding window gives each half back on its own, a fixed one all together. True where that was done."""
    window, limit = before.fit.window, before.fit.limit
    expected = next_recovery(bench.record, before.fit)
    first = yield from recover(bench, expected)
    if not may_halve or not expected or not window or not limit or limit.low < 2 or not before.rivals:
        yield from drain(bench)
        return False
    half = max(int(limit.low) // 2 - 1, 0)
    yield from bench.book.answered([bench.short() for _ in range(half)])
    yield from bench.book.wait(first.answered + window.mid / 2)
    yield from drain(bench, int(limit.high) - half)
    return True


def next_recovery(record: Record, fit: Fit) -> Range | None:
    """When a drained limiter per window should accept again; None where too little is known."""
    if fit.window is None or fit.limit is None or not record.recoveries:
        return None
    if fit.kind is Kind.SLIDING:
        oldest = record.accepts[-min(round(fit.limit.low), len(record.accepts))]
        return Range(oldest.sent + fit.window.low, oldest.answered + fit.window.high)
    last = record.recoveries[-1][0]
    return Range(last.low + fit.window.low, last.high + fit.window.high) if fit.kind is Kind.FIXED else None


def _sharp(bench: Bench, found: Identified) -> bool:
    window, limit = found.fit.window, found.fit.limit
    if found.rivals or window is None or limit is None:
        return False
    return window.error <= bench.goal.error and limit.low == limit.high


def _sharpen_bucket(bench: Bench) -> Script[None]:
    """Count refills at a rate that takes each as it comes; then let the bucket fill, and pour it out at once."""
    for _ in range(TRIES):
        fit = bucket.fit(bench.record)
        if fit.strain or fit.limit is None or fit.burst is None or fit.limit.error <= bench.goal.error:
            break
        rate = (fit.limit.low * fit.limit.high) ** 0.5
        if fit.burst.high < SHALLOW:
            yield from recover(bench, Range(bench.now + 0.5 / rate, bench.now + 1.5 / rate))
            yield from recover(bench, Range(bench.now + 1 / fit.limit.high, bench.now + 1 / fit.limit.low))
        else:
            yield from _train(bench, rate)
    fit = bucket.fit(bench.record)
    if fit.strain or fit.limit is None or fit.burst is None:
        return
    rest = fit.burst.high / fit.limit.low * 1.05 + bench.rtt
    if rest <= LONGEST_REST:
        yield from bench.book.wait(bench.now + rest)
        yield from drain(bench, ceil(fit.burst.high) + 2)


def _train(bench: Bench, rate: float) -> Script[None]:
    """Requests at an even pace, faster than the bucket fills, until enough refills have been seen."""
    tokens = min(max(ceil((1 + 2 * rate * bench.rtt) / bench.goal.error), TOKENS[0]), TOKENS[1])
    yield from drain(bench)
    begin, gap = bench.now, 0.4 / rate
    yield from bench.book.answered([bench.short(begin + gap * index) for index in range(round(tokens / 0.4))])
