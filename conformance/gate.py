"""Detects whether there is an API at all. A target without judgeable answers gets one line of advice instead of a hundred
findings.

Judged from the list of models and from the plainest request of the first format that is asked in, so that a fault of one endpoint
alone is a finding and not the end of the run.
"""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement.answers import asked, models
from echosounder.judgement.checks.served import gateway, lacking, legal
from echosounder.wire.errors import CannotJudge, KeyRefused, Unreachable
from echosounder.wire.exchange import End, Exchange
from echosounder.wire.formats import CHAT
from echosounder.wire.redact import MARK
from echosounder.wire.strict_json import at

GATES = frozenset({"chat.basic", "responses.basic", "messages.basic"})

_SILENT = {
    End.CONNECT_FAILED: "no connection to {url} ({error}); is the server running, and is the address right?",
    End.IDLE_TIMEOUT: "{url} accepted the connection but never answered; raise --timeout if it is only slow",
    End.TOTAL_TIMEOUT: "{url} did not finish an answer in the time allowed; raise --timeout if it is only slow",
    End.RESET: "{url} reset the connection ({error}); does it speak HTTP, or HTTPS?",
    End.TRUNCATED: "{url} closed the connection without an answer; does it speak HTTP, or HTTPS?",
    End.PROTOCOL_ERROR: "{url} does not speak HTTP ({error}); is it the right port?",
    End.TOO_LARGE: "{url} sends without end; is it the base URL of an API?",
}


def verdict(exchanges: Sequence[Exchange]) -> CannotJudge | None:
    """Why the run cannot go on, or None. *exchanges* are those of the gate probes, in order; the last one decides."""
    reasons = [_reason(exchange) for exchange in exchanges]
    if not reasons or None in reasons:
        return (_key_refused(exchanges[-1]) or _model_refused(exchanges) or _nowhere(exchanges)) if exchanges else None
    return reasons[-1]


def _reason(exchange: Exchange) -> CannotJudge | None:
    url = exchange.request.url
    if exchange.status is None:
        return Unreachable(_SILENT.get(exchange.end, "{url}: {error}").format(url=url, error=exchange.error))
    if exchange.status in {401, 403}:
        return _key_refused(exchange)
    if 300 <= exchange.status < 400:
        where = exchange.header("location")
        if where is None:
            return CannotJudge(
                f"{url} answers with status {exchange.status} and no body; is it the base URL of an API?"
            )
        return CannotJudge(f"{url} redirects to {where}, and redirects are not followed; give that base URL instead")
    if _web_page(exchange):
        return CannotJudge(
            f"{url} answers with a web page, not an API; is the base URL complete, for instance with /v1?"
        )
    if exchange.end in {End.TOO_LARGE, End.IDLE_TIMEOUT, End.TOTAL_TIMEOUT}:
        return Unreachable(_SILENT[exchange.end].format(url=url, error=exchange.error))
    return None


def _key_refused(exchange: Exchange) -> KeyRefused | None:
    if exchange.status not in {401, 403}:
        return None
    sent = any(MARK in value for _, value in exchange.request.headers)
    does = "does not accept the key" if sent else "wants an API key"
    return KeyRefused(f"{exchange.request.url} {does} (status {exchange.status})", "; check {variable}")


def _model_refused(exchanges: Sequence[Exchange]) -> CannotJudge | None:
    """A model that is not in the list, or that no list could have named, and a refusal that speaks of it: a wrong name, not a wrong API."""
    listed, asking = models(exchanges[0]), exchanges[-1]
    name = asked(asking).get("model")
    named = [each for each in listed if each not in ANY]
    speaks = "model" in _said(asking).lower()
    if asking.status not in {400, 404, 422} or not speaks or name in named:
        return None
    if asking.status != 404 and not (listed or str(name) in asking.text):
        return None
    choice = ", ".join(named[:8]) or "its list of models names none"
    return CannotJudge(f"{asking.request.url} has no model {name!r}; give one with --model: {choice}")


FEW = 5
"""So many legal requests in a row, none of them served, are enough to say that none will be."""
WAITING = frozenset({429, 503, None})
"""What may pass: want of room, and silence, which is counted by itself."""


def nothing_served(exchanges: Sequence[Exchange]) -> CannotJudge | None:
    """An error if no request was served and none will be, None otherwise: a crashed engine behind a gateway, an empty account."""
    asking = [exchange for exchange in exchanges if legal(exchange)]
    if len(asking) < FEW or any(exchange.status in WAITING for exchange in asking):
        return None
    return CannotJudge(lacking(exchanges))


ANY = frozenset({"*", ""})
"""What a gateway lists that takes any name."""


def _said(exchange: Exchange) -> str:
    """The words of a refusal, without the request that some repeat in it."""
    error = at(exchange.json, "error")
    said = at(error, "message") or error or at(exchange.json, "message") or at(exchange.json, "detail")
    return said if isinstance(said, str) else exchange.text[:500]


def _nowhere(exchanges: Sequence[Exchange]) -> CannotJudge | None:
    """The list of models may come from a gateway in front; without the path of chat there is nothing to ask."""
    asking = exchanges[-1]
    if asking.format != CHAT.name or asking.status not in {404, 405}:
        return None
    return CannotJudge(
        f"there is no chat at {asking.request.url} (status {asking.status}{gateway(exchanges)}); "
        "is the base URL complete, for instance with /v1?"
    )


def _web_page(exchange: Exchange) -> bool:
    """A page by its first bytes or its media type; JSON and events with the media type of a page are a finding, not the end."""
    start = exchange.body[:200].lstrip().lower()
    typed = exchange.media_type == "text/html" and not start.startswith((b"{", b"[", b"data:"))
    return typed or start.startswith((b"<!doctype", b"<html"))
