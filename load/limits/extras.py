"""What else there is to know about a limiter whose kind is known: whom it counts together, how it refuses, whether its hints are true,
who gets how much."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from load.limits.bench import Bench, accepted, drain, refused, typical
from load.limits.conclude import Identified, next_recovery
from load.limits.hints import ROUNDING, Hint, Trial, hint
from load.limits.script import Ask, Outcome, Script
from load.limits.seen import Fit, Kind
from wire.strict_json import at

SANDWICHES = 3
EARLY_MARGIN = 0.25  # s
LONGEST_HINT = 30.0  # s that a hint is waited for
OTHER_USER = "echosounder-other"

Wall = Callable[[float], datetime]  # script time -> time of day


@dataclass(slots=True)
class Extras:
    """``scope``: what was compared -> counted together (True), apart (False), not found out (None). ``skew``: the target's clock minus
    ours, s. ``shares``: admitted of offered, by user, under contention."""

    scope: dict[str, bool | None] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    refusals: list[Outcome] = field(default_factory=list)
    skew: float | None = None
    shares: dict[str, tuple[int, int]] = field(default_factory=dict)


def saturate(bench: Bench, fit: Fit, hold: float | None = None) -> Script[list[Ask]]:
    """Bring the limiter to refuse, and leave it so; the requests that hold a cap's places."""
    if fit.kind is not Kind.CONCURRENCY or fit.limit is None:
        yield from drain(bench, round(fit.limit.high) if fit.limit and fit.kind is not Kind.BUCKET else 1)
        return []
    held = [bench.held(hold / bench.hold if hold else 1.0) for _ in range(round(fit.limit.high))]
    yield from bench.book.answered(held)
    yield from bench.book.answered([bench.short()])
    return held


def scope(bench: Bench, extras: Extras, fit: Fit) -> Script[None]:
    """A request of another key, user or model between two of ours that are refused: is it refused too?"""
    others: dict[str, Ask] = {}
    if bench.goal.keys > 1:
        others["key"] = bench.book.ask(bench.asking.job(1), key=1)
    if bench.asking.users:
        others["user_id"] = bench.book.ask(bench.asking.job(1, user=OTHER_USER))
    for model in bench.goal.models[:1]:
        others["model"] = bench.book.ask(bench.asking.job(1, model=model))
    for name, ask in others.items():
        extras.scope[name] = yield from _together(bench, ask, fit)


def _together(bench: Bench, other: Ask, fit: Fit) -> Script[bool | None]:
    """The others are more than can have become free meanwhile: served all, they are counted on their own."""
    refill = fit.limit.high * 4 * bench.rtt if fit.kind is Kind.BUCKET and fit.limit else 0
    for _ in range(SANDWICHES):
        [before] = yield from bench.book.answered([bench.short()])
        others = [bench.book.ask(other.job, key=other.key) for _ in range(2 + round(refill))]
        between = yield from bench.book.answered(others)
        [after] = yield from bench.book.answered([bench.short()])
        if refused([before]) and refused([after]) and accepted(between) + refused(between) == len(between):
            return refused(between) > 0
        yield from saturate(bench, fit)
    return None


def hints(bench: Bench, extras: Extras, found: Identified, wall: Wall) -> Script[None]:
    """Put ``Retry-After`` to the test: one request just before its time, one at its time, nothing else in between."""
    held = yield from saturate(bench, found.fit)
    said = _last_hint(bench, wall)
    if said is not None and said.wait is None:
        extras.trials.append(Trial(said))
    elif said is not None:
        extras.trials.append((yield from _early(bench, said, found, held)))
    yield from bench.book.closed(held)
    if said is None or said.wait is None or extras.trials[-1].early:
        return
    if said.wait <= min(LONGEST_HINT, bench.goal.seconds - bench.now):
        yield from bench.book.wait(bench.now + bench.slack + found.fit.lag + (found.penalty or 0))
        # By the time that a hint names our own requests have ended; only where it says "now" they go on.
        held = yield from saturate(bench, found.fit, min(bench.hold, said.wait / 2) if said.wait else None)
        extras.trials.append((yield from _late(bench, found, wall)))
        yield from bench.book.closed(held)


def _early(bench: Bench, said: Hint, found: Identified, held: Sequence[Ask]) -> Script[Trial]:
    """Where the limiter should accept long before the hint says so, ask then."""
    last = _last_refusal(bench)
    assert last is not None
    assert said.wait is not None
    soonest = last.answered + said.wait - ROUNDING[said.form] - EARLY_MARGIN
    if held:
        yield from bench.book.closed(held)
        yield from bench.book.wait(bench.now + bench.slack + found.fit.lag + (found.penalty or 0))
    else:
        yield from bench.book.wait(min(_ready(bench, found.fit), soonest))
    if bench.now >= soonest:
        return Trial(said)
    [outcome] = yield from bench.book.answered([bench.short()])
    return Trial(said, outcome.status == 200, outcome.sent - last.answered)


def _ready(bench: Bench, fit: Fit) -> float:
    """When a drained limiter per time accepts again, by what is known of it."""
    if fit.kind is Kind.BUCKET and fit.limit is not None:
        return bench.now + 1.5 / fit.limit.low
    expected = next_recovery(bench.record, fit)
    return bench.now if expected is None else expected.high + bench.slack


def _late(bench: Bench, found: Identified, wall: Wall) -> Script[Trial]:
    """At the time that the hint names, ask."""
    last, said = _last_refusal(bench), _last_hint(bench, wall)
    if last is None or said is None or said.wait is None:
        return Trial(said or Hint("", "unparsable", None))
    yield from bench.book.wait(last.answered + said.wait)
    busy = sum(outcome.closed is None for outcome in bench.book.outcomes.values() if outcome.status == 200)
    [outcome] = yield from bench.book.answered([bench.short()])
    # Nobody can know when our own requests will end; only "now" is wrong while they go on.
    excused = said.wait >= 1 and found.fit.limit is not None and busy >= found.fit.limit.low
    return Trial(said, late=True if outcome.status == 200 else None if excused else False)


def _last_hint(bench: Bench, wall: Wall) -> Hint | None:
    last = _last_refusal(bench)
    return hint(last, wall(last.answered)) if last else None


def _last_refusal(bench: Bench) -> Outcome | None:
    found = [outcome for id, outcome in bench.book.outcomes.items() if id in bench.mine and refused([outcome])]
    return max(found, key=lambda outcome: outcome.answered, default=None)


def contention(bench: Bench, extras: Extras, found: Identified) -> Script[None]:
    """Two users at once, one asking for four times as much as the other, both more than there is: how much does each get?"""
    limit = found.fit.burst if found.fit.kind is Kind.BUCKET else found.fit.limit
    if limit is None or not (bench.asking.users or bench.goal.keys > 1):
        return
    names = ("key 1", "key 2") if bench.goal.keys > 1 else ("user a", "user b")
    size = min(max(round(limit.mid), 4), bench.goal.in_flight)
    asks = [(names[index % 5 == 4], _of(bench, index % 5 == 4)) for index in range(2 * size)]
    outcomes = yield from bench.book.answered([ask for _, ask in asks])
    for name in names:
        mine = [outcome for outcome, (who, _) in zip(outcomes, asks, strict=True) if who == name]
        extras.shares[name] = (accepted(mine), len(mine))
    yield from bench.book.closed([ask for _, ask in asks])


def _of(bench: Bench, light: bool) -> Ask:
    tokens = max(round(bench.hold_tokens / 2), 1)
    if bench.goal.keys > 1:
        return bench.book.ask(bench.asking.job(tokens), key=int(light))
    return bench.book.ask(bench.asking.job(tokens, user="echosounder-b" if light else "echosounder-a"))


def fairness(shares: dict[str, tuple[int, int]]) -> float | None:
    """Jain's index of the admitted shares: 1 when each user got the same part of what it asked for, 1/n when one got all."""
    parts = [got / offered for got, offered in shares.values() if offered]
    squares = len(parts) * sum(part * part for part in parts)
    return sum(parts) ** 2 / squares if squares else None


def how_refused(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """What the refusals looked like: ``{"statuses", "latency_ms", "body", "kept_connection", "headers"}``."""
    bodies = [outcome.exchange.json for outcome in outcomes if outcome.exchange]
    kept = [outcome.kept for outcome in outcomes if outcome.kept is not None]
    latency = typical([outcome.answered - outcome.sent for outcome in outcomes])
    return {
        "statuses": {
            str(status): sum(o.status == status for o in outcomes)
            for status in sorted({o.status or 0 for o in outcomes})
        },
        "latency_ms": None if latency is None else round(latency * 1000, 3),
        "body": "error-object"
        if bodies and all(at(body, "error", "message") for body in bodies)
        else "other"
        if bodies
        else None,
        "kept_connection": sum(kept) / len(kept) if kept else None,
        "headers": sorted(set(_limit_headers(outcomes))),
    }


def _limit_headers(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        yield from (
            name.lower() for name, _ in outcome.headers if "ratelimit" in name.lower() or name.lower() == "retry-after"
        )
