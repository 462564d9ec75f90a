"""Requests and answers against the OpenAPI document of the profile. Rules that a schema can express are judged only here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from echosounder import specs
from echosounder.judgement import unasked
from echosounder.judgement.answers import document, objects, stream
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, picks
from echosounder.judgement.checks.served import INSTEAD
from echosounder.judgement.schema import Mismatch, request_mismatches, response_mismatches, value_mismatches
from echosounder.wire.exchange import End, Exchange

REASONS = ("stop", "length", "content_filter", "tool_calls", "insufficient_system_resource")


def reasons(case: Case) -> tuple[str, ...]:
    """Legal finish reasons of a chat: those common to all profiles, and those in this profile's OpenAPI document."""
    known = specs.document(case.profile)["components"]["schemas"]["FinishReason"]["enum"]
    return tuple(dict.fromkeys((*REASONS, *known)))


FIM_REASONS = tuple(reason for reason in REASONS if reason != "tool_calls")


@picks("sent as a request that must be served, and answered")
def legal(exchange: Exchange) -> bool:
    return exchange.status is not None and not {"fault", "open"} & exchange.notes.keys()


@picks(
    "made up by us alone: a request that hands the target's own words back is as legal as those are, one made to suit it too"
)
def ours(exchange: Exchange) -> bool:
    return legal(exchange) and not {"built", INSTEAD} & exchange.notes.keys()


@check("request.document-valid", ours, unasked=unasked.never)
def request_valid(exchange: Exchange, case: Case) -> Problems:
    for mismatch in request_mismatches(exchange, case.profile):
        yield Problem(
            f"the request of the probe does not match the OpenAPI description: {mismatch.message}",
            pointer=mismatch.pointer,
            excerpt=exchange.request.body.decode(errors="replace")[:160],
        )


@check("response.document-valid", legal)
def response_valid(exchange: Exchange, case: Case) -> Problems:
    if exchange.end is not End.COMPLETE:
        raise Inconclusive("a cut body cannot be valid; another requirement reports that it is cut")
    found = response_mismatches(exchange, case.profile)
    yield from grouped((event_of(exchange, mismatch.chunk), mismatch) for mismatch in found)


def event_of(exchange: Exchange, chunk: int | None) -> int | None:
    """The index of the event that holds a decoded chunk."""
    return exchange.chunks[chunk][0] if chunk is not None and chunk < len(exchange.chunks) else None


def valid(value: Any, schema: str, case: Case) -> Problems:
    yield from grouped((None, mismatch) for mismatch in value_mismatches(value, schema, case.profile))


def chunks_valid(exchange: Exchange, schema: str, case: Case) -> Problems:
    yield from grouped(
        (event, each) for event, chunk in objects(exchange) for each in value_mismatches(chunk, schema, case.profile)
    )


def grouped(rows: Iterable[tuple[int | None, Mismatch]]) -> Problems:
    """One problem per kind of mismatch: the first event with it, and the number of others."""
    kinds: dict[tuple[str, str], list[int | None]] = {}
    for event, mismatch in rows:
        kinds.setdefault((mismatch.message, mismatch.pointer), []).append(event)
    for (message, pointer), events in kinds.items():
        where = "" if events[0] is None else f"chunk {events[0]}: "
        more = f" (and in {len(events) - 1} more chunks)" if len(events) > 1 else ""
        at = f"{pointer}: " if pointer else ""
        yield Problem(f"{where}{at}{message}{more}", event=events[0], pointer=pointer, cause=f"schema: {at}{message}")


def chat_document(exchange: Exchange) -> bool:
    return document(exchange) and exchange.format == "chat"


def fim_document(exchange: Exchange) -> bool:
    return document(exchange) and exchange.format == "fim"


@check("chat.response-schema", lambda exchange: chat_document(exchange) and exchange.json is not None)
def chat_schema(exchange: Exchange, case: Case) -> Problems:
    yield from valid(exchange.json, "ChatCompletion", case)


@check("fim.response-schema", lambda exchange: fim_document(exchange) and exchange.json is not None)
def fim_schema(exchange: Exchange, case: Case) -> Problems:
    yield from valid(exchange.json, "FimCompletion", case)


@check("fim.stream-chunk", lambda exchange: stream(exchange) and exchange.format == "fim" and bool(exchange.chunks))
def fim_chunk(exchange: Exchange, case: Case) -> Problems:
    yield from chunks_valid(exchange, "FimChunk", case)


@check("models.schema", lambda exchange: exchange.status == 200, unasked=unasked.under("/models"))
def models_schema(exchange: Exchange, case: Case) -> Problems:
    yield from valid(exchange.json, "ModelList", case)


@check("balance.schema", lambda exchange: exchange.status == 200, unasked=unasked.under("/user/balance"))
def balance_schema(exchange: Exchange, case: Case) -> Problems:
    yield from valid(exchange.json, "Balance", case)
