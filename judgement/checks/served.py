"""Outcomes of the legal requests of a run: how many were served, which were not, and whether that suffices for a verdict.

A run conforms only where every feature that it asked for was served at least once; one that is optional may be plainly refused.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from echosounder.judgement.smallest import extra
from echosounder.specs.grammar import UNKNOWN
from echosounder.wire.exchange import NOT_SERVED, Exchange
from echosounder.wire.strict_json import at

INSTEAD, REFUSED_MEMBERS, TRIED = "instead", "refused_members", "tried"
"""Notes of exchanges: sent without these members, which the target refuses; what it said to each of them, on the first request that
was served without; sent only to find that out."""
NO_KEY = "no key"
"""The fault of a request that is sent without any."""
SHOWN = 3
"""So many kinds of outcomes stand in one sentence."""


def _offers(exchange: Exchange) -> bool:
    return bool(exchange.asked.get("tools"))


def _thinks(exchange: Exchange) -> bool:
    return bool(at(exchange.asked, "thinking", "type") == "enabled")


FEATURES: dict[str, Callable[[Exchange], bool]] = {
    "chat": lambda exchange: exchange.format == "chat",
    "stream": lambda exchange: exchange.format == "chat" and exchange.wants_stream,
    "FIM completion": lambda exchange: exchange.format == "fim",
    "request in the format Responses": lambda exchange: exchange.format == "responses",
    "request in the format Messages": lambda exchange: exchange.format == "messages",
    "tool request in the format Responses": lambda exchange: exchange.format == "responses" and _offers(exchange),
    "tool request in the format Messages": lambda exchange: exchange.format == "messages" and _offers(exchange),
    "tool request": lambda exchange: exchange.format == "chat" and _offers(exchange),
    "JSON request": lambda exchange: at(exchange.asked, "response_format", "type") == "json_object",
    "prefix completion": lambda exchange: bool(at(exchange.asked, "messages", -1, "prefix")),
    "logprobs request": lambda exchange: exchange.asked.get("logprobs") is True,
    "thinking request": lambda exchange: exchange.format == "chat" and _thinks(exchange),
    "thinking request in the format Messages": lambda exchange: exchange.format == "messages" and _thinks(exchange),
    "request that mentions thinking": lambda exchange: exchange.format == "chat" and "thinking" in exchange.asked,
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
    """A request for a completion that must be served."""
    marked = {"fault", "open"} & exchange.notes.keys()
    return exchange.request.method == "POST" and exchange.format != UNKNOWN and not marked and not extra(exchange)


def plainly_refused(exchange: Exchange) -> bool:
    """An error status that means "not supported", with the matching body. If chat is served, 404 does not mean that."""
    if exchange.status in {404, 405, 501}:
        return exchange.request.path != "/chat/completions" or exchange.status == 501
    return exchange.status in {400, 422} and isinstance(at(exchange.json, "error"), dict)


def absent(exchanges: Iterable[Exchange]) -> frozenset[str]:
    """The optional features that *exchanges* requested and whose requests were plainly refused in every response."""
    mine = [exchange for exchange in exchanges if legal(exchange)]
    groups = {name: list(filter(about, mine)) for name, about in FEATURES.items() if name not in NEEDED}
    return frozenset(name for name, group in groups.items() if _refused_as_a_whole(group))


def _refused_as_a_whole(group: Iterable[Exchange]) -> bool:
    """A refusal of ``tool_choice`` is none of tools, unless its words say so."""
    group = list(group)
    refusals = [exchange for exchange in group if plainly_refused(exchange)]
    served = any(exchange.status == 200 for exchange in group)
    return not served and any(not _forced(exchange) or _unknown_here(exchange) for exchange in refusals)


def _forced(exchange: Exchange) -> bool:
    return exchange.asked.get("tool_choice") not in (None, "auto", "none")


UNKNOWN_HERE = re.compile(r"support|implement|enabl|availab|permitted|recogni|unknown", re.IGNORECASE)


def _unknown_here(exchange: Exchange) -> bool:
    says = str(at(exchange.json, "error", "message") or "")
    return bool(UNKNOWN_HERE.search(says)) and "tool_choice" not in says and "required" not in says


def excused(exchange: Exchange, missing: frozenset[str]) -> bool:
    """Plainly refused, and for an optional feature that the target does not have."""
    return plainly_refused(exchange) and any(FEATURES[name](exchange) for name in missing)


def unauthorized(exchange: Exchange) -> bool:
    """A request with a missing, wrong or wrongly placed key."""
    fault = str(exchange.notes.get("fault", ""))
    return "key" in fault or "scheme" in fault


TOO_LONG = re.compile(r"context|too (?:long|large)|exceed|maximum.*(?:length|tokens)", re.IGNORECASE)
LONG = 2000
"""Bytes of a body below which no prompt is too long for a model."""


def too_long(exchange: Exchange) -> bool:
    """Refused because the prompt exceeds the target's context, whose size no requirement specifies."""
    if exchange.status not in {400, 413, 422} or len(exchange.request.body) < LONG:
        return False
    return bool(TOO_LONG.search(str(at(exchange.json, "error", "message") or exchange.text[:500])))


def dead(exchanges: Iterable[Exchange]) -> bool:
    """There were legal requests, and each received an error or no response: there is no API to judge."""
    mine = [exchange for exchange in exchanges if legal(exchange)]
    return bool(mine) and all(each.status is None or 400 <= each.status < 600 for each in mine)


def lacking(exchanges: Iterable[Exchange]) -> str:
    """Why the run cannot establish conformance, in one line with a suggestion; empty if each feature was served or is optional."""
    exchanges = list(exchanges)
    mine = [exchange for exchange in exchanges if legal(exchange)]
    for name, about in FEATURES.items():
        group = [exchange for exchange in mine if about(exchange)]
        if not group or any(exchange.status == 200 for exchange in group):
            continue
        if name not in NEEDED and all(plainly_refused(exchange) for exchange in group):
            continue
        return f"no {name} was served: {_outcomes(group)}; {_advice(group)}{gateway(exchanges)}"
    return ""


def gateway(exchanges: Iterable[Exchange]) -> str:
    """Reports that models were listed although no chat request was served: a gateway may have produced the list."""
    listed = any(each.request.path == "/models" and each.status == 200 for each in exchanges)
    return ", though GET /models is answered, perhaps by a gateway in front of it" if listed else ""


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
    """A row per path: ``{"path", "legal", "served", "unserved": [{"request", "outcome"}, ...]}``, failures of the server first."""
    paths: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        if legal(exchange):
            paths.setdefault(exchange.request.path, []).append(exchange)
    return [_row(path, mine) for path, mine in paths.items()]


def _row(path: str, exchanges: Sequence[Exchange]) -> dict[str, Any]:
    unserved = [exchange for exchange in exchanges if exchange.status != 200]
    unserved.sort(key=lambda exchange: 0 if exchange.status is None or exchange.status >= 500 else 1)
    return {
        "path": path,
        "legal": len(exchanges),
        "served": len(exchanges) - len(unserved),
        "unserved": [{"request": f"{each.probe} {each.step}".strip(), "outcome": outcome(each)} for each in unserved],
    }


def overloaded(exchange: Exchange) -> bool:
    """Refused for lack of capacity or money, which is not the request's fault."""
    return exchange.status in NOT_SERVED
