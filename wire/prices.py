"""Exact money: tokens times dated price, in decimals that never round.

Prices are per million tokens, so a bill is a sum of products moved by six decimal places; nothing is divided.
"""

from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Protocol

from echosounder.wire.usage import Usage

# Enough digits for a trillion tokens at any price in the table; Inexact is never raised away silently below this.
EXACT = Context(prec=60)


class Rates(Protocol):
    """Price per million tokens, as `specs.price` resolves it for a model and a moment."""

    @property
    def hit(self) -> Decimal: ...
    @property
    def miss(self) -> Decimal: ...
    @property
    def output(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class Bill:
    """Tokens of each kind and what they cost, in the currency of the rates."""

    hit_tokens: int
    miss_tokens: int
    output_tokens: int
    hit: Decimal
    miss: Decimal
    output: Decimal

    @property
    def total(self) -> Decimal:
        return EXACT.add(EXACT.add(self.hit, self.miss), self.output)


def bill(hit_tokens: int, miss_tokens: int, output_tokens: int, rates: Rates) -> Bill:
    """What the tokens cost at *rates*; exact to the last digit."""
    amounts = (_amount(hit_tokens, rates.hit), _amount(miss_tokens, rates.miss), _amount(output_tokens, rates.output))
    return Bill(hit_tokens, miss_tokens, output_tokens, *amounts)


def bill_usage(counts: Usage, rates: Rates) -> Bill:
    """The bill of a reported usage. Without a cache split (dialect openai) ``cached_tokens`` counts as hits, else nothing does."""
    hit = counts.hit if counts.hit is not None else counts.cached or 0
    miss = counts.miss if counts.miss is not None else max((counts.prompt or 0) - hit, 0)
    return bill(hit, miss, counts.completion or 0, rates)


def _amount(tokens: int, per_million: Decimal) -> Decimal:
    with localcontext(EXACT):
        return (per_million * tokens).scaleb(-6)
