"""Experiments on a limiter over time: exhaust it, wait for its recovery, and repeat until one kind and its numbers remain."""

from math import ceil

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import Script, Stopped
from echosounder.load.limits import bucket
from echosounder.load.limits.bench import Bench, drain, recover
from echosounder.load.limits.conclude import PER_TIME, Identified, conclude, next_recovery
from echosounder.load.limits.seen import Fit, Range

TRIES = 3
ROUNDS = 6  # maximum number of recoveries used to distinguish the kinds
TOKENS = (24, 200)  # number of refills from which a rate is determined: minimum, maximum
SHALLOW = 2  # a smaller bucket overflows between two requests of a train
LONG_ENOUGH = 30.0  # s without an accept after which the limiter is taken for a quota
LONGEST_REST = 90.0  # maximum s to wait for a bucket to fill


def per_time(bench: Bench) -> Script[Identified]:
    """Exhaust the limiter, wait for its recovery, and repeat until a bucket or one kind of window remains; returns the result."""
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
                break  # further observations cannot remove a contradiction
    except Stopped as stop:
        bench.stopped = stop
    return _loose_ends(bench, conclude(bench, PER_TIME))


def _loose_ends(bench: Bench, found: Identified) -> Identified:
    """Add to the result what is needed to know more. A limiter that never recovered is a quota or unresolved."""
    if not bench.record.recoveries and bench.stopped is not None:
        if bench.stopped.kind == "patience" and bench.record.span > LONG_ENOUGH:
            quota = len(bench.record.accepts)
            wait = f"a window of more than {bench.record.span:.0f} s looks the same: {bench.stopped}"
            return Identified(Fit(LimiterKind.QUOTA, 0.0, Range(quota, quota)), needs=[wait])
        passed = f"let {len(bench.record.accepts)} requests through and then none"
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
    """Wait for a recovery and exhaust the limiter again. Once the length of a window is known, half of the limit is
    used at its begin and half in its middle: a sliding window frees each half separately, a fixed one both at once.
    Returns whether the limit was halved.
    """
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
    """Sharpen the rate with single refills or trains of requests; then let the bucket fill and empty it at once, for the burst."""
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
    """Send requests at an even pace, faster than the bucket refills, until enough refills have been observed."""
    tokens = min(max(ceil((1 + 2 * rate * bench.rtt) / bench.goal.error), TOKENS[0]), TOKENS[1])
    yield from drain(bench)
    begin, gap = bench.now, 0.4 / rate
    yield from bench.book.answered([bench.short(begin + gap * index) for index in range(round(tokens / 0.4))])
