"""Names for what a bill does not explain. Each hypothesis says what the charges would have been; the one that comes out exact is named."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import partial

from load.pricing.ledger import ZERO, Charge, Entry, total
from wire.prices import EXACT, Rates, bill

CLOCKS = "clocks-disagree"
Other = Callable[
    [Charge], list[tuple[str, Rates]]
]  # other rates of the price list, with the name of the window or the row


@dataclass(frozen=True, slots=True)
class Cause:
    """``name`` for programs, ``says`` for people, ``requirement`` that is broken. ``entries`` that it explains exactly."""

    name: str
    says: str
    requirement: str
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """``extra``: what would have been charged beyond the bill."""

    cause: Cause
    extra: Callable[[Entry], Decimal]


def causes(entries: Sequence[Entry], other: Other) -> list[Cause]:
    """For the entries that do not come out, the fewest causes that explain them; ``unexplained`` for what is left."""
    left = [entry for entry in entries if entry.explained is False]
    found: list[Cause] = []
    for hypothesis in _hypotheses(left, other):
        hits = [entry for entry in left if hypothesis.extra(entry) == entry.remainder]
        if hits:
            found.append(_named(hypothesis.cause, hits))
            left = [entry for entry in left if entry not in hits]
    for entry in left:
        found.append(_partly(entry))
    return _grouped(found)


def _named(cause: Cause, entries: Sequence[Entry]) -> Cause:
    return Cause(cause.name, cause.says, cause.requirement, tuple(entry.name for entry in entries))


def _grouped(found: Sequence[Cause]) -> list[Cause]:
    names = dict.fromkeys((each.name, each.says, each.requirement) for each in found)
    return [
        Cause(
            name,
            says,
            requirement,
            tuple(e for each in found if (each.name, each.says) == (name, says) for e in each.entries),
        )
        for name, says, requirement in names
    ]


def _hypotheses(entries: Sequence[Entry], other: Other) -> Iterator[Hypothesis]:
    """The most particular first. Each over all requests, then over the streamed ones and the others alone."""
    for suffix, chosen in (
        ("", _all),
        (" of streamed requests", _streamed),
        (" of requests that are not streamed", _whole),
    ):
        for hypothesis in _rules(entries, other):
            cause = hypothesis.cause
            stream = bool(suffix)
            requirement = "balance.stream-same-price" if stream else cause.requirement
            name = f"{cause.name}-stream" if chosen is _streamed else f"{cause.name}-document" if stream else cause.name
            made = Cause(name, cause.says.replace("{which}", suffix), requirement)
            yield Hypothesis(made, _over(hypothesis.extra, chosen))


def _over(extra: Callable[[Entry], Decimal], chosen: Callable[[Charge], bool]) -> Callable[[Entry], Decimal]:
    def narrowed(entry: Entry) -> Decimal:
        charges = [charge for charge in entry.charges if chosen(charge)]
        return extra(Entry(entry.name, charges, entry.before, entry.after, unit=entry.unit))

    return narrowed


def _all(charge: Charge) -> bool:
    return True


def _streamed(charge: Charge) -> bool:
    return charge.stream


def _whole(charge: Charge) -> bool:
    return not charge.stream


def _rules(entries: Sequence[Entry], other: Other) -> Iterator[Hypothesis]:
    yield _each(
        "hit-billed-as-miss", "cache hits{which} are charged at the price of misses", "cache.discount", _hits_as_misses
    )
    yield _each(
        "miss-billed-as-hit", "cache misses{which} are charged at the price of hits", "cache.discount", _misses_as_hits
    )
    for window in dict.fromkeys(name for entry in entries for charge in entry.charges for name, _ in other(charge)):
        says = f"requests{{which}} are charged at the {window} prices, which are not those of the time"
        yield _each("wrong-price-window", says, "balance.price-window", partial(_in_window, other, window))
    yield _each(
        "wrong-price-window", "the price{which} is that of the end of the answer", "balance.price-window", _late
    )
    for kind in ("output", "miss", "hit"):
        for step, word in ((1, "more"), (-1, "less")):
            says = f"one {kind} token {word} than usage says is charged for each request{{which}}"
            yield _each("off-by-one-token", says, "balance.charged", partial(_token, kind, step))
    yield _each("charged-twice", "requests{which} are charged twice", "balance.charged", lambda charge: charge.amount)
    yield _each("not-charged", "requests{which} are not charged", "balance.charged", lambda charge: -charge.amount)
    yield _each(
        "reasoning-charged-twice",
        "reasoning tokens{which} are charged on top of the completion",
        "balance.charged",
        _reasoning,
    )
    yield _each(
        "prompt-uncharged", "prompts{which} are not charged", "balance.charged", lambda charge: -_prompt(charge)
    )
    for rounding, word in ((ROUND_CEILING, "up"), (ROUND_FLOOR, "down"), (ROUND_HALF_EVEN, "half to even")):
        says = f"the charge of each request{{which}} is rounded {word} to the last digit of the balance"
        cause = Cause("rounded-charges", says, "balance.charged")
        yield Hypothesis(cause, partial(_rounded, rounding))
    for step, word in ((1, "more"), (-1, "less")):
        says = f"each request{{which}} is charged one smallest unit {word} than it costs"
        cause = Cause("drift", says, "balance.charged")
        yield Hypothesis(cause, partial(_drift, step))


def _each(name: str, says: str, requirement: str, extra: Callable[[Charge], Decimal]) -> Hypothesis:
    return Hypothesis(Cause(name, says, requirement), lambda entry: total(extra(charge) for charge in entry.charges))


def _hits_as_misses(charge: Charge) -> Decimal:
    return EXACT.subtract(bill(0, charge.hit, 0, charge.rates).total, bill(charge.hit, 0, 0, charge.rates).total)


def _misses_as_hits(charge: Charge) -> Decimal:
    missed = (charge.usage.prompt or 0) - charge.hit
    return EXACT.subtract(bill(missed, 0, 0, charge.rates).total, bill(0, missed, 0, charge.rates).total)


def _in_window(other: Other, window: str, charge: Charge) -> Decimal:
    rates = dict(other(charge)).get(window, charge.rates)
    return EXACT.subtract(_at(charge, rates), charge.amount)


def _their_clock(charge: Charge) -> Decimal:
    return EXACT.subtract(_at(charge, charge.theirs or charge.rates), charge.amount)


def _late(charge: Charge) -> Decimal:
    return EXACT.subtract(_at(charge, charge.late), charge.amount)


def _at(charge: Charge, rates: Rates) -> Decimal:
    return bill(charge.hit, (charge.usage.prompt or 0) - charge.hit, charge.usage.completion or 0, rates).total


def _token(kind: str, count: int, charge: Charge) -> Decimal:
    counts = {"hit": (1, 0, 0), "miss": (0, 1, 0), "output": (0, 0, 1)}[kind]
    return count * bill(*counts, charge.rates).total


def _reasoning(charge: Charge) -> Decimal:
    return bill(0, 0, charge.usage.reasoning or 0, charge.rates).total


def _prompt(charge: Charge) -> Decimal:
    return EXACT.subtract(charge.amount, bill(0, 0, charge.usage.completion or 0, charge.rates).total)


def _rounded(rounding: str, entry: Entry) -> Decimal:
    return total(
        EXACT.subtract(c.amount.quantize(entry.unit, rounding=rounding, context=EXACT), c.amount) for c in entry.charges
    )


def _drift(step: int, entry: Entry) -> Decimal:
    return step * len(entry.charges) * entry.unit


def _partly(entry: Entry) -> Cause:
    """Not all requests have the same fault: a whole number of tokens or units that some of them account for, else unexplained."""
    remainder = entry.remainder or ZERO
    hits = sum(charge.hit for charge in entry.charges)
    rates = entry.charges[0].rates if len({c.rates for c in entry.charges}) == 1 and entry.charges else None
    if rates is not None:
        apart = EXACT.subtract(rates.miss, rates.hit).scaleb(-6)
        if (count := _count(remainder, apart)) is not None and 0 < count <= hits:
            return Cause(
                "hit-billed-as-miss",
                "cache hits of some requests are charged at the price of misses",
                "cache.discount",
                (entry.name,),
            )
        for kind, price in (("output", rates.output), ("miss", rates.miss), ("hit", rates.hit)):
            if (count := _count(remainder, price.scaleb(-6))) is not None and 0 < abs(count) <= len(entry.charges):
                word = "more" if count > 0 else "less"
                says = f"one {kind} token {word} than usage says is charged for some requests"
                return Cause("off-by-one-token", says, "balance.charged", (entry.name,))
    if (count := _count(remainder, entry.unit)) is not None and 0 < abs(count) <= max(len(entry.charges), 1):
        says = f"the balance is off by {abs(count)} smallest unit{'s' if abs(count) > 1 else ''} of {entry.unit}"
        return Cause("drift", says, "balance.charged", (entry.name,))
    sign = "more" if remainder > 0 else "less"
    return Cause("unexplained", f"{abs(remainder)} {sign} than the bill was taken", "balance.charged", (entry.name,))


def _count(amount: Decimal, price: Decimal) -> int | None:
    """How many times *price* is *amount*, if it is a whole number of times."""
    if not price:
        return None
    whole, rest = divmod(amount, price)
    return int(whole) if rest == 0 else None
