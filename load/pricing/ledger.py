"""Money before and after: balances as the account tells them, the bill as the usages and the price list make it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation

import specs
from load.limits.script import Book, Outcome, Script
from load.pricing.prompts import Asking
from wire.prices import EXACT, Rates, bill, bill_usage
from wire.strict_json import at
from wire.usage import Usage

ZERO = Decimal(0)
Pricing = Callable[[datetime], Rates]  # instant -> rates; raises UnknownPriceError


@dataclass(frozen=True, slots=True)
class Balance:
    """One currency of an account. ``unit``: the value of the last digit that is shown."""

    currency: str
    total: Decimal
    unit: Decimal


def balance(outcome: Outcome, currency: str | None = None) -> Balance | None:
    """What ``GET /user/balance`` says; in *currency*, else in the first. None where it says nothing of the kind."""
    infos = at(outcome.exchange.json, "balance_infos") if outcome.status == 200 and outcome.exchange else None
    found = [made for info in infos or [] if (made := _balance(info))] if isinstance(infos, list) else []
    return next((each for each in found if currency in (None, each.currency)), None)


def _balance(info: object) -> Balance | None:
    currency, total = at(info, "currency"), at(info, "total_balance")
    try:
        amount = Decimal(str(total))
    except InvalidOperation:
        return None
    if not isinstance(currency, str) or not amount.is_finite():
        return None
    # Zeros at the end may be left out, so the digits of one balance are the least that the account has.
    return Balance(currency, amount, Decimal(1).scaleb(min(int(amount.as_tuple().exponent), -2)))


@dataclass(frozen=True, slots=True)
class Charge:
    """A request that should have been paid for. ``rates`` were valid when it was sent, ``late`` when its answer had ended, ``theirs`` by
    the target's clock where that is another than ours."""

    name: str
    usage: Usage
    stream: bool
    at: datetime
    rates: Rates
    late: Rates
    theirs: Rates | None = None

    @property
    def amount(self) -> Decimal:
        return bill_usage(self.usage, self.rates).total

    @property
    def hit(self) -> int:
        return self.usage.hit if self.usage.hit is not None else self.usage.cached or 0

    @property
    def uncached(self) -> Decimal:
        """What it would have cost had there been no cache."""
        return bill(0, self.usage.prompt or 0, self.usage.completion or 0, self.rates).total


@dataclass(slots=True)
class Entry:
    """Requests between two balances. ``unknown`` were served without a usage, so that nobody can say what they cost."""

    name: str
    charges: list[Charge] = field(default_factory=list)
    before: Balance | None = None
    after: Balance | None = None
    unknown: int = 0
    unit: Decimal = Decimal("0.01")  # the smallest difference that the account's balances show

    @property
    def billed(self) -> Decimal:
        return total(charge.amount for charge in self.charges)

    @property
    def fell(self) -> Decimal | None:
        """By how much the balance fell."""
        if self.before is None or self.after is None:
            return None
        return EXACT.subtract(self.before.total, self.after.total)

    @property
    def remainder(self) -> Decimal | None:
        """What the bill does not explain: positive where more was taken."""
        return None if self.fell is None else EXACT.subtract(self.fell, self.billed)

    @property
    def explained(self) -> bool | None:
        """Is the remainder nothing? Within the last digit shown, where the bill has finer ones; None where no balance is told."""
        if self.remainder is None:
            return None
        coarse = self.billed != self.billed.quantize(self.unit, context=EXACT)
        return abs(self.remainder) < self.unit if coarse else self.remainder == 0


def total(amounts: object) -> Decimal:
    found = ZERO
    for amount in amounts:  # type: ignore[attr-defined]  # any iterable of decimals
        found = EXACT.add(found, amount)
    return found


def pricing(model: str, profile: str, currency: str, fixed: Rates | None) -> Pricing:
    """Rates by the instant. Outside of the profile's own days the prices that stand for the profile. Raises UnknownPriceError."""
    about = specs.profile(profile)
    later = [day for name in specs.PROFILES if name != "openai" and (day := specs.profile(name).date) > about.date]

    def rates(at: datetime) -> Rates:
        if fixed is not None:
            return fixed
        own = about.date <= at.date() and not any(day <= at.date() for day in later)
        return specs.price(model, at if own else about.priced_at, currency)

    return rates


@dataclass(slots=True)
class Accountant:
    """Reads balances with patience: a charge may be settled a moment after the answer."""

    book: Book
    asking: Asking
    patience: float
    currency: str | None = None
    available: bool = True
    unit: Decimal = Decimal("0.01")
    settled_after: list[float] = field(default_factory=list)

    def read(self, key: int = 0) -> Script[Balance | None]:
        if not self.available:
            return None
        [outcome] = yield from self.book.ended([self.book.ask(self.asking.balance(), key=key, keep=True)])
        found = balance(outcome, self.currency)
        self.available = found is not None
        if found is not None:
            self.currency, self.unit = found.currency, min(self.unit, found.unit)
        return found

    def settle(self, entry: Entry) -> Script[None]:
        """Fill in ``after``: read until the bill is explained, or until patience is over and the balance stands still."""
        begin, wait = self.book.now, 0.05
        entry.after = yield from self.read()
        entry.unit = self.unit
        while entry.explained is False and self.book.now - begin < self.patience:
            yield from self.book.wait(self.book.now + wait)
            wait = min(2 * wait, 2.0)
            entry.after = yield from self.read()
            entry.unit = self.unit
        if entry.explained:
            self.settled_after.append(self.book.now - begin)


def currencies(entries: Sequence[Entry]) -> set[str]:
    return {each.currency for entry in entries for each in (entry.before, entry.after) if each is not None}
