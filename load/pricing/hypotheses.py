"""Hypotheses about a wrong bill: each gives the excess charge of every entry."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import partial
from itertools import combinations

from echosounder.judgement.bill import BillCause
from echosounder.load.pricing.ledger import ZERO, Charge, Entry, total
from echosounder.wire.prices import EXACT, Rated, bill

Other = Callable[[Charge], list[tuple[str, Rated]]]
"""Maps a charge to other rates of the price list, with the name of the time window or row."""
Extra = Callable[[Charge, Decimal], Decimal]
"""Maps a charge and the smallest unit of the balance to the excess charge."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """``extras``: amount that each entry would have been overcharged. ``narrow``: the hypothesis concerns some of the requests only."""

    cause: BillCause
    extras: tuple[Decimal, ...]
    narrow: bool = False


def hypotheses(entries: Sequence[Entry], other: Other) -> list[Hypothesis]:
    """All hypotheses that would change any of the entries, the most specific first."""
    made: list[Hypothesis] = []
    for which, words, chosen in _SCOPES:
        for name, says, requirement, extra in _rules(entries, other):
            extras = tuple(_extra(entry, extra, chosen) for entry in entries)
            if any(extras):
                broken = requirement if not which else "balance.stream-same-price"
                made.append(
                    Hypothesis(BillCause(which + name, says.replace("{which}", words), broken), extras, bool(which))
                )
    return made


def derived(entries: Sequence[Entry], rests: Sequence[Decimal]) -> list[Hypothesis]:
    """A factor or a fee for each entry, derived from *rests*, the unexplained amounts."""
    return [*_factors(entries, rests), *_fees(entries, rests)]


def both_free(entries: Sequence[Entry]) -> Iterator[tuple[Hypothesis, Hypothesis]]:
    """Two hypotheses with one free number each, both fitted to two entries and tested on the others."""
    free = [(kind, *scope) for kind in ("other-price", "fee") for scope in _SCOPES]
    for one, two in combinations(free, 2):
        sums = [(_amount(one, entry), _amount(two, entry), Fraction(entry.remainder or ZERO)) for entry in entries]
        if (found := _solved(sums)) is not None:
            yield tuple(_free(each, share, entries) for each, share in zip((one, two), found, strict=True))  # type: ignore[misc]


Free = tuple[str, str, str, Callable[[Charge], bool]]


def _amount(free: Free, entry: Entry) -> Fraction:
    kind, _, _, chosen = free
    return sum(
        (
            Fraction(charge.amount) if kind == "other-price" else Fraction(1)
            for charge in entry.charges
            if chosen(charge)
        ),
        Fraction(),
    )


def _solved(sums: Sequence[tuple[Fraction, Fraction, Fraction]]) -> tuple[Fraction, Fraction] | None:
    """Solve ``x a + y b = rest`` for all entries; None if there is no solution, or if x or y is 0."""
    for (a, b, rest), (c, d, other) in combinations(sums, 2):
        if determinant := a * d - b * c:
            x, y = (rest * d - b * other) / determinant, (a * other - rest * c) / determinant
            return (x, y) if x and y and all(x * each[0] + y * each[1] == each[2] for each in sums) else None
    return None


def _free(free: Free, share: Fraction, entries: Sequence[Entry]) -> Hypothesis:
    kind, which, words, _ = free
    extras = tuple(
        Decimal((amount := share * _amount(free, entry)).numerator) / amount.denominator for entry in entries
    )
    says = f"requests{words} are charged {float(1 + share):g} times what they cost"
    if kind == "fee":
        says = f"each request{words} is charged {float(share):+g}, however many tokens it has"
    return Hypothesis(
        BillCause(which + kind, says, "balance.stream-same-price" if which else "balance.charged"), extras
    )


def _fees(entries: Sequence[Entry], rests: Sequence[Decimal]) -> Iterator[Hypothesis]:
    """Hypotheses of a fixed fee per request."""
    for which, words, chosen in _SCOPES:
        counts = [sum(map(chosen, entry.charges)) for entry in entries]
        shares = {Fraction(rest) / count for count, rest in zip(counts, rests, strict=True) if count}
        if len(shares) == 1 and len(set(counts) - {0}) > 1 and (share := shares.pop()):
            fee = Decimal(share.numerator) / share.denominator
            says = f"each request{words} is charged {abs(fee):f} {'more' if fee > 0 else 'less'}, however many tokens it has"
            extras = tuple(rest if count else ZERO for count, rest in zip(counts, rests, strict=True))
            requirement = "balance.stream-same-price" if which else "balance.charged"
            yield Hypothesis(BillCause(f"{which}fee", says, requirement), extras)


def _extra(entry: Entry, extra: Extra, chosen: Callable[[Charge], bool]) -> Decimal:
    return total(extra(charge, entry.unit) for charge in entry.charges if chosen(charge))


def _all(charge: Charge) -> bool:
    return True


def _streamed(charge: Charge) -> bool:
    return charge.stream


def _whole(charge: Charge) -> bool:
    return not charge.stream


def _by_price(entries: Sequence[Entry]) -> Iterator[tuple[str, str, Callable[[Charge], bool]]]:
    """If prices changed during the run: the requests at each of the prices, with a prefix and a phrase."""
    found = dict.fromkeys(charge.rates[0] for entry in entries for charge in entry.charges)
    dearest = max((bill(1, 1, 1, rates).total for rates in found), default=ZERO)
    for rates in found if len(found) > 1 else ():
        peak = bill(1, 1, 1, rates).total == dearest
        words = f" at the time of the {'higher' if peak else 'lower'} prices"
        yield "peak-" if peak else "off-peak-", words, partial(_priced, rates)


def _priced(rates: Rated, charge: Charge) -> bool:
    return charge.rates[0] == rates


_SCOPES = (
    ("", "", _all),
    ("stream-", " of streaming requests", _streamed),
    ("document-", " of non-streaming requests", _whole),
)


def _rules(entries: Sequence[Entry], other: Other) -> Iterator[tuple[str, str, str, Extra]]:
    """Rules for wrong charges: name, sentence, requirement, and the excess charge of a request."""
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
        says = f"requests{{which}} are charged at the {window} prices, which did not apply at that time"
        yield "wrong-price-window", says, "balance.price-window", partial(_in_window, other, window)
    yield from _tokens()
    yield from _parts()
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
            says = f"one {kind} token {word} than usage reports is charged for each request{{which}}"
            yield "off-by-one-token", says, "balance.charged", partial(_token, counts, step)


def _parts() -> Iterator[tuple[str, str, str, Extra]]:
    """Rules by which a part of the bill is charged at the price of another, twice, or not at all."""
    for part, other in (("output", "miss"), ("miss", "output"), ("output", "hit"), ("hit", "output")):
        says = f"{WORDS[part]}{{which}} are charged at the price of {WORDS[other]}"
        yield f"{part}-billed-as-{other}", says, "balance.charged", partial(_part, {part: -1, other: 1}, part)
    says = "cache hits{which} are charged twice: as hits and as misses"
    yield "hit-billed-twice", says, "cache.discount", partial(_part, {"miss": 1}, "hit")
    for part, word in WORDS.items():
        for step, how in ((1, "charged twice"), (-1, "not charged")):
            name = f"{part}-{'billed-twice' if step > 0 else 'not-billed'}"
            yield name, f"{word}{{which}} are {how}", "balance.charged", partial(_part, {part: step}, part)


def _part(prices: Mapping[str, int], part: str, charge: Charge, unit: Decimal) -> Decimal:
    """Excess charge if the tokens of *part* are added to (1) or removed from (-1) the bill at each of *prices*."""
    tokens: int = getattr(charge, part)
    rows = [(step * tokens, KINDS[price]) for price, step in prices.items()]
    hit, miss, output = (sum(count * row[place] for count, row in rows) for place in range(3))
    return bill(hit, miss, output, charge.rates[0]).total


WORDS = {"hit": "cache hits", "miss": "cache misses", "output": "tokens of the answers"}
KINDS = {"output": (0, 0, 1), "miss": (0, 1, 0), "hit": (1, 0, 0)}


def difference(tokens: int, rates: Rated) -> Decimal:
    """Extra cost of this many tokens as misses rather than hits."""
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


def _factors(entries: Sequence[Entry], rests: Sequence[Decimal]) -> Iterator[Hypothesis]:
    """Hypotheses that requests are charged a multiple of their cost; at least two entries with different bills must agree."""
    for which, words, chosen in (*_SCOPES, *_by_price(entries)):
        bills = [total(charge.amount for charge in entry.charges if chosen(charge)) for entry in entries]
        pairs = [(bill, rest) for bill, rest in zip(bills, rests, strict=True) if bill]
        shares = {Fraction(remainder) / Fraction(bill) for bill, remainder in pairs}
        if len(shares) == 1 and len({bill for bill, _ in pairs}) > 1 and (share := shares.pop()):
            says = f"requests{words} are charged {float(1 + share):g} times what they cost"
            requirement = "balance.stream-same-price" if which else "balance.charged"
            requirement = "balance.price-window" if which.endswith("peak-") else requirement
            extras = tuple(rest if bill else ZERO for bill, rest in zip(bills, rests, strict=True))
            yield Hypothesis(BillCause(f"{which}other-price", says, requirement), extras)
