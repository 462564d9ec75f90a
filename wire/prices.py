"""Exact money: tokens times dated price, in decimals that never round.

Prices are per million tokens, so a bill is a sum of products moved by six decimal places; nothing is divided.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Context, Decimal, InvalidOperation, localcontext
from typing import Protocol

from echosounder import specs
from echosounder.wire.errors import UsageError
from echosounder.wire.usage import Usage

# Enough digits for a trillion tokens at any price in the table; Inexact is never raised away silently below this.
EXACT = Context(prec=60)


class Rated(Protocol):
    """Price per million tokens, as `specs.price` resolves it for a model and a moment."""

    @property
    def hit(self) -> Decimal: ...
    @property
    def miss(self) -> Decimal: ...
    @property
    def output(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Bill:
    """Tokens of each kind and their cost, in the currency of the rates; ``uses`` is the part billed per use."""

    hit_tokens: int
    miss_tokens: int
    output_tokens: int
    hit: Decimal
    miss: Decimal
    output: Decimal
    uses: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        with localcontext(EXACT):
            return self.hit + self.miss + self.output + self.uses


def bill(hit_tokens: int, miss_tokens: int, output_tokens: int, rates: Rated, uses: Decimal = Decimal(0)) -> Bill:
    """Cost of the tokens at *rates*, plus *uses*; exact to the last digit."""
    amounts = (_amount(hit_tokens, rates.hit), _amount(miss_tokens, rates.miss), _amount(output_tokens, rates.output))
    return Bill(hit_tokens, miss_tokens, output_tokens, *amounts, uses)


def use_cost(uses: Mapping[str, int], at: datetime, currency: str = "USD") -> Decimal:
    """Cost of this many successful uses of each kind (``search``, ``fetch``, ``web-search``) at an aware instant.

    Raises :class:`specs.UnknownPriceError`.
    """
    with localcontext(EXACT):
        costs = (specs.use_price(use, at, currency).per_thousand * count for use, count in uses.items())
        return sum((cost.scaleb(-3) for cost in costs), Decimal(0))


def bill_usage(counts: Usage, rates: Rated) -> Bill:
    """The bill of a reported usage. Without a cache split (as OpenAI has it) ``cached_tokens`` count as hits; without those, nothing
    does.
    """
    hit = counts.hit if counts.hit is not None else counts.cached or 0
    miss = counts.miss if counts.miss is not None else max((counts.prompt or 0) - hit, 0)
    return bill(hit, miss, counts.completion or 0, rates)


def given(text: str | None) -> specs.Rates | None:
    """Parses ``--price HIT,MISS,OUTPUT``, US dollars per million tokens; raises :class:`UsageError`."""
    if text is None:
        return None
    try:
        amounts = [Decimal(part) for part in text.split(",")]
    except InvalidOperation:
        amounts = []
    if len(amounts) != 3 or not all(amount.is_finite() and amount >= 0 for amount in amounts):
        raise UsageError(
            f"--price {text!r} is not three amounts; write cache hit, cache miss and output, like 0.007,0.22,0.66"
        )
    return specs.Rates(*amounts)


def dearest(
    model: str, at: datetime, fixed: specs.Rates | None = None, span: timedelta = timedelta(days=1)
) -> specs.Rates | None:
    """The highest price of any hour within *span* of an instant: a run may begin in one price window and end in the next. *fixed* takes
    precedence; None if no price is known.
    """
    if fixed is not None:
        return fixed
    try:
        every = specs.rates_ahead(model, at, span)
    except specs.UnknownPriceError:
        return None
    return specs.Rates(*(max(getattr(rates, name) for rates in every) for name in specs.Rates._fields))


def _amount(tokens: int, per_million: Decimal) -> Decimal:
    with localcontext(EXACT):
        return (per_million * tokens).scaleb(-6)
