"""Requests and answers against the OpenAPI document of the profile. What a schema can say is said there, once."""

from __future__ import annotations

from conformance.answers import document, on_chat, on_fim, stream
from conformance.check import Case, Problem, Problems, check
from conformance.schema import Mismatch, request_mismatches, response_mismatches, value_mismatches
from wire.exchange import End, Exchange

REASONS = ("stop", "length", "content_filter", "tool_calls", "insufficient_system_resource")
FIM_REASONS = tuple(reason for reason in REASONS if reason != "tool_calls")


def legal(exchange: Exchange) -> bool:
    """Sent as a request that must be served, and answered."""
    return exchange.status is not None and not {"fault", "open"} & exchange.notes.keys()


@check("request.document-valid", legal)
def request_valid(exchange: Exchange, case: Case) -> Problems:
    for mismatch in request_mismatches(exchange, case.profile):
        yield Problem(
            f"our own request is not described by the document: {mismatch.message}",
            pointer=mismatch.pointer,
            excerpt=exchange.request.body.decode()[:160],
        )


@check("response.document-valid", legal)
def response_valid(exchange: Exchange, case: Case) -> Problems:
    if exchange.end is not End.COMPLETE:
        return  # half a body cannot be valid; that it is half is told elsewhere
    for mismatch in response_mismatches(exchange, case.profile):
        yield located(exchange, mismatch)


def located(exchange: Exchange, mismatch: Mismatch) -> Problem:
    """A mismatch with its chunk turned into the index of its event."""
    event = (
        exchange.chunks[mismatch.chunk][0]
        if mismatch.chunk is not None and mismatch.chunk < len(exchange.chunks)
        else None
    )
    where = f"chunk {event}: " if event is not None else f"{mismatch.pointer}: " if mismatch.pointer else ""
    return Problem(f"{where}{mismatch.message}", event=event, pointer=mismatch.pointer)


def chat_document(exchange: Exchange) -> bool:
    return document(exchange) and on_chat(exchange)


def fim_document(exchange: Exchange) -> bool:
    return document(exchange) and on_fim(exchange)


@check("chat.response-schema", lambda exchange: chat_document(exchange) and exchange.json is not None)
def chat_schema(exchange: Exchange, case: Case) -> Problems:
    for mismatch in value_mismatches(exchange.json, "ChatCompletion", case.profile):
        yield located(exchange, mismatch)


@check("fim.response-schema", lambda exchange: fim_document(exchange) and exchange.json is not None)
def fim_schema(exchange: Exchange, case: Case) -> Problems:
    for mismatch in value_mismatches(exchange.json, "FimCompletion", case.profile):
        yield located(exchange, mismatch)


@check("fim.stream-chunk", lambda exchange: stream(exchange) and on_fim(exchange) and bool(exchange.chunks))
def fim_chunk(exchange: Exchange, case: Case) -> Problems:
    for event, chunk in exchange.chunks:
        for mismatch in value_mismatches(chunk, "FimChunk", case.profile):
            yield Problem(f"chunk {event}: {mismatch.message}", event=event, pointer=mismatch.pointer)


@check("models.schema", lambda exchange: exchange.status == 200)
def models_schema(exchange: Exchange, case: Case) -> Problems:
    for mismatch in value_mismatches(exchange.json, "ModelList", case.profile):
        yield located(exchange, mismatch)


@check("balance.schema", lambda exchange: exchange.status == 200)
def balance_schema(exchange: Exchange, case: Case) -> Problems:
    for mismatch in value_mismatches(exchange.json, "Balance", case.profile):
        yield located(exchange, mismatch)
