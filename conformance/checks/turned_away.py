"""Legal requests that were refused: a breach of what asks for them to be accepted, besides what it asks of the answer."""

from __future__ import annotations

from conformance.check import Problem
from conformance.checks.outcomes import answered, named, outcome
from wire.exchange import Exchange


def turned_away(exchange: Exchange) -> bool:
    """Refused as if it were at fault."""
    return answered(exchange) and 400 <= (exchange.status or 0) < 500


def unserved(exchange: Exchange) -> Problem:
    where = named(exchange)
    return Problem(f"{where} got {outcome(exchange)}, expected to be served", cause=f"{where} is not served")
