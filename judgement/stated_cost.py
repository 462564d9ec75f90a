"""Compares the cost that an answer reports with its usage and the price table. Gateways report it; DeepSeek does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from echosounder import specs
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems
from echosounder.wire.exchange import Exchange
from echosounder.wire.prices import EXACT, bill, bill_usage
from echosounder.wire.strict_json import at
from echosounder.wire.usage import Usage

HEADER = re.compile(r"(x-)?([a-z]+-)*(response|request)-cost(-usd)?|(x-)?([a-z]+-)?cost-usd")
"""``x-litellm-response-cost`` and its like: US dollars for this one answer. Sums of a key or of a day have other names."""
AMOUNT = re.compile(r"\d{1,9}(\.\d{1,30})?([eE]-?\d{1,2})?")
"""A float as programs print it: 0.00012, 1.2e-05."""
TOLERANCE = Decimal("0.01")


def stated(exchange: Exchange) -> tuple[str, Decimal] | None:
    """Source of the reported cost (a header, or ``usage.cost``) and the amount; None without a valid amount."""
    return next(_stated(exchange), None)


def _stated(exchange: Exchange) -> Iterator[tuple[str, Decimal]]:
    for name, value in exchange.headers:
        if HEADER.fullmatch(name.lower()) and AMOUNT.fullmatch(value.strip()):
            yield name.lower(), Decimal(value.strip())
    cost = at(exchange.answer.usage_raw, "cost")
    if isinstance(cost, int | float | Decimal) and not isinstance(cost, bool) and AMOUNT.fullmatch(str(cost)):
        yield "usage.cost", Decimal(str(cost))


def costs(exchange: Exchange, usage: Usage, model: str, case: Case) -> Problems:
    """Problems if *exchange* does not state the cost of its *usage*. Raises :class:`Inconclusive` if that cannot be decided."""
    said = stated(exchange)
    if said is None:
        raise Inconclusive("no answer states its cost")
    rates, (name, amount) = _rates(exchange, model, case), said
    due = bill_usage(usage, rates)
    if _alike(amount, due.total):
        return
    dear = bill(0, due.hit_tokens + due.miss_tokens, due.output_tokens, rates).total
    why = ", as if nothing had been cached" if due.hit_tokens and _alike(amount, dear) else ""
    tokens = f"{due.hit_tokens} cached, {due.miss_tokens} other and {due.output_tokens} output tokens"
    yield Problem(
        f"{name} is {amount:f}{why}, expected {due.total.normalize():f} US dollars for {tokens} of {model}",
        cause="the stated cost is not the price",
        exchange=exchange,
    )


def _rates(exchange: Exchange, model: str, case: Case) -> specs.Rates:
    sent = case.sent_at(exchange)
    if sent is None:
        raise Inconclusive("the log does not say when the request was sent, and prices have dates")
    try:
        price = specs.price(model, specs.profile(case.profile).priced(datetime.fromtimestamp(sent, UTC)))
    except specs.UnknownPriceError:
        raise Inconclusive(f"no price of {model} is known") from None
    return specs.Rates(price.hit, price.miss, price.output)


def _alike(amount: Decimal, due: Decimal) -> bool:
    """Within 1 %, or within what the last digit of *amount* leaves open; nothing is nothing, however it is written."""
    exponent = amount.as_tuple().exponent
    unit = Decimal(1).scaleb(exponent) if amount and isinstance(exponent, int) else Decimal(0)
    return EXACT.abs(EXACT.subtract(amount, due)) <= max(EXACT.multiply(due, TOLERANCE), unit / 2)
