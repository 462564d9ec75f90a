"""Selects observed traffic that a check can judge, by the request alone, from any sender. Pure.

A probe's check may rest on what only its sender knows: that the request is legal, at fault, or the second of a pair. In traffic
that only passes, a check judges an exchange whose own bytes say that the requirement speaks of it. The argument ``unasked`` of
:func:`judgement.check.check` is such an occasion; a check without one judges what is like the probes whose requirements hold for any
request (``probes`` in ``specs/formats``), and :func:`never` takes one back from there.
"""

from __future__ import annotations

from typing import Any

from echosounder.judgement.check import Pick
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at


def never(exchange: Exchange) -> bool:
    """Only the sender of the request knows the expected outcome."""
    return False


def of(*formats: str) -> Pick:
    """Any exchange in one of these wire formats."""
    return lambda exchange: exchange.format in formats


def under(path: str) -> Pick:
    """GET of an API path."""
    return lambda exchange: exchange.request.method == "GET" and exchange.request.path == path


def asking(*pointer: str | int, value: Any = ..., format: str = "chat") -> Pick:
    """A request with something, or with *value*, at this place of its body."""

    def asks(exchange: Exchange) -> bool:
        found = at(exchange.asked, *pointer)
        return exchange.format == format and (bool(found) if value is ... else found == value)

    return asks


def without(*pointer: str | int, format: str = "chat") -> Pick:
    """A request that does not ask for this feature."""
    return lambda exchange: exchange.format == format and not at(exchange.asked, *pointer)


def thinking(format: str = "chat") -> Pick:
    """An answer that shows a thought."""
    return lambda exchange: exchange.format == format and bool(exchange.answer.reasoning)


def explained(*formats: str) -> Pick:
    """A readable request, refused for a reason other than its key: other refusals are plain text."""
    return lambda exchange: exchange.format in formats and bool(exchange.asked) and exchange.status not in {401, 415}


def readable(exchange: Exchange) -> bool:
    """A chat or FIM request with a JSON object and a key: other refusals are plain text."""
    names = {name.lower() for name, _ in exchange.request.headers}
    return exchange.format in {"chat", "fim"} and bool(exchange.asked) and "authorization" in names
