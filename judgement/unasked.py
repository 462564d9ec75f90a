"""On which occasion a check can judge traffic that we did not ask for: what the request says, whoever sent it. Pure.

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
    """Only whoever sent the request knows what must become of it."""
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
    """A request that does not ask for what stands there."""
    return lambda exchange: exchange.format == format and not at(exchange.asked, *pointer)


def thinking(format: str = "chat") -> Pick:
    """An answer that shows a thought."""
    return lambda exchange: exchange.format == format and bool(exchange.answer.reasoning)


def explained(*formats: str) -> Pick:
    """A request that can be read, refused for another reason than its key: what is wrong with others is said in plain text."""
    return lambda exchange: exchange.format in formats and bool(exchange.asked) and exchange.status not in {401, 415}


def readable(exchange: Exchange) -> bool:
    """A chat or FIM request whose body is a JSON object, sent with a key: what is wrong with another is answered in plain text."""
    names = {name.lower() for name, _ in exchange.request.headers}
    return exchange.format in {"chat", "fim"} and bool(exchange.asked) and "authorization" in names
