"""Measures whether a refused request costs money, from the balances around two bursts with different shares of
refusals.

All requests are identical, so the two decreases of the balance are two equations for the cost of an accepted and of a
refused request. No price needs to be known.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from echosounder.load.client.call import Job
from echosounder.load.experiment.script import Outcome, Script
from echosounder.load.limits.bench import Bench, accepted, refused, saturate
from echosounder.load.limits.seen import Fit
from echosounder.wire.outside import amount
from echosounder.wire.strict_json import at

BALANCE = Job("balance", "/user/balance", b"", stream=False, prompt_tokens=0, max_tokens=0)
FEW, MANY = 4, 16  # requests of the two bursts
STILL = (0.1, 5)  # s between two readings that must agree; number of tries


@dataclass(frozen=True, slots=True)
class Burst:
    """A group of identical requests: their outcomes, and the decrease of the balance meanwhile."""

    accepted: int
    refused: int
    fell: Decimal


@dataclass(frozen=True, slots=True)
class ObservedCost:
    """Observed cost of one request, from the balance, in its currency. None if the balance does not show it."""

    accepted: Fraction | None = None
    refused: Fraction | None = None
    says: str = ""


def charge(one: Burst, two: Burst) -> ObservedCost:
    """Solve ``accepted x + refused y = fell`` for the two bursts."""
    determinant = one.accepted * two.refused - two.accepted * one.refused
    if not determinant:
        return ObservedCost(says="both bursts had the same share of refusals")
    falls = Fraction(one.fell), Fraction(two.fell)
    each = (falls[0] * two.refused - falls[1] * one.refused) / determinant
    lost = (falls[1] * one.accepted - falls[0] * two.accepted) / determinant
    if each <= 0:
        return ObservedCost(
            says="the balance does not show the cost of an accepted request, so that of a refused one is unknown too"
        )
    return (
        ObservedCost(each, lost)
        if lost >= 0
        else ObservedCost(each, says="the balance moves by itself, or is settled late")
    )


def charged(bench: Bench, fit: Fit) -> Script[ObservedCost]:
    """From a limiter at rest: a burst, then requests until it refuses, then another burst; a third one if refusals seem to cost
    something, because delayed settlement looks the same.
    """
    before = yield from _still(bench)
    if before is None:
        return ObservedCost(says="there is no readable balance, or it does not settle")
    one = yield from _burst(bench, FEW, before)
    found: ObservedCost | None = None
    for size in (MANY, 2 * MANY):
        two = yield from _refused_burst(bench, fit, size)
        if one is None or two is None:
            return ObservedCost(says="other clients used the account meanwhile")
        before_it, found = found, charge(one, two)
        if not found.refused:
            return found
        if before_it is not None and found != before_it:
            return ObservedCost(
                says="the apparent cost of refusals differs from burst to burst: the account may be settled late"
            )
    return found or ObservedCost()


def _refused_burst(bench: Bench, fit: Fit, size: int) -> Script[Burst | None]:
    """Send a burst to an exhausted limiter; None if other requests that cost money may have ended meanwhile."""
    held = yield from saturate(bench, fit)
    going = [outcome.ask for outcome in bench.book.outcomes.values() if outcome.closed is None]
    yield from bench.book.closed([ask for ask in going if ask not in held])
    before = yield from _still(bench)
    burst = (yield from _burst(bench, size, before)) if before is not None else None
    ended = any(outcome.closed is not None for outcome in bench.book.of(held) if outcome.status == 200)
    yield from bench.book.closed(held)
    return None if ended else burst


def _burst(bench: Bench, size: int, before: Decimal) -> Script[Burst | None]:
    outcomes = yield from bench.book.ended([bench.short() for _ in range(size)])
    after = yield from _still(bench)
    if after is None or len({_tokens(outcome) for outcome in outcomes if outcome.status == 200}) > 1:
        return None
    return Burst(accepted(outcomes), refused(outcomes), before - after)


def _tokens(outcome: Outcome) -> object:
    return outcome.sample.usage if outcome.sample else None


def _still(bench: Bench) -> Script[Decimal | None]:
    """The balance once two successive readings agree; None if they do not, or it cannot be read."""
    pause, tries = STILL
    last = yield from _read(bench)
    for _ in range(tries):
        yield from bench.book.wait(bench.now + pause)
        now = yield from _read(bench)
        if now is None or now == last:
            return now
        last = now
    return None


def _read(bench: Bench) -> Script[Decimal | None]:
    [outcome] = yield from bench.book.ended([bench.book.ask(BALANCE, keep=True)])
    text = at(outcome.exchange.json, "balance_infos", 0, "total_balance") if outcome.exchange else None
    return amount(text) if outcome.status == 200 else None
