"""Dated token prices: what one million tokens cost, by model, instant and currency. Exact decimals throughout."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from echosounder.specs.lines import ROOT, SpecError, YamlFile, load


class UnknownPriceError(SpecError, KeyError):
    """No price is known for this model at this instant in this currency."""

    def __str__(self) -> str:  # KeyError would show the repr
        return str(self.args[0])


class Rates(NamedTuple):
    """Amounts per million tokens, in the currency of the row."""

    hit: Decimal
    miss: Decimal
    output: Decimal


@dataclass(frozen=True, slots=True)
class Window:
    """A time of day, [opens, closes) in UTC, with its own rates. ``closes`` before ``opens`` passes midnight."""

    name: str
    opens: time
    closes: time
    rates: Rates

    def holds(self, clock: time) -> bool:
        if self.opens <= self.closes:
            return self.opens <= clock < self.closes
        return clock >= self.opens or clock < self.closes


@dataclass(frozen=True, slots=True)
class Price:
    """One row of the price list: amounts per million tokens, valid in [since, until); ``until`` None means still."""

    model: str
    currency: str
    since: datetime
    until: datetime | None
    hit: Decimal
    miss: Decimal
    output: Decimal
    windows: tuple[Window, ...]
    basis: str
    source: str
    note: str

    def rates(self, at: datetime) -> Rates:
        """The rates at an aware instant, windows considered."""
        clock = at.astimezone(UTC).time()
        for window in self.windows:
            if window.holds(clock):
                return window.rates
        return Rates(self.hit, self.miss, self.output)

    def covers(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


def price(model: str, at: datetime, currency: str = "USD") -> Price:
    """The price of a model (or alias) at an aware instant, with the amounts of the window that is open then.

    Raises UnknownPriceError (a SpecError and a KeyError), ValueError for a naive datetime.
    """
    if at.tzinfo is None:
        raise ValueError(f"the instant {at} needs a time zone")
    name = resolve(model, at)
    for row in price_list():
        if row.model == name and row.currency == currency and row.covers(at):
            return replace(row, **row.rates(at)._asdict())
    raise UnknownPriceError(
        f"no {currency} price of {model!r} at {at.isoformat()}: add it to specs/vendors/<vendor>/prices.yaml"
    )


def resolve(model: str, at: datetime) -> str:
    """The model that an alias stood for at this instant; other names are returned as they are."""
    for alias in aliases():
        if alias.name == model and alias.since <= at and (alias.until is None or at < alias.until):
            return alias.model
    return model


class Alias(NamedTuple):
    name: str
    model: str
    since: datetime
    until: datetime | None


@functools.cache
def aliases() -> tuple[Alias, ...]:
    return tuple(alias for table in tables() for alias in read_aliases(table))


@functools.cache
def price_list() -> tuple[Price, ...]:
    """Every row, by vendor and in the order of the file."""
    return tuple(row for table in tables() for row in read_prices(table))


def tables(root: Traversable = ROOT) -> Iterator[YamlFile]:
    """The price list of each vendor that has one."""
    for vendor in sorted(root.joinpath("vendors").iterdir(), key=lambda entry: entry.name):
        if vendor.joinpath("prices.yaml").is_file():
            yield load(f"vendors/{vendor.name}/prices.yaml", root)


def read_aliases(table: YamlFile) -> tuple[Alias, ...]:
    return tuple(
        Alias(row["name"], row["model"], _instant(row["since"]), _instant(row["until"]) if "until" in row else None)
        for row in table.value["aliases"]
    )


def read_prices(table: YamlFile) -> tuple[Price, ...]:
    """SpecError with file and line for a row that cannot be read."""
    return tuple(_read(table, index, row) for index, row in enumerate(table.value["prices"]))


def _read(table: YamlFile, index: int, row: dict[str, Any]) -> Price:
    try:
        return Price(
            model=row["model"],
            currency=row["currency"],
            since=_instant(row["since"]),
            until=_instant(row["until"]) if "until" in row else None,
            **_rates(row)._asdict(),
            windows=tuple(
                Window(w["name"], time.fromisoformat(w["from"]), time.fromisoformat(w["to"]), _rates(w))
                for w in row.get("windows", ())
            ),
            basis=row["basis"],
            source=row["source"],
            note=row.get("note", ""),
        )
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise table.error(("prices", index), f"broken price row: {error!r}") from error


def _rates(row: dict[str, Any]) -> Rates:
    return Rates(*(_amount(row[name]) for name in Rates._fields))


def _amount(text: object) -> Decimal:
    if not isinstance(text, str):
        raise TypeError(f"write the amount {text} in quotes: a float is not money")
    return Decimal(text)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text} needs a time zone")
    return instant
