"""Experiments on a cap: fill it, let places become free, and see when one is taken again."""

from collections.abc import Iterator

from echosounder.load.experiment.script import Script
from echosounder.load.limits.bench import HOLD, Bench, accepted, refused, watch
from echosounder.load.limits.conclude import LOOSE, Identified, as_cap

TRIES = 3
TURNS = 4  # batches of one less than the cap
EARLY, LATE = 0.4, 0.9  # fractions of a hold


def capped(bench: Bench) -> Script[Identified | None]:
    """Determine the cap completely; None if the limiter is not a cap."""
    found = yield from _narrowed(bench)
    if found is not None and (found.rivals or found.penalty) and (yield from _refused_below(bench, found)):
        return None
    return None if found is None or found.rivals else found


def _narrowed(bench: Bench) -> Script[Identified | None]:
    """Fill the cap again, let places become free one by one, and observe when one is taken."""
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
            break
        bench.hold = min(1.5 * bench.hold, HOLD[1])
    return found


def _refused_below(bench: Bench, found: Identified) -> Script[bool]:
    """Send batches of one less than the cap, each after the previous one has ended. Returns whether one was refused,
    which a cap would not do, but an exhausted limiter over time would.
    """
    assert found.fit.limit is not None
    size, rest = max(round(found.fit.limit.low) - 1, 1), bench.slack + found.fit.lag
    yield from bench.book.wait(bench.now + rest + (found.penalty or 0))
    for _ in range(TURNS):
        if refused((yield from bench.book.ended([bench.short() for _ in range(size)]))):
            return True
        yield from bench.book.wait(bench.now + rest)
    return False


def _refill(bench: Bench, before: Identified, early: bool) -> Script[Identified | None]:
    """Hold slightly more requests than the cap, which end one after another, and poll meanwhile. *early*: one ends long
    before the others, and polling starts after its end.
    """
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
    """Ends of the requests as fractions of a hold: evenly spaced, or one alone early, which distinguishes a place that
    is slow to become free from a cap that accepts only after several are free.
    """
    if early:
        yield EARLY
    yield from ((LATE if early else 0.5) + 0.5 * index / size for index in range(size - early))
