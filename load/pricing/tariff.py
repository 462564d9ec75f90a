"""Finds the price list of a target among the candidates."""

from dataclasses import dataclass
from datetime import datetime

from echosounder import specs
from echosounder.specs.prices import price_list, resolve
from echosounder.wire.prices import Rated


@dataclass(frozen=True, slots=True)
class Tariff:
    """Rates of a model by the instant. ``fixed`` rates if they were given; outside the profile's own period, the rates that represent
    it.
    """

    model: str
    profile: str
    currency: str
    fixed: Rated | None = None

    def rates(self, at: datetime) -> Rated:
        """The rates at an instant. Raises :class:`specs.UnknownPriceError`."""
        if self.fixed is not None:
            return self.fixed
        found = specs.price(self.model, self._instant(at), self.currency)
        return specs.Rates(found.hit, found.miss, found.output)

    def others(self, at: datetime) -> list[tuple[str, Rated]]:
        """Other amounts of the price list with their names: of the other time windows of the day, and before and after a price change."""
        if self.fixed is not None:
            return []
        at = self._instant(at)
        rows = [row for row in price_list() if row.model == resolve(self.model, at) and row.currency == self.currency]
        found: list[tuple[str, Rated]] = []
        for row in rows:
            when = "" if row.covers(at) else f" of {row.since.date()}"
            found.append((f"regular{when}", specs.Rates(row.hit, row.miss, row.output)))
            found += [(f"{window.name}{when}", window.rates) for window in row.windows]
        valid = self.rates(at)
        return [(label, rates) for label, rates in found if rates != valid]

    def uses(self, at: datetime) -> tuple[specs.UsePrice, ...]:
        """The prices of what the target bills per use instead of per token."""
        return specs.use_prices(self._instant(at), self.currency)

    def _instant(self, at: datetime) -> datetime:
        return specs.profile(self.profile).priced(at)
