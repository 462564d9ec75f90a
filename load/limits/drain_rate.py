"""Experiments on a limiter per time: exhaust it, wait for its recovery, and repeat, until one kind and its numbers are left."""

from math import ceil

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import Script, Stopped
from echosounder.load.limits import bucket
from echosounder.load.limits.bench import Bench, drain, recover
from echosounder.load.limits.conclude import PER_TIME, Identified, conclude, next_recovery
from echosounder.load.limits.seen import Fit, Range

TRIES = 3
ROUNDS = 6  # recoveries that are waited for to tell the kinds per time apart
TOKENS = (24, 200)  # refills that a rate is counted from: at least, at most
SHALLOW = 2  # a bucket of less overflows between two requests of a train
LONG_ENOUGH = 30.0  # s without an accept, from which it looks as if nothing came back
LONGEST_REST = 90.0  # s to wait for a bucket to be full


def per_time(bench: Bench) -> Script[Identified]:
    """Exhaust the limiter, wait for its recovery, and repeat until a bucket or one kind of window remains."""
    halved = False
    try:
        yield from drain(bench)
        for round_ in range(ROUNDS):
            halved = yield from _round(bench, conclude(bench, PER_TIME), may_halve=not halved)
            found = conclude(bench, PER_TIME)
            if found.fit.kind is LimiterKind.BUCKET and round_ > 1:
                yield from _sharpen_bucket(bench)
                break
            if found.fit.kind is not LimiterKind.BUCKET and _sharp(bench, found):
                return found
            if found.fit.kind is LimiterKind.UNRESOLVED and bench.record.recoveries:
                break  # what contradicts a kind goes on to do so
    except Stopped as stop:
        bench.stopped = stop
    return _loose_ends(bench, conclude(bench, PER_TIME))


def _loose_ends(bench: Bench, found: Identified) -> Identified:
    """The same, with what would have to be done to know more. A kind per time that never recovered is not a kind yet."""
    if not bench.record.recoveries and bench.stopped is not None:
        if bench.stopped.kind == "patience" and bench.record.span > LONG_ENOUGH:
            quota = len(bench.record.accepts)
            wait = f"a window of more than {bench.record.span:.0f} s looks the same: {bench.stopped}"
            return Identified(Fit(LimiterKind.QUOTA, 0.0, Range(quota, quota)), needs=[wait])
        passed = f"let {len(bench.record.accepts)} requests through and then nothing any more"
        return Identified(
            Fit(LimiterKind.UNRESOLVED, 1.0), (found.fit.kind, *found.rivals), [f"it {passed}: {bench.stopped}"]
        )
    number = found.fit.limit if found.fit.kind is LimiterKind.BUCKET else found.fit.window
    if number is not None and number.error > bench.goal.error and not found.needs:
        found.needs.append(
            f"the {'rate' if found.fit.kind is LimiterKind.BUCKET else 'window'} is only known within {number.error:.0%}"
        )
    if bench.stopped is not None:
        found.needs.append(str(bench.stopped))
    return found


def _round(bench: Bench, before: Identified, may_halve: bool) -> Script[bool]:
    """One recovery and what it gives. Once the length of a window is known, half is used at its begin and half in its middle:
    a sliding window gives each half back on its own, a fixed one all together. True where that was done."""
    window, limit = before.fit.window, before.fit.limit
    expected = next_recovery(bench.record, before.fit)
    first = yield from recover(bench, expected)
    if not may_halve or not expected or not window or not limit or limit.low < 2 or not before.rivals:
        yield from drain(bench, max(int(limit.low) - 1, 1) if window and limit and not before.fit.strain else 1)
        return False
    half = max(int(limit.low) // 2 - 1, 0)
    for size in [1] * half if bench.gentle else [half]:
        yield from bench.decided([bench.short() for _ in range(size)])
    yield from bench.book.wait(first.answered + window.mid / 2)
    yield from drain(bench, int(limit.high) - half)
    return True


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
