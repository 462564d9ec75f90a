"""What became of the legal requests of a run: how many were served, which were not, and whether that is enough to judge by.

A run conforms only where every feature that it asked for was served at least once; one that is optional may be plainly refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from echosounder.judgement.smallest import extra
from echosounder.specs.grammar import UNKNOWN
from echosounder.wire.exchange import NOT_SERVED, Exchange
from echosounder.wire.strict_json import at

SHOWN = 3
"""So many kinds of outcomes stand in one sentence."""

FEATURES: dict[str, Callable[[Exchange], bool]] = {
    "chat": lambda exchange: exchange.format == "chat",
    "stream": lambda exchange: exchange.format == "chat" and exchange.wants_stream,
    "FIM completion": lambda exchange: exchange.format == "fim",
    "request in the format Responses": lambda exchange: exchange.format == "responses",
    "request in the format Messages": lambda exchange: exchange.format == "messages",
    "tool request": lambda exchange: bool(exchange.asked.get("tools")),
    "JSON request": lambda exchange: at(exchange.asked, "response_format", "type") == "json_object",
    "prefix completion": lambda exchange: bool(at(exchange.asked, "messages", -1, "prefix")),
    "logprobs request": lambda exchange: exchange.asked.get("logprobs") is True,
    "thinking request": lambda exchange: at(exchange.asked, "thinking", "type") == "enabled",
}
"""What a request is about, chat first. All but the first two are optional."""

NEEDED = ("chat", "stream")

ADVICE = (
    (
        frozenset({404, 405}),
        "is the base URL complete, for instance with /v1, and does --model name one of its models?",
    ),
    (frozenset({401, 403}), "does the key reach the engine behind it?"),
    (frozenset({402}), "top up the account"),
    (frozenset({429, 503}), "run it again when the target has room"),
    (frozenset(range(500, 600)), "does its engine run? Its log says more; or try another --model"),
    (frozenset(range(400, 500)), "try another --model, or the --profile that fits the target"),
)


def legal(exchange: Exchange) -> bool:
    """A request for a completion, sent as one that must be served."""
    marked = {"fault", "open"} & exchange.notes.keys()
    return exchange.request.method == "POST" and exchange.format != UNKNOWN and not marked and not extra(exchange)


def plainly_refused(exchange: Exchange) -> bool:
    """An error status that means "not here", with the body that belongs to it. Where chat is, 404 does not mean that."""
    if exchange.status in {404, 405, 501}:
        return exchange.request.path != "/chat/completions" or exchange.status == 501
    return exchange.status in {400, 422} and isinstance(at(exchange.json, "error"), dict)


def absent(exchanges: Sequence[Exchange]) -> frozenset[str]:
    """The optional features that *exchanges* asked for and that were not served once."""
    served = {name for name, about in FEATURES.items() if any(each.status == 200 and about(each) for each in exchanges)}
    return frozenset(FEATURES.keys() - served - set(NEEDED))


def excused(exchange: Exchange, missing: frozenset[str]) -> bool:
    """Plainly refused, and about an optional feature that the target does not have."""
    return plainly_refused(exchange) and any(FEATURES[name](exchange) for name in missing)


def dead(exchanges: Iterable[Exchange]) -> bool:
    """There were legal requests, and each got an error or nothing: there is no API to judge."""
    mine = [exchange for exchange in exchanges if legal(exchange)]
    return bool(mine) and all(each.status is None or 400 <= each.status < 600 for each in mine)


def lacking(exchanges: Iterable[Exchange]) -> str:
    """Why the run has nothing to conform by, in one line with what to try; empty where each feature was served or may be absent."""
    mine = [exchange for exchange in exchanges if legal(exchange)]
    for name, about in FEATURES.items():
        group = [exchange for exchange in mine if about(exchange)]
        if not group or any(exchange.status == 200 for exchange in group):
            continue
        if name not in NEEDED and all(plainly_refused(exchange) for exchange in group):
            continue
        return f"no {name} was served: {_outcomes(group)}; {_advice(group)}"
    return ""


def _outcomes(exchanges: Iterable[Exchange]) -> str:
    kinds = Counter(outcome(exchange) for exchange in exchanges).most_common()
    shown = ", ".join(f"{count} × {says}" for says, count in kinds[:SHOWN])
    return shown + (f" and {len(kinds) - SHOWN} other outcomes" if len(kinds) > SHOWN else "")


def _advice(exchanges: Iterable[Exchange]) -> str:
    [(status, _)] = Counter(exchange.status for exchange in exchanges).most_common(1)
    said = (advice for statuses, advice in ADVICE if status in statuses)
    return next(said, "is the target still running?")


def outcome(exchange: Exchange) -> str:
    return str(exchange.status) if exchange.status is not None else exchange.error or str(exchange.end)


def tally(exchanges: Iterable[Exchange]) -> list[dict[str, Any]]:
    """A row per path: ``{"path", "legal", "served", "unserved": [{"request", "outcome"}, ...]}``, in the order of sending."""
    paths: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        if legal(exchange):
            paths.setdefault(exchange.request.path, []).append(exchange)
    return [_row(path, mine) for path, mine in paths.items()]


def _row(path: str, exchanges: Sequence[Exchange]) -> dict[str, Any]:
    unserved = [exchange for exchange in exchanges if exchange.status != 200]
    return {
        "path": path,
        "legal": len(exchanges),
        "served": len(exchanges) - len(unserved),
        "unserved": [{"request": f"{each.probe} {each.step}".strip(), "outcome": outcome(each)} for each in unserved],
    }


def overloaded(exchange: Exchange) -> bool:
    """Turned away for want of room or money: that blames no request."""
    return exchange.status in NOT_SERVED
