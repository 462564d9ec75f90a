"""Accounts in whole pico-units of their currency, so that a balance falls by exactly the bill, without rounding.

Every known price per million tokens has at most six decimals, so a token costs a whole number of 10⁻¹² units.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from echosounder import specs
from echosounder.wire.prices import EXACT

PICO = 10**12
ACCOUNTS = 10_000  # accounts kept; the least recently used is dropped


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """Pico-units per token."""

    hit: int
    miss: int
    output: int

    def bill(self, hit: int, miss: int, output: int) -> int:
        return hit * self.hit + miss * self.miss + output * self.output


@dataclass(slots=True)
class Account:
    """An account's balances. The granted balance is spent before the topped-up one (fact sheet 3.2), which the last
    request may make negative.
    """

    granted: int
    topped_up: int

    @property
    def total(self) -> int:
        return self.granted + self.topped_up

    def charge(self, amount: int) -> None:
        gift = min(self.granted, amount)
        self.granted -= gift
        self.topped_up -= amount - gift


class Accounts:
    """Accounts by key, each opened with the same balance."""

    def __init__(self, granted: str, topped_up: str) -> None:
        self._opening = (pico(granted), pico(topped_up))
        self._accounts: OrderedDict[str, Account] = OrderedDict()

    def of(self, key: str) -> Account:
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(*self._opening)
            if len(self._accounts) > ACCOUNTS:
                self._accounts.popitem(last=False)
        else:
            self._accounts.move_to_end(key)
        return account

    def clear(self) -> None:
        self._accounts.clear()

    def __iter__(self):  # type: ignore[no-untyped-def]  # (key, account) pairs
        return iter(self._accounts.items())


class PriceList:
    """Prices of a profile, at the clock's time if that is within the profile's own period, otherwise at the profile's."""

    def __init__(self, profile: str, currency: str) -> None:
        self._profile, self._currency = specs.profile(profile), currency
        self._known: dict[tuple[str, int, float], TokenPrices] = {}

    def instant(self, now: float) -> datetime:
        return self._profile.priced(datetime.fromtimestamp(now, UTC))

    def rates(self, model: str, now: float, later_s: float = 0) -> TokenPrices:
        """Prices per token, *later_s* seconds after the instant that applies. Price windows open and close on full
        minutes.

        Raises :class:`specs.UnknownPriceError`.
        """
        key = (model, int(now) // 60, later_s)
        if key not in self._known:
            if len(self._known) > 256:
                self._known.clear()
            price = specs.price(model, self.instant(now) + timedelta(seconds=later_s), self._currency)
            self._known[key] = TokenPrices(
                *(int(EXACT.scaleb(amount, 6)) for amount in (price.hit, price.miss, price.output))
            )
        return self._known[key]

    def use(self, name: str, now: float) -> int | None:
        """Price of one successful use, in pico-units; None if no price is known in the currency."""
        try:
            row = specs.use_price(name, self.instant(now), self._currency)
        except specs.UnknownPriceError:
            return None
        return int(EXACT.scaleb(row.per_thousand, 9))


def pico(amount: str) -> int:
    """Convert a decimal amount of money to pico-units. Raises ValueError for any other text."""
    try:
        value = EXACT.scaleb(Decimal(amount), 12)
        if not value.is_finite() or value != value.to_integral_value():
            raise ValueError
        return int(value)
    except ArithmeticError:
        raise ValueError(amount) from None


def text(amount: int, digits: int = 12) -> str:
    """Format pico-units as in ``110.00``: at least two decimals, at most *digits*; further ones are truncated."""
    whole, part = divmod(abs(amount), PICO)
    decimals = f"{part:012}"[:digits].rstrip("0").ljust(2, "0")
    return f"{'-' if amount < 0 else ''}{whole}.{decimals}"
