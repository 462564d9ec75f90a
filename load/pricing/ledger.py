"""The ledger: balances as the account reports them, and bills from usages and the price list. Exact decimals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import zip_longest

from echosounder.judgement.bill import Role
from echosounder.load.experiment.script import Outcome
from echosounder.wire import outside
from echosounder.wire.prices import EXACT, Rated, bill
from echosounder.wire.strict_json import at
from echosounder.wire.usage import Usage

ZERO = Decimal(0)
CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Balance:
    """One currency of an account. ``unit``: the value of the last digit shown."""

    currency: str
    total: Decimal
    unit: Decimal


def balance(outcome: Outcome, currency: str | None = None) -> Balance | None:
    """The balance from ``GET /user/balance`` in *currency*, else in the first one. None if it is missing or malformed."""
    infos = at(outcome.exchange.json, "balance_infos") if outcome.status == 200 and outcome.exchange else None
    found = [made for info in infos if (made := _balance(info))] if isinstance(infos, list) else []
    return next((each for each in found if currency in (None, each.currency)), None)


def _balance(info: object) -> Balance | None:
    currency, amount = at(info, "currency"), _decimal(at(info, "total_balance"))
    if not isinstance(currency, str) or amount is None:
        return None
    return Balance(currency, amount, Decimal(1).scaleb(min(int(amount.as_tuple().exponent), -2)))


def _decimal(text: object) -> Decimal | None:
    return outside.amount(str(text) if type(text) in {int, float} else text)


@dataclass(frozen=True, slots=True)
class Charge:
    """A request that should have been charged. ``rates``: the rates that may apply, by different clocks and instants: one entry per
    rule, in the same order for all charges. The bill uses the first.
    """

    name: str
    usage: Usage
    stream: bool
    at: datetime
    rates: tuple[Rated, ...]

    @property
    def hit(self) -> int:
        return self.usage.hit if self.usage.hit is not None else self.usage.cached or 0

    @property
    def miss(self) -> int:
        return max((self.usage.prompt or 0) - self.hit, 0)

    @property
    def output(self) -> int:
        return self.usage.completion or 0

    def at_rates(self, rates: Rated) -> Decimal:
        return bill(self.hit, self.miss, self.output, rates).total

    @property
    def amount(self) -> Decimal:
        return self.at_rates(self.rates[0])

    @property
    def uncached(self) -> Decimal:
        """Cost without a cache."""
        return bill(0, self.hit + self.miss, self.output, self.rates[0]).total


@dataclass(slots=True)
class Entry:
    """Requests between two balances; ``roles``: purposes of the requests. ``unknown``: requests that may have been charged an unknown
    amount. ``unit``: the smallest difference that the balances show.
    """

    name: str
    charges: list[Charge] = field(default_factory=list)
    before: Balance | None = None
    after: Balance | None = None
    unknown: int = 0
    unit: Decimal = CENT
    roles: frozenset[Role] = frozenset()

    @property
    def bills(self) -> list[Decimal]:
        """The bills, one for each rule of which rates apply."""
        rules = range(len(self.charges[0].rates)) if self.charges else ()
        return [self._bill(rule) for rule in rules] or [ZERO]

    def _bill(self, rule: int) -> Decimal:
        """Sum the tokens before pricing them, because integers are cheaper to add than decimals."""
        tokens: dict[Rated, tuple[int, int, int]] = {}
        for charge in self.charges:
            hit, miss, output = tokens.get(charge.rates[rule], (0, 0, 0))
            tokens[charge.rates[rule]] = hit + charge.hit, miss + charge.miss, output + charge.output
        return total(bill(hit, miss, output, rates).total for rates, (hit, miss, output) in tokens.items())

    @property
    def billed(self) -> Decimal:
        """The bill that is nearest to the actual charge."""
        fell = self.fell
        return self.bills[0] if fell is None else min(self.bills, key=lambda bill: abs(EXACT.subtract(fell, bill)))

    @property
    def fell(self) -> Decimal | None:
        """Decrease of the balance."""
        if self.before is None or self.after is None:
            return None
        return EXACT.subtract(self.before.total, self.after.total)

    @property
    def remainder(self) -> Decimal | None:
        """The part of the charge that the bill does not explain, positive if overcharged; None if either is unknown."""
        return None if self.fell is None or self.unknown else EXACT.subtract(self.fell, self.billed)

    @property
    def explained(self) -> bool | None:
        return None if self.remainder is None else self.nothing(self.remainder)

    def nothing(self, amount: Decimal) -> bool:
        """Whether the amount is zero within the resolution of the balance, or exactly if the bill has no finer digits."""
        return abs(amount) < self.unit

    @property
    def coarse(self) -> bool:
        """Whether the bill has finer digits than the balance."""
        return any(bill != bill.quantize(self.unit, context=EXACT) for bill in self.bills)


def total(amounts: Iterable[Decimal]) -> Decimal:
    found = ZERO
    for amount in amounts:
        found = EXACT.add(found, amount)
    return found


def merged(entries: Sequence[Entry], name: str | None = None) -> Entry:
    """Adjacent entries combined into one."""
    first, last = entries[0], entries[-1]
    charges = [charge for entry in entries for charge in entry.charges]
    names = name or (first.name if len(entries) == 1 else f"{first.name} to {last.name}")
    unknown, roles = sum(each.unknown for each in entries), frozenset().union(*(each.roles for each in entries))
    return Entry(names, charges, first.before, last.after, unknown, first.unit, roles)


def settled(entries: Sequence[Entry]) -> list[Entry]:
    """If a charge was settled after its entry was read, the entries in between are combined: the shortest run that adds up.

    If the balance shows too few digits to reveal a missing charge, all entries are combined, if those add up.
    """
    if entries and any(entry.coarse and entry.explained is False for entry in entries) and merged(entries).explained:
        return [merged(entries)]
    rests = [_rests(entry) for entry in entries]
    made: list[Entry] = []
    while len(made) < len(entries) and rests:
        length = _late(entries[-len(rests)].unit, rests)
        made.append(merged(entries[len(entries) - len(rests) :][:length]))
        rests = rests[length:]
    return made


def _rests(entry: Entry) -> list[Decimal] | None:
    """The unexplained remainder by each rule; None if it is unknown."""
    return None if entry.fell is None or entry.unknown else [EXACT.subtract(entry.fell, bill) for bill in entry.bills]


def _late(unit: Decimal, rests: Sequence[list[Decimal] | None]) -> int:
    """Number of adjacent entries, from the first, whose remainders cancel out; 1 if the first needs no others or none cancel out."""
    sums: list[Decimal] = []
    for number, rest in enumerate(rests, 1):
        if rest is None:
            return 1
        sums = [EXACT.add(old, new) for old, new in zip_longest(sums, rest, fillvalue=ZERO)]
        if any(abs(each) < unit for each in sums):
            return number
    return 1


def money(amount: Decimal | None) -> str | None:
    """Format an amount without exponent and trailing zeros."""
    if amount is None:
        return None
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
