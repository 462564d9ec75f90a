"""Identifies the kind of limiter and its parameters: experiments follow until one kind alone explains all observations."""

from dataclasses import replace

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import DueRequest, Script
from echosounder.load.limits import concurrency
from echosounder.load.limits.bench import Bench, accepted, fill, refused, watch
from echosounder.load.limits.conclude import Identified, conclude
from echosounder.load.limits.drain_rate import per_time
from echosounder.load.limits.fill_cap import capped
from echosounder.load.limits.queues import held_for_longer, queued
from echosounder.load.limits.seen import Fit

SUSTAINED = (2.0, 200)  # s and requests of the last test before reporting no limiter
RESTED = 1.5  # multiple of the longest wait for an accept after which a limiter over time is at rest
LEAST_REST = 5.0  # s
LATE = 3.0  # a request that takes this many times as long as a refusal or the quickest answer has waited in a queue
FREE_AGAIN = 2.0  # s; maximum wait for a cap to accept again


def identify(bench: Bench) -> Script[Identified]:
    """Find the kind and its numbers. If stopped in the middle, stores the partial result in ``bench`` and passes the exception on."""
    held = yield from fill(bench, bench.goal.in_flight)
    if not refused(bench.book.of(held)):
        yield from bench.book.closed(held)
        held = yield from held_for_longer(bench, held)
    if not refused(bench.book.of(held)):
        return (yield from _unlimited(bench, held))
    if _answers_late(bench):
        found = yield from _in_line(bench, held)
        if found is not None:
            return found
    yield from watch(bench, held, polls=6)
    if (yield from _free_again(bench)):
        found = yield from capped(bench)
        if found is not None:
            return found
    found = yield from per_time(bench)
    return conclude(bench) if found.fit.kind is LimiterKind.UNRESOLVED and not bench.stopped else found


def _in_line(bench: Bench, held: list[DueRequest]) -> Script[Identified | None]:
    """Identify a bucket that queues requests, which refuses immediately and serves late; None if the target is only slow behind a cap."""
    yield from bench.book.closed(held)
    mine = set(bench.mine)
    found = yield from afresh(bench, gentle=False)
    if found.fit.delayed and not found.fit.strain and not found.rivals:
        return found
    bench.mine |= mine
    bench.arrival = False
    return None


def afresh(bench: Bench, gentle: bool) -> Script[Identified]:
    """Identify the limiter again, from rest and with short requests only, because earlier requests may weigh more than a short one."""
    waits = [accept.answered - refusal.sent for refusal, accept in bench.record.turns if accept is not None]
    waits += [each.answered - each.sent for each in bench.record.accepts]
    yield from bench.book.wait(bench.now + max(RESTED * max(waits, default=0.0), LEAST_REST) + bench.slack)
    bench.arrival = bench.arrival or _answers_late(bench)
    bench.mine.clear()
    bench.gentle = gentle and not bench.arrival
    found = yield from per_time(bench)
    if bench.arrival and found.fit.kind is LimiterKind.BUCKET:
        found.fit = replace(found.fit, delayed=True)
    return found


def _answers_late(bench: Bench) -> bool:
    """Whether refusals are immediate while some served requests wait before their answer."""
    served = [each.answered - each.sent for each in bench.record.accepts]
    longest = max((each.answered - each.sent for each in bench.record.refusals), default=0.0)
    return max(served, default=0.0) > LATE * max(min(served, default=0.0), longest) + bench.slack


def _free_again(bench: Bench) -> Script[bool]:
    """Whether a request is accepted soon after nothing is in flight, as a cap must. The waits grow, because some
    limiters penalize repeated requests.
    """
    wait = bench.slack
    while wait < FREE_AGAIN:
        yield from bench.book.wait(bench.now + wait)
        if accepted((yield from bench.book.ended([bench.short()]))):
            return True
        wait *= 2
    return False


def _unlimited(bench: Bench, held: list[DueRequest]) -> Script[Identified]:
    """Identify a limiter that refused nothing at the maximum number in flight: a queue, a limited rate, or none."""
    queue = queued(bench, held)
    if queue is not None:
        return Identified(queue)
    begin = bench.now
    seconds, most = SUSTAINED
    count = min(most, bench.goal.requests - bench.book.asked)
    asks = [bench.short(begin + seconds * index / count) for index in range(count)]
    outcomes = yield from bench.book.answered(asks)
    if refused(outcomes):
        return (yield from per_time(bench))
    rate = accepted(outcomes) / max(max(each.answered for each in outcomes) - begin, 1e-3)
    most = concurrency.bounds(bench.record, bench.slack).low
    further = f"--users {4 * bench.goal.in_flight} looks further"
    return Identified(Fit(LimiterKind.NONE, 0.0), needs=[further], highest_rate=rate, highest_in_flight=most)
