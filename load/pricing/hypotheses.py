"""What a wrong bill may come from: each hypothesis says how much would have been taken beyond the bill for a request."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import partial

from echosounder.judgement.bill import BillCause
from echosounder.load.pricing.ledger import ZERO, Charge, Entry, total
from echosounder.wire.prices import EXACT, Rated, bill

Other = Callable[[Charge], list[tuple[str, Rated]]]
"""The other rates of the price list, with the name of the window or the row."""
Extra = Callable[[Charge, Decimal], Decimal]
"""Of a request, and the smallest unit of the balance: what was taken beyond its bill."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """``extras``: what would have been taken beyond the bill in each entry. ``narrow``: it is about some of the requests only."""

    cause: BillCause
    extras: tuple[Decimal, ...]
    narrow: bool = False


def hypotheses(entries: Sequence[Entry], other: Other) -> list[Hypothesis]:
    """All that would have changed any of the entries, the most particular first."""
    made: list[Hypothesis] = []
    for which, words, chosen in _SCOPES:
        for name, says, requirement, extra in _rules(entries, other):
            extras = tuple(_extra(entry, extra, chosen) for entry in entries)
            if any(extras):
                broken = requirement if not which else "balance.stream-same-price"
                made.append(
                    Hypothesis(BillCause(which + name, says.replace("{which}", words), broken), extras, bool(which))
                )
    return [*made, *_factors(entries)]


def _extra(entry: Entry, extra: Extra, chosen: Callable[[Charge], bool]) -> Decimal:
    return total(extra(charge, entry.unit) for charge in entry.charges if chosen(charge))


def _all(charge: Charge) -> bool:
    return True


def _streamed(charge: Charge) -> bool:
    return charge.stream


def _whole(charge: Charge) -> bool:
    return not charge.stream


_SCOPES = (
    ("", "", _all),
    ("stream-", " of streamed requests", _streamed),
    ("document-", " of requests that are not streamed", _whole),
)


def _rules(entries: Sequence[Entry], other: Other) -> Iterator[tuple[str, str, str, Extra]]:
    """Name, sentence, requirement, and the extra of a request."""
    yield (
        "hit-billed-as-miss",
        "cache hits{which} are charged at the price of misses",
        "cache.discount",
        lambda charge, unit: difference(charge.hit, charge.rates[0]),
    )
    yield (
        "miss-billed-as-hit",
        "cache misses{which} are charged at the price of hits",
        "cache.discount",
        lambda charge, unit: -difference(charge.miss, charge.rates[0]),
    )
    for window in dict.fromkeys(name for entry in entries for charge in entry.charges for name, _ in other(charge)):
        says = f"requests{{which}} are charged at the {window} prices, which are not those of the time"
        yield "wrong-price-window", says, "balance.price-window", partial(_in_window, other, window)
    yield from _tokens()
    yield (
        "charged-twice",
        "requests{which} are charged twice",
        "balance.charged",
        lambda charge, unit: charge.amount,
    )
    yield "not-charged", "requests{which} are not charged", "balance.charged", lambda charge, unit: -charge.amount
    yield (
        "reasoning-charged-twice",
        "reasoning tokens{which} are charged on top of the completion",
        "balance.charged",
        lambda charge, unit: bill(0, 0, charge.usage.reasoning or 0, charge.rates[0]).total,
    )
    for rounding, word in ((ROUND_CEILING, "up"), (ROUND_FLOOR, "down"), (ROUND_HALF_EVEN, "half to even")):
        says = f"the charge of each request{{which}} is rounded {word} to the last digit of the balance"
        yield "rounded-charges", says, "balance.charged", partial(_rounded, rounding)
    for step, word in ((1, "more"), (-1, "less")):
        says = f"each request{{which}} is charged one smallest unit {word} than it costs: the balance drifts"
        yield "drift", says, "balance.charged", partial(_drift, step)


def _tokens() -> Iterator[tuple[str, str, str, Extra]]:
    for kind, counts in KINDS.items():
        for step, word in ((1, "more"), (-1, "less")):
            says = f"one {kind} token {word} than usage says is charged for each request{{which}}"
            yield "off-by-one-token", says, "balance.charged", partial(_token, counts, step)


KINDS = {"output": (0, 0, 1), "miss": (0, 1, 0), "hit": (1, 0, 0)}


def difference(tokens: int, rates: Rated) -> Decimal:
    """What so many tokens cost more as misses than as hits."""
    return EXACT.subtract(bill(0, tokens, 0, rates).total, bill(tokens, 0, 0, rates).total)


def _in_window(other: Other, window: str, charge: Charge, unit: Decimal) -> Decimal:
    rates = dict(other(charge)).get(window)
    return ZERO if rates is None else EXACT.subtract(charge.at_rates(rates), charge.amount)


def _token(counts: tuple[int, int, int], step: int, charge: Charge, unit: Decimal) -> Decimal:
    return step * bill(*counts, charge.rates[0]).total


def _rounded(rounding: str, charge: Charge, unit: Decimal) -> Decimal:
    return EXACT.subtract(charge.amount.quantize(unit, rounding=rounding, context=EXACT), charge.amount)


def _drift(step: int, charge: Charge, unit: Decimal) -> Decimal:
    return step * unit


def _factors(entries: Sequence[Entry]) -> Iterator[Hypothesis]:
    """Requests that all cost so many times what they should. It takes two entries that agree to say so."""
    for which, words, chosen in _SCOPES:
        bills = [total(charge.amount for charge in entry.charges if chosen(charge)) for entry in entries]
        pairs = [(bill, entry.remainder or ZERO) for bill, entry in zip(bills, entries, strict=True) if bill]
        shares = {Fraction(remainder) / Fraction(bill) for bill, remainder in pairs}
        if len(shares) == 1 and len({bill for bill, _ in pairs}) > 1 and (share := shares.pop()):
            says = f"requests{words} are charged {float(1 + share):g} times what they cost"
            requirement = "balance.stream-same-price" if which else "balance.charged"
            extras = tuple(
                (entry.remainder or ZERO) if bill else ZERO for bill, entry in zip(bills, entries, strict=True)
            )
            yield Hypothesis(BillCause(f"{which}other-price", says, requirement), extras)
