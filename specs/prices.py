"""Dated token prices per million tokens, by model, instant and currency. Exact decimals throughout."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any, NamedTuple

from echosounder.specs.calendars import ALWAYS, DAYS, FILE, Calendar
from echosounder.specs.calendars import read as read_calendar
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
    """A time of day, [opens, closes) in UTC, on some days, with its own rates. ``closes`` before ``opens`` passes midnight."""

    name: str
    opens: time
    closes: time
    rates: Rates
    days: str = "daily"
    calendar: Calendar = ALWAYS

    def holds(self, at: datetime) -> bool:
        """Whether it is open at an aware instant."""
        return self._clock_holds(at.astimezone(UTC).time()) and self.calendar.holds(self.days, at)

    def _clock_holds(self, clock: time) -> bool:
        if self.opens <= self.closes:
            return self.opens <= clock < self.closes
        return clock >= self.opens or clock < self.closes

    def guesses(self, at: datetime) -> bool:
        """Whether it depends on holidays of a year that is not known yet."""
        return self.days == "workdays" and not self.calendar.knows(at)


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
        for window in self.windows:
            if window.holds(at):
                return window.rates
        return Rates(self.hit, self.miss, self.output)

    def caution(self, at: datetime) -> str | None:
        """One sentence where the rates at this instant rest on a calendar that does not reach so far; they are then the dearer ones."""
        guessed = [window for window in self.windows if window.guesses(at)]
        if not guessed:
            return None
        years = guessed[0].calendar.years
        return (
            f"the public holidays of {at.astimezone(guessed[0].calendar.zone).year} are not known (the list ends with {max(years)}), "
            f"so every weekday is billed with its {guessed[0].name} hours: add the year to specs/vendors/<vendor>/{FILE}"
        )

    def covers(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class UsePrice:
    """Price of a thousand successful uses of a feature that is not billed by tokens, valid in [since, until)."""

    use: str
    currency: str
    since: datetime
    until: datetime | None
    per_thousand: Decimal
    basis: str
    source: str
    note: str

    def covers(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


def use_prices(at: datetime, currency: str = "USD") -> tuple[UsePrice, ...]:
    """Prices by use at an aware instant."""
    return tuple(row for row in _use_list() if row.currency == currency and row.covers(at))


def use_price(use: str, at: datetime, currency: str = "USD") -> UsePrice:
    """Raises UnknownPriceError."""
    for row in use_prices(at, currency):
        if row.use == use:
            return row
    raise UnknownPriceError(
        f"no {currency} price of the use {use!r} at {at.isoformat()}: add it under uses in specs/vendors/<vendor>/prices.yaml"
    )


@functools.cache
def _use_list() -> tuple[UsePrice, ...]:
    return tuple(row for table in tables() for row in read_uses(table))


def read_uses(table: YamlFile) -> tuple[UsePrice, ...]:
    """SpecError with file and line for a row that cannot be read."""
    return tuple(_use(table, index, row) for index, row in enumerate(table.value.get("uses", ())))


def _use(table: YamlFile, index: int, row: dict[str, Any]) -> UsePrice:
    try:
        return UsePrice(
            use=row["use"],
            currency=row["currency"],
            since=_instant(row["since"]),
            until=_instant(row["until"]) if "until" in row else None,
            per_thousand=_amount(row["per_thousand"]),
            basis=row["basis"],
            source=row["source"],
            note=row.get("note", ""),
        )
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise table.error(("uses", index), f"broken price of a use: {error!r}") from error


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


def caution(model: str, at: datetime, currency: str = "USD") -> str | None:
    """One sentence where the price of a model at an instant is a guess; None where it is known, or where there is none."""
    try:
        return price(model, at, currency).caution(at)
    except UnknownPriceError:
        return None


def rates_ahead(
    model: str, at: datetime, span: timedelta = timedelta(days=1), currency: str = "USD"
) -> tuple[Rates, ...]:
    """Every rate that holds at some instant of [at, at + span], the first one first: windows, days and changes of price considered.

    Raises UnknownPriceError where none is known at ``at``; later instants without a price are passed over.
    """
    found = [Rates(*_amounts(price(model, at, currency)))]
    for instant in sorted(_turns(at, at + span)):
        try:
            found.append(Rates(*_amounts(price(model, instant, currency))))
        except UnknownPriceError:
            continue
    return tuple(dict.fromkeys(found))


def _amounts(row: Price) -> tuple[Decimal, Decimal, Decimal]:
    return row.hit, row.miss, row.output


def _turns(begin: datetime, end: datetime) -> set[datetime]:
    """Instants in (begin, end] at which some price may change."""
    spans = [(row.since, row.until) for row in price_list()] + [(row.since, row.until) for row in aliases()]
    dates = {each for span in spans for each in span if each is not None}
    midnight = datetime.combine(begin.astimezone(UTC), time(), UTC)
    days = [midnight + timedelta(days=number) for number in range((end - begin).days + 2)]
    hours = {each for row in price_list() for window in row.windows for each in (window.opens, window.closes)}
    clocks = {datetime.combine(day, hour, UTC) for day in days for hour in hours}
    return {each for each in dates | clocks if begin < each <= end}


def resolve(model: str, at: datetime) -> str:
    """The model that an alias stood for at this instant, through aliases of aliases; other names are returned as they are."""
    for alias in aliases():
        if alias.name == model and alias.since <= at and (alias.until is None or at < alias.until):
            return resolve(alias.model, at)
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


def read_prices(table: YamlFile, root: Traversable = ROOT) -> tuple[Price, ...]:
    """SpecError with file and line for a row that cannot be read."""
    beside = posixpath.join(posixpath.dirname(table.name), FILE)
    calendar = read_calendar(load(beside, root)) if root.joinpath(beside).is_file() else ALWAYS
    return tuple(_read(table, index, row, calendar) for index, row in enumerate(table.value["prices"]))


def _read(table: YamlFile, index: int, row: dict[str, Any], calendar: Calendar) -> Price:
    try:
        return Price(
            model=row["model"],
            currency=row["currency"],
            since=_instant(row["since"]),
            until=_instant(row["until"]) if "until" in row else None,
            **_rates(row)._asdict(),
            windows=tuple(_window(window, calendar) for window in row.get("windows", ())),
            basis=row["basis"],
            source=row["source"],
            note=row.get("note", ""),
        )
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        raise table.error(("prices", index), f"broken price row: {error!r}") from error


def _window(row: dict[str, Any], calendar: Calendar) -> Window:
    days = row.get("days", "daily")
    if days not in DAYS:
        raise ValueError(f"days {days!r} is none of {', '.join(DAYS)}")
    if days == "workdays" and not calendar.years:
        raise ValueError(f"days workdays needs a {FILE} beside this file")
    opens, closes = time.fromisoformat(row["from"]), time.fromisoformat(row["to"])
    return Window(row["name"], opens, closes, _rates(row), days, calendar)


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
