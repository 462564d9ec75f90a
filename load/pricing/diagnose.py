"""Explanations for the unexplained part of a bill: the fewest hypotheses that are exact in every entry, also in those without a
remainder.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from itertools import combinations
from math import gcd

from echosounder.judgement.bill import BillCause
from echosounder.load.pricing.hypotheses import KINDS, Hypothesis, Other, both_free, derived, difference, hypotheses
from echosounder.load.pricing.ledger import ZERO, Charge, Entry, merged, total
from echosounder.specs import UsePrice
from echosounder.wire.prices import EXACT, Rated, bill

Uses = Callable[[Charge], Sequence[UsePrice]]
"""What is billed by use and not by token at the time of a charge."""
MOST = 3  # hypotheses that are told where several fit


def causes(entries: Sequence[Entry], other: Other, uses: Uses = lambda charge: ()) -> list[BillCause]:
    """Causes of a difference between bill and balance; empty if they agree, ``unexplained`` if no hypothesis fits."""
    known = [entry for entry in entries if entry.explained is not None]
    if len(known) == len(entries) > 0 and all(entry.explained for entry in known):
        known = [merged(known, "all")]  # each within the last digit that the balance shows; all together?
    if not known or all(entry.explained for entry in known):
        return []
    if not any(entry.fell for entry in known):
        return [BillCause("not-charged", "the balance does not move", "balance.charged", _names(known))]
    found = _fitting(known, hypotheses(known, other))
    return found or _of_some([entry for entry in known if not entry.explained], _granularity(known), uses)


def _fitting(entries: Sequence[Entry], candidates: Sequence[Hypothesis]) -> list[BillCause]:
    """One that comes out, or two; those with a number of their own last, because they would explain the most."""
    free = derived(entries, [entry.remainder or ZERO for entry in entries])
    if _blind(entries):  # digits are missing, so more than one may fit; of two together any would
        fit = [_named(each, entries) for each in (*candidates, *free) if not each.narrow and _fits(entries, (each,))]
        return [_several(entries, fit)] if len({cause.name for cause in fit}) > 1 else fit[:1]
    for alone in (candidates, free):
        if fitting := [each for each in alone if _fits(entries, (each,))]:
            return [_either(fitting, entries)]
        if alone is candidates and (pair := _pair(entries, combinations(candidates, 2))):
            return pair
    return _pair(entries, _beside(entries, candidates)) or _pair(entries, both_free(entries))


def _pair(entries: Sequence[Entry], pairs: Iterable[tuple[Hypothesis, Hypothesis]]) -> list[BillCause]:
    """The first that comes out together."""
    found = next((pair for pair in pairs if _fits(entries, pair)), ())
    return [_named(each, entries) for each in found]


def _beside(entries: Sequence[Entry], candidates: Sequence[Hypothesis]) -> Iterator[tuple[Hypothesis, Hypothesis]]:
    """Beside each candidate what explains the rest with a number of its own."""
    for one in candidates:
        rests = [(entry.remainder or ZERO) - extra for entry, extra in zip(entries, one.extras, strict=True)]
        yield from ((one, other) for other in derived(entries, rests))


def _fits(entries: Sequence[Entry], chosen: Sequence[Hypothesis]) -> bool:
    return all(
        entry.nothing((entry.remainder or ZERO) - total(each.extras[index] for each in chosen))
        for index, entry in enumerate(entries)
    )


def _blind(entries: Sequence[Entry]) -> bool:
    """Does the balance show too few digits to see a token?"""
    tokens = (bill(0, 1, 0, charge.rates[0]).total for entry in entries for charge in entry.charges)
    return any(entry.coarse for entry in entries) and entries[0].unit > min(tokens, default=ZERO)


def _named(hypothesis: Hypothesis, entries: Sequence[Entry]) -> BillCause:
    cause = hypothesis.cause
    touched = tuple(entry.name for entry, extra in zip(entries, hypothesis.extras, strict=True) if extra)
    return BillCause(cause.name, cause.says, cause.requirement, touched)


def _either(alike: Sequence[Hypothesis], entries: Sequence[Entry]) -> BillCause:
    """The first; what comes to the same amount in each entry is said as well."""
    first = _named(alike[0], entries)
    says = list(dict.fromkeys(each.cause.says for each in alike if each.cause.name != first.name))
    return replace(first, says=", or ".join([first.says, *says][:MOST]))


def _several(entries: Sequence[Entry], fitting: Sequence[BillCause]) -> BillCause:
    says = ", or ".join(list(dict.fromkeys(cause.says for cause in fitting))[:MOST])
    amount = total(entry.remainder or ZERO for entry in entries)
    says = f"{_amount(amount)}; the balance shows too few digits to tell whether {says}"
    return BillCause("unexplained", says, "balance.charged", _names(entries))


def _names(entries: Sequence[Entry]) -> tuple[str, ...]:
    return tuple(entry.name for entry in entries)


def _granularity(entries: Sequence[Entry]) -> int:
    """Tokens that all hits are multiples of."""
    return gcd(*(charge.hit for entry in entries for charge in entry.charges)) or 1


def _of_some(entries: Sequence[Entry], unit: int, uses: Uses) -> list[BillCause]:
    """Not all requests have the same fault: tokens or units that some of them account for, if possible the same in every entry."""
    ways: list[Callable[[Entry], BillCause | None]] = [partial(_some_tokens, kind) for kind in KINDS]
    ways += [partial(_some_hits, unit), partial(_by_use, uses), _some_units]
    for way in ways:
        found = [way(entry) for entry in entries]
        if all(found):
            return _grouped(found)
    found = [next(filter(None, (way(entry) for way in ways)), None) for entry in entries]
    rest = [entry for entry, cause in zip(entries, found, strict=True) if cause is None]
    return [*_grouped(found), *([_unexplained(rest)] if rest else [])]


def _grouped(found: Sequence[BillCause | None]) -> list[BillCause]:
    known = [each for each in found if each is not None]
    kinds = dict.fromkeys((each.name, each.says, each.requirement) for each in known)
    return [
        BillCause(
            name,
            says,
            requirement,
            tuple(e for each in known if (each.name, each.says) == (name, says) for e in each.entries),
        )
        for name, says, requirement in kinds
    ]


def _some_tokens(kind: str, entry: Entry) -> BillCause | None:
    rates = _rates(entry)
    count = None if rates is None else _times(entry.remainder or ZERO, bill(*KINDS[kind], rates).total)
    if count is None or not 0 < abs(count) <= len(entry.charges):
        return None
    says = f"one {kind} token {'more' if count > 0 else 'less'} than usage says is charged for some requests"
    return BillCause("off-by-one-token", says, "balance.charged", (entry.name,))


def _some_units(entry: Entry) -> BillCause | None:
    count = _times(entry.remainder or ZERO, entry.unit)
    if count is None or not 0 < abs(count) <= max(len(entry.charges), 1):
        return None
    says = f"the balance is off by a few of its smallest unit of {entry.unit:f}"
    return BillCause("drift", says, "balance.charged", (entry.name,))


def _rates(entry: Entry) -> Rated | None:
    """Where all requests had the same."""
    found = {charge.rates[0] for charge in entry.charges}
    return found.pop() if len(found) == 1 else None


def _some_hits(unit: int, entry: Entry) -> BillCause | None:
    rates = _rates(entry)
    count = None if rates is None else _times(entry.remainder or ZERO, difference(1, rates))
    hits, misses = (sum(getattr(charge, kind) for charge in entry.charges) for kind in ("hit", "miss"))
    if count and 0 < count <= hits and count % unit == 0:
        says = "tokens that usage reports as hits are charged at the price of misses in some requests"
        return BillCause("hit-billed-as-miss", says, "cache.discount", (entry.name,))
    if count and 0 < -count <= misses:
        says = "tokens that usage reports as misses are charged at the price of hits: usage withholds hits"
        return BillCause("miss-billed-as-hit", says, "cache.discount", (entry.name,))
    return None


def _by_use(uses: Uses, entry: Entry) -> BillCause | None:
    """A part of the bill that is not a token: so many uses of what is billed by use."""
    for use in uses(entry.charges[0]) if entry.charges else ():
        count = _times(entry.remainder or ZERO, EXACT.scaleb(use.per_thousand, -3))
        if count and count > 0:
            says = (
                f"{count} {use.use} at {use.per_thousand:f} {use.currency} for a thousand are charged beside the tokens: "
                "they are billed by use, and this run asked for none"
            )
            return BillCause("billed-by-use", says, "balance.charged", (entry.name,))
    return None


def _unexplained(entries: Sequence[Entry]) -> BillCause:
    amount = total(entry.remainder or ZERO for entry in entries)
    return BillCause("unexplained", _amount(amount), "balance.charged", _names(entries))


def _amount(remainder: Decimal) -> str:
    return f"{abs(remainder):f} {'more' if remainder > 0 else 'less'} than the bill was taken so far"


def _times(amount: Decimal, price: Decimal) -> int | None:
    """How many times *price* is *amount*, if it is a whole number of times."""
    if not price:
        return None
    whole, rest = divmod(amount, price)
    return int(whole) if rest == 0 else None
