"""Identity of a stream in each of its chunks: id, time, model and build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from echosounder.judgement.answers import chat_chunked, chat_completion, chunked, objects
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, picks
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at


def constant(exchange: Exchange, name: str) -> Iterator[tuple[int, Any, Any]]:
    """``(event, value, first value)`` for each chunk whose member differs from the first one's; one chunk alone says nothing."""
    if sum(1 for _ in objects(exchange)) < 2:
        raise Inconclusive("no stream has two chunks")
    seen: list[Any] = []
    for index, chunk in objects(exchange):
        value = chunk.get(name)
        if seen and value != seen[0]:
            yield index, value, seen[0]
        seen.append(value)


@check("stream.id-constant", chunked)
def id_constant(exchange: Exchange, case: Case) -> Problems:
    for index, chunk in objects(exchange):
        if not isinstance(chunk.get("id"), str) or not chunk["id"]:
            yield Problem(
                f"the id of chunk {index} is {chunk.get('id')!r}, expected a non-empty string",
                event=index,
                pointer="/id",
            )
            return
    for index, value, first in constant(exchange, "id"):
        yield Problem(
            f"the id changes from {first!r} to {value!r}, expected one id per stream", event=index, pointer="/id"
        )


@check("stream.created-constant", chunked)
def created_constant(exchange: Exchange, case: Case) -> Problems:
    for index, chunk in objects(exchange):
        value = chunk.get("created")
        if not isinstance(value, int) or isinstance(value, bool):
            yield Problem(
                f"created of chunk {index} is {value!r}, expected whole Unix seconds", event=index, pointer="/created"
            )
            return
    for index, value, first in constant(exchange, "created"):
        yield Problem(
            f"created changes from {first} to {value}, expected one time per stream", event=index, pointer="/created"
        )


@picks("a chat completion whose ``created`` is a number")
def dated(exchange: Exchange) -> bool:
    value = _created(exchange)[1] if chat_completion(exchange) else None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _created(exchange: Exchange) -> tuple[int | None, Any]:
    """``created`` where it stands first, and the event that holds it."""
    event, body = next(iter(objects(exchange)), (None, exchange.json))
    return event, at(body, "created")


@check("stream.created-recent", dated)
def created_recent(exchange: Exchange, case: Case) -> Problems:
    yield from recent(exchange, case)


def recent(exchange: Exchange, case: Case) -> Problems:
    """``created`` within two minutes of the request, by the clock of this machine."""
    (event, value), sent = _created(exchange), case.sent_at(exchange)
    if sent is None:
        raise Inconclusive("the log does not say when the request was sent")
    if abs(value - sent) > 120:
        yield Problem(
            f"created is {value}, but the request was sent at {sent:.0f}: {value - sent:+.0f} s apart",
            event=event,
            pointer="/created",
        )


@check("stream.model-constant", chunked)
def model_constant(exchange: Exchange, case: Case) -> Problems:
    for index, chunk in objects(exchange):
        if not isinstance(chunk.get("model"), str) or not chunk["model"]:
            yield Problem(
                f"model of chunk {index} is {chunk.get('model')!r}, expected a name", event=index, pointer="/model"
            )
            return
    for index, value, first in constant(exchange, "model"):
        yield Problem(f"model changes from {first!r} to {value!r}", event=index, pointer="/model")


@check("stream.fingerprint-constant", chat_chunked)
def fingerprint_constant(exchange: Exchange, case: Case) -> Problems:
    for index, chunk in objects(exchange):
        value = chunk.get("system_fingerprint")
        if not isinstance(value, str) or not value:
            yield Problem(
                f"system_fingerprint of chunk {index} is {value!r}, expected a string",
                event=index,
                pointer="/system_fingerprint",
            )
            return
    yield from fingerprint_one(exchange, case)


@check("stream.fingerprint-one", chat_chunked)
def fingerprint_one(exchange: Exchange, case: Case) -> Problems:
    """Null and empty ones are ignored: Azure sends some before it knows which installation answers."""
    told = [(index, value) for index, chunk in objects(exchange) if (value := chunk.get("system_fingerprint"))]
    if len(told) < 2:
        raise Inconclusive("fewer than two chunks carry a system_fingerprint")
    first = told[0][1]
    if other := next((each for each in told if each[1] != first), None):
        yield Problem(
            f"system_fingerprint changes from {first!r} to {other[1]!r}",
            event=other[0],
            pointer="/system_fingerprint",
            cause="the fingerprint changes",
        )
