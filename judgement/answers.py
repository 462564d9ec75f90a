"""The picks: which exchanges a check can judge, and how it walks through them. Nothing here is an opinion about right and wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from echosounder.judgement.check import picks
from echosounder.specs.grammar import UNKNOWN
from echosounder.wire.answer import Answer
from echosounder.wire.exchange import End, Exchange
from echosounder.wire.stream import stream_end
from echosounder.wire.strict_json import at, entries

CHOICES = frozenset({"chat", "fim"})
"""The formats whose answers come in choices and whose streams come in chunks."""


def asked(exchange: Exchange) -> dict[str, Any]:
    """The request body, empty if it is not a JSON object."""
    return exchange.asked


def bound(exchange: Exchange) -> int:
    """The output limit of the request, in tokens; without one, more than any answer has."""
    value = exchange.reader.bound(exchange.asked)
    return 1 << 62 if value is None else value


def ok(exchange: Exchange) -> bool:
    return exchange.status == 200


def refused(exchange: Exchange) -> bool:
    return exchange.status is not None and 400 <= exchange.status < 500


@picks("answered with any error status")
def failed(exchange: Exchange) -> bool:
    return exchange.status is not None and exchange.status >= 400


def wants_stream(exchange: Exchange) -> bool:
    return exchange.wants_stream


@picks("a stream was requested and not refused")
def stream(exchange: Exchange) -> bool:
    return wants_stream(exchange) and ok(exchange)


@picks("a stream with at least one event")
def events(exchange: Exchange) -> bool:
    return stream(exchange) and bool(exchange.events)


@picks("a stream with at least one event that is a JSON object")
def parted(exchange: Exchange) -> bool:
    return stream(exchange) and any(isinstance(value, dict) for _, value in exchange.chunks)


@picks("a stream with at least one chunk that is a JSON object")
def chunked(exchange: Exchange) -> bool:
    return parted(exchange) and exchange.format in CHOICES


def chat_chunked(exchange: Exchange) -> bool:
    return chunked(exchange) and exchange.format == "chat"


@picks("a non-streaming response was requested and not refused")
def document(exchange: Exchange) -> bool:
    return ok(exchange) and not wants_stream(exchange) and exchange.format != UNKNOWN


@picks("a readable completion, in either mode")
def completion(exchange: Exchange) -> bool:
    return parted(exchange) if wants_stream(exchange) else document(exchange) and isinstance(exchange.json, dict)


def chat_completion(exchange: Exchange) -> bool:
    return completion(exchange) and exchange.format == "chat"


def chosen(exchange: Exchange) -> bool:
    """A completion with at least one choice."""
    bodies = (value for _, value in exchange.chunks) if wants_stream(exchange) else (exchange.json,)
    return exchange.format in CHOICES and completion(exchange) and any(entries(at(body, "choices")) for body in bodies)


def chat_chosen(exchange: Exchange) -> bool:
    return chosen(exchange) and exchange.format == "chat"


@picks("a chat stream with a choice in one of its chunks")
def chat_choosing(exchange: Exchange) -> bool:
    return chat_chosen(exchange) and wants_stream(exchange)


def choosing(exchange: Exchange) -> bool:
    return chosen(exchange) and wants_stream(exchange)


def whole(exchange: Exchange) -> bool:
    """Whether a completion was transferred completely, so that nothing is missing for that reason."""
    if not completion(exchange):
        return False
    return stream_end(exchange) == "done" if wants_stream(exchange) else exchange.end is End.COMPLETE


def models(exchange: Exchange | None) -> list[str]:
    """The ids that an answer to GET /models lists."""
    rows = entries(at(exchange.json, "data")) if exchange else []
    return [row["id"] for row in rows if isinstance(at(row, "id"), str)]


def objects(exchange: Exchange) -> Iterator[tuple[int, dict[str, Any]]]:
    """``(event index, chunk)`` of each chunk that is a JSON object and not an error."""
    return ((index, value) for index, value in exchange.chunks if isinstance(value, dict) and not value.get("error"))


def choices(chunk: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """``(position, choice)`` of each choice of a chunk or document that is an object."""
    return (
        (position, choice) for position, choice in enumerate(entries(at(chunk, "choices"))) if isinstance(choice, dict)
    )


def deltas(exchange: Exchange) -> Iterator[tuple[int, dict[str, Any], dict[str, Any]]]:
    """``(event index, choice, delta)`` over a chat stream, for each choice whose delta is an object."""
    for index, chunk in objects(exchange):
        for _, choice in choices(chunk):
            if isinstance(choice.get("delta"), dict):
                yield index, choice, choice["delta"]


def answer(exchange: Exchange) -> Answer:
    """The whole answer, streamed or not."""
    return exchange.answer
