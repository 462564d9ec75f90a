"""Formats other than chat that a target does not serve: one requirement reports this, and about a hundred others are skipped."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement.check import excerpt
from echosounder.specs import Requirement
from echosounder.wire.exchange import NOT_SERVED, Exchange
from echosounder.wire.formats import FORMATS, MESSAGES, RESPONSES
from echosounder.wire.strict_json import at

OPTIONAL = {each.name: each for each in (RESPONSES, MESSAGES)}
"""Formats that a target may do without."""
NOT_HERE = frozenset({404, 405, 501})


def named(row: Requirement, format: str) -> bool:
    """Whether this requirement reports the absence of the format."""
    return row.id == f"{format}.available"


def absent(format: str, exchanges: Sequence[Exchange]) -> str:
    """Why the requests in an optional format cannot be judged, from the plainest of them; empty if they can."""
    if format not in OPTIONAL:
        return ""
    basic = [each for each in exchanges if each.probe == OPTIONAL[format].grammar.probes["whole"]]
    reasons = [missing(each) or foreign(each) for each in basic if each.status not in NOT_SERVED]
    return reasons[0] if reasons and all(reasons) else ""


def missing(exchange: Exchange) -> str:
    """Why the path of the exchange does not seem to be served; empty if it is."""
    status, title = exchange.status, exchange.reader.grammar.title
    says = at(exchange.json, "error", "message")
    unknown = status == 400 and isinstance(says, str) and exchange.request.path in says
    if status not in NOT_HERE and not unknown:
        return ""
    told = f" {excerpt(says)!r}" if isinstance(says, str) else ""
    return f"the target does not serve the format {title}: POST {exchange.request.path} got status {status}{told}"


def foreign(exchange: Exchange) -> str:
    """A sentence that names another format that a response is in; empty if it is in its own format, or in none."""
    if exchange.status != 200 or exchange.wants_stream or exchange.reader.whole(exchange.json).end:
        return ""
    other = next((each for each in FORMATS.values() if each.whole(exchange.json).end), None)  # chat before FIM
    return f"the target answers POST {exchange.request.path} in the format {other.grammar.title}" if other else ""
