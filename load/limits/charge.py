"""Does a refused request cost money? Balances around two bursts that differ in how many of them are refused.

All requests of both bursts are the same, so the two falls of the balance are two equations in what an accepted one and a refused one
cost: no price need be known.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from load.call import Job
from load.limits.bench import Bench, accepted, refused, saturate
from load.limits.script import Outcome, Script
from load.limits.seen import Fit
from wire.strict_json import at

BALANCE = Job("balance", "/user/balance", b"", stream=False, prompt_tokens=0, max_tokens=0)
FEW, MANY = 4, 16  # requests of the two bursts
STILL = (0.1, 5)  # s between two readings that must agree, and how often that is tried


@dataclass(frozen=True, slots=True)
class Burst:
    """Requests that were all the same, by what became of them, and by how much the balance fell meanwhile."""

    accepted: int
    refused: int
    fell: Decimal


@dataclass(frozen=True, slots=True)
class Charge:
    """What one request costs by the balance, in its currency. None: the balance does not tell."""

    accepted: Fraction | None = None
    refused: Fraction | None = None
    says: str = ""


def charge(one: Burst, two: Burst) -> Charge:
    """Solve ``accepted x + refused y = fell`` for both."""
    determinant = one.accepted * two.refused - two.accepted * one.refused
    if not determinant:
        return Charge(says="as many were refused of one burst as of the other")
    falls = Fraction(one.fell), Fraction(two.fell)
    each = (falls[0] * two.refused - falls[1] * one.refused) / determinant
    lost = (falls[1] * one.accepted - falls[0] * two.accepted) / determinant
    if each <= 0:
        return Charge(
            says="the balance does not show what an accepted request costs, so neither what a refused one does"
        )
    return Charge(each, lost) if lost >= 0 else Charge(each, says="the balance moves by itself")


def charged(bench: Bench, fit: Fit) -> Script[Charge]:
    """From a limiter at rest: a burst, then it is brought to refuse, then another burst."""
    before = yield from _still(bench)
    if before is None:
        return Charge(says="there is no balance that can be read, or it does not come to rest")
    one = yield from _burst(bench, FEW, before)
    held = yield from saturate(bench, fit)
    before = yield from _still(bench)
    two = (yield from _burst(bench, MANY, before)) if before is not None else None
    ended = any(outcome.closed is not None for outcome in bench.book.of(held) if outcome.status == 200)
    yield from bench.book.closed(held)
    if one is None or two is None or ended:
        return Charge(says="too much else was going on at the account meanwhile")
    return charge(one, two)


def _burst(bench: Bench, size: int, before: Decimal) -> Script[Burst | None]:
    outcomes = yield from bench.book.ended([bench.short() for _ in range(size)])
    after = yield from _still(bench)
    if after is None or len({_tokens(outcome) for outcome in outcomes if outcome.status == 200}) > 1:
        return None
    return Burst(accepted(outcomes), refused(outcomes), before - after)


def _tokens(outcome: Outcome) -> object:
    return outcome.sample.usage if outcome.sample else None


def _still(bench: Bench) -> Script[Decimal | None]:
    """The balance, when two readings agree."""
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
    try:
        return Decimal(text) if isinstance(text, str) and outcome.status == 200 else None
    except InvalidOperation:
        return None
