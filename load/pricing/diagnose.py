"""Explains the difference between bill and balance by the fewest hypotheses that are exact in every entry, including
those without a remainder.
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
"""Maps a charge to the prices, at its time, of features billed per use instead of per token."""
MOST = 3  # maximum number of hypotheses reported if several fit


def causes(entries: Sequence[Entry], other: Other, uses: Uses = lambda charge: ()) -> list[BillCause]:
    """Causes of a difference between bill and balance; empty if they agree, ``unexplained`` if no hypothesis fits."""
    known = [entry for entry in entries if entry.explained is not None]
    if len(known) == len(entries) > 0 and all(entry.explained for entry in known):
        known = [merged(known, "all")]  # each entry agrees within the last digit of the balance; test their sum
    if not known or all(entry.explained for entry in known):
        return []
    if not any(entry.fell for entry in known):
        return [BillCause("not-charged", "the balance does not move", "balance.charged", _names(known))]
    found = _fitting(known, hypotheses(known, other))
    return found or _of_some([entry for entry in known if not entry.explained], _granularity(known), uses)


def _fitting(entries: Sequence[Entry], candidates: Sequence[Hypothesis]) -> list[BillCause]:
    """Find one hypothesis that fits, or two. Those with a free number come last, because they can explain almost anything."""
    free = derived(entries, [entry.remainder or ZERO for entry in entries])
    if _blind(entries):  # digits are missing, so several may fit alone, and almost any pair would
        fit = [_named(each, entries) for each in (*candidates, *free) if not each.narrow and _fits(entries, (each,))]
        return [_several(entries, fit)] if len({cause.name for cause in fit}) > 1 else fit[:1]
    for alone in (candidates, free):
        if fitting := [each for each in alone if _fits(entries, (each,))]:
            return [_either(fitting, entries)]
        if alone is candidates and (pair := _pair(entries, combinations(candidates, 2))):
            return pair
    return _pair(entries, _beside(entries, candidates)) or _pair(entries, both_free(entries))


def _pair(entries: Sequence[Entry], pairs: Iterable[tuple[Hypothesis, Hypothesis]]) -> list[BillCause]:
    """The causes of the first pair that fits; empty if none does."""
    found = next((pair for pair in pairs if _fits(entries, pair)), ())
    return [_named(each, entries) for each in found]


def _beside(entries: Sequence[Entry], candidates: Sequence[Hypothesis]) -> Iterator[tuple[Hypothesis, Hypothesis]]:
    """Pairs of each candidate and a hypothesis with a free number, derived from the rest."""
    for one in candidates:
        rests = [(entry.remainder or ZERO) - extra for entry, extra in zip(entries, one.extras, strict=True)]
        yield from ((one, other) for other in derived(entries, rests))


def _fits(entries: Sequence[Entry], chosen: Sequence[Hypothesis]) -> bool:
    return all(
        entry.nothing((entry.remainder or ZERO) - total(each.extras[index] for each in chosen))
        for index, entry in enumerate(entries)
    )


def _blind(entries: Sequence[Entry]) -> bool:
    """Whether the balance shows too few digits to reveal a single token."""
    tokens = (bill(0, 1, 0, charge.rates[0]).total for entry in entries for charge in entry.charges)
    return any(entry.coarse for entry in entries) and entries[0].unit > min(tokens, default=ZERO)


def _named(hypothesis: Hypothesis, entries: Sequence[Entry]) -> BillCause:
    cause = hypothesis.cause
    touched = tuple(entry.name for entry, extra in zip(entries, hypothesis.extras, strict=True) if extra)
    return BillCause(cause.name, cause.says, cause.requirement, touched)


def _either(alike: Sequence[Hypothesis], entries: Sequence[Entry]) -> BillCause:
    """The cause of the first hypothesis; its sentence includes the others, which have the same amounts in every entry."""
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
    """The greatest common divisor of all hits, in tokens."""
    return gcd(*(charge.hit for entry in entries for charge in entry.charges)) or 1


def _of_some(entries: Sequence[Entry], unit: int, uses: Uses) -> list[BillCause]:
    """Explain a difference by faults of some requests, as numbers of tokens or units; by the same fault in every entry if possible."""
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
    says = f"one {kind} token {'more' if count > 0 else 'less'} than usage reports is charged for some requests"
    return BillCause("off-by-one-token", says, "balance.charged", (entry.name,))


def _some_units(entry: Entry) -> BillCause | None:
    count = _times(entry.remainder or ZERO, entry.unit)
    if count is None or not 0 < abs(count) <= max(len(entry.charges), 1):
        return None
    says = f"the balance is off by a few of its smallest unit of {entry.unit:f}"
    return BillCause("drift", says, "balance.charged", (entry.name,))


def _rates(entry: Entry) -> Rated | None:
    """The rates of an entry; None if its requests have different ones."""
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
    """Explain a difference by a number of uses of a feature that is billed per use."""
    for use in uses(entry.charges[0]) if entry.charges else ():
        count = _times(entry.remainder or ZERO, EXACT.scaleb(use.per_thousand, -3))
        if count and count > 0:
            says = (
                f"{count} {use.use} at {use.per_thousand:f} {use.currency} per thousand are charged in addition to the tokens; "
                "they are billed per use, and this run requested none"
            )
            return BillCause("billed-by-use", says, "balance.charged", (entry.name,))
    return None


def _unexplained(entries: Sequence[Entry]) -> BillCause:
    amount = total(entry.remainder or ZERO for entry in entries)
    return BillCause("unexplained", _amount(amount), "balance.charged", _names(entries))


def _amount(remainder: Decimal) -> str:
    return f"{abs(remainder):f} {'more' if remainder > 0 else 'less'} than the bill was charged so far"


def _times(amount: Decimal, price: Decimal) -> int | None:
    """*amount* divided by *price* if that is a whole number; else None."""
    if not price:
        return None
    whole, rest = divmod(amount, price)
    return int(whole) if rest == 0 else None
