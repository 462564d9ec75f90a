"""Names for what a bill does not explain: the fewest hypotheses that come out exact in every entry, also in those without a remainder."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations
from math import gcd

from load.pricing.hypotheses import KINDS, Cause, Hypothesis, Other, difference, hypotheses
from load.pricing.ledger import ZERO, Entry, merged, total
from wire.prices import bill

MOST = 3  # hypotheses that are told where several fit
MANY = 2000  # requests of an entry above which no count of some of them tells anything


def causes(entries: Sequence[Entry], other: Other) -> list[Cause]:
    """Why the entries do not come out; empty where they do, ``unexplained`` for what no hypothesis fits."""
    known = [entry for entry in entries if entry.explained is not None]
    if len(known) == len(entries) > 0 and all(entry.explained for entry in known):
        known = [merged(known, "all")]  # each within the last digit that the balance shows; all together?
    if not known or all(entry.explained for entry in known):
        return []
    if not any(entry.fell for entry in known):
        return [Cause("not-charged", "the balance does not move", "balance.charged", _names(known))]
    found = _fitting(known, hypotheses(known, other))
    return found or _grouped([_of_some(entry, _granularity(known)) for entry in known if not entry.explained])


def _fitting(entries: Sequence[Entry], candidates: Sequence[Hypothesis]) -> list[Cause]:
    if _coarse(entries):  # digits are missing, so more than one may fit; of two together any would
        fit = [_named(each, entries) for each in candidates if not each.narrow and _fits(entries, (each,))]
        return [_several(entries, fit)] if len({cause.name for cause in fit}) > 1 else fit[:1]
    for size in (1, 2):
        for chosen in combinations(candidates, size):
            if _fits(entries, chosen):
                return [_named(each, entries) for each in chosen]
    return []


def _fits(entries: Sequence[Entry], chosen: Sequence[Hypothesis]) -> bool:
    return all(
        entry.nothing((entry.remainder or ZERO) - total(each.extras[index] for each in chosen))
        for index, entry in enumerate(entries)
    )


def _coarse(entries: Sequence[Entry]) -> bool:
    return any(entry.nothing(entry.unit / 2) for entry in entries)


def _named(hypothesis: Hypothesis, entries: Sequence[Entry]) -> Cause:
    cause = hypothesis.cause
    touched = tuple(entry.name for entry, extra in zip(entries, hypothesis.extras, strict=True) if extra)
    return Cause(cause.name, cause.says, cause.requirement, touched)


def _several(entries: Sequence[Entry], fitting: Sequence[Cause]) -> Cause:
    says = ", or ".join(list(dict.fromkeys(cause.says for cause in fitting))[:MOST])
    amount = total(entry.remainder or ZERO for entry in entries)
    says = f"{_amount(amount)}; the balance shows too few digits to tell whether {says}"
    return Cause("unexplained", says, "balance.charged", _names(entries))


def _names(entries: Sequence[Entry]) -> tuple[str, ...]:
    return tuple(entry.name for entry in entries)


def _grouped(found: Sequence[Cause]) -> list[Cause]:
    kinds = dict.fromkeys((each.name, each.says, each.requirement) for each in found)
    return [
        Cause(
            name,
            says,
            requirement,
            tuple(e for each in found if (each.name, each.says) == (name, says) for e in each.entries),
        )
        for name, says, requirement in kinds
    ]


def _granularity(entries: Sequence[Entry]) -> int:
    """Tokens that all hits are multiples of."""
    return gcd(*(charge.hit for entry in entries for charge in entry.charges)) or 1


def _of_some(entry: Entry, unit: int) -> Cause:
    """Not all requests have the same fault: a whole number of tokens or units that some of them account for, else unexplained."""
    remainder = entry.remainder or ZERO
    rates = entry.charges[0].rates[0] if len({charge.rates[0] for charge in entry.charges}) == 1 else None
    if rates is not None and len(entry.charges) <= MANY:
        for kind, counts in KINDS.items():
            count = _times(remainder, bill(*counts, rates).total)
            if count is not None and 0 < abs(count) <= len(entry.charges):
                says = (
                    f"one {kind} token {'more' if count > 0 else 'less'} than usage says is charged for some requests"
                )
                return Cause("off-by-one-token", says, "balance.charged", (entry.name,))
        if cause := _some_hits(entry, _times(remainder, difference(1, rates)), unit):
            return cause
    if (count := _times(remainder, entry.unit)) is not None and 0 < abs(count) <= max(len(entry.charges), 1):
        says = f"the balance is off by a few of its smallest unit of {entry.unit:f}"
        return Cause("drift", says, "balance.charged", (entry.name,))
    return Cause("unexplained", _amount(remainder), "balance.charged", (entry.name,))


def _some_hits(entry: Entry, count: int | None, unit: int) -> Cause | None:
    hits, misses = (sum(getattr(charge, kind) for charge in entry.charges) for kind in ("hit", "miss"))
    if count and 0 < count <= hits and count % unit == 0:
        says = "tokens that usage reports as hits are charged at the price of misses in some requests"
        return Cause("hit-billed-as-miss", says, "cache.discount", (entry.name,))
    if count and 0 < -count <= misses:
        says = "tokens that usage reports as misses are charged at the price of hits: usage withholds hits"
        return Cause("miss-billed-as-hit", says, "cache.discount", (entry.name,))
    return None


def _amount(remainder: Decimal) -> str:
    return f"{abs(remainder):f} {'more' if remainder > 0 else 'less'} than the bill was taken"


def _times(amount: Decimal, price: Decimal) -> int | None:
    """How many times *price* is *amount*, if it is a whole number of times."""
    if not price:
        return None
    whole, rest = divmod(amount, price)
    return int(whole) if rest == 0 else None
