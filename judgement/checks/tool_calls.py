"""Form of a single tool call, in a non-streaming response and assembled from a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.answers import (
    answer,
    asked,
    chat_chunked,
    chat_completion,
    deltas,
    wants_stream,
    whole,
)
from echosounder.judgement.check import Case, Problem, Problems, check, excerpt, literal, picks
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at, entries


def with_tools(exchange: Exchange) -> bool:
    return chat_completion(exchange) and bool(asked(exchange).get("tools"))


@picks("an answer that calls a tool", model=True)
def calling(exchange: Exchange) -> bool:
    return with_tools(exchange) and bool(answer(exchange).calls)


@picks(model=True)
def call_stream(exchange: Exchange) -> bool:
    return chat_chunked(exchange) and bool(answer(exchange).calls)


@picks("a complete answer that calls a tool", model=True)
def complete_calls(exchange: Exchange) -> bool:
    return calling(exchange) and not cut(exchange) and whole(exchange)


@picks("an answer with a call after an earlier call of its conversation", model=True)
def another_call(exchange: Exchange) -> bool:
    return calling(exchange) and len(answer(exchange).calls) + len(earlier_ids(exchange)) > 1


@picks(model=True)
def called_in_document(exchange: Exchange) -> bool:
    return calling(exchange) and not wants_stream(exchange)


def cut(exchange: Exchange) -> bool:
    return bool(answer(exchange).finish == "length")


def raw_calls(exchange: Exchange) -> Iterator[tuple[int | None, str, Any]]:
    """``(event, pointer, call or fragment)``, unchanged from the wire."""
    if not wants_stream(exchange):
        for position, call in enumerate(entries(at(exchange.json, "choices", 0, "message", "tool_calls"))):
            yield None, f"/choices/0/message/tool_calls/{position}", call
        return
    for event, _, delta in deltas(exchange):
        for position, fragment in enumerate(entries(delta.get("tool_calls"))):
            yield event, f"/choices/0/delta/tool_calls/{position}", fragment


def fragments(exchange: Exchange) -> dict[str, list[tuple[int, str, dict[str, Any]]]]:
    """The fragments of each call of a stream, by index."""
    found: dict[str, list[tuple[int, str, dict[str, Any]]]] = {}
    for event, pointer, fragment in raw_calls(exchange):
        if isinstance(fragment, dict) and event is not None:
            found.setdefault(repr(fragment.get("index")), []).append((event, pointer, fragment))
    return found


def functions(exchange: Exchange) -> dict[Any, dict[str, Any]]:
    """The offered functions by name."""
    offered = [at(tool, "function") for tool in entries(asked(exchange).get("tools"))]
    return {function.get("name"): function for function in offered if isinstance(function, dict)}


@check("tools.call-shape", calling, unasked=unasked.asking("tools"))
def call_shape(exchange: Exchange, case: Case) -> Problems:
    if wants_stream(exchange):
        for call in answer(exchange).calls:
            yield from missing(
                call.event, "", {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
            )
        return
    for event, pointer, call in raw_calls(exchange):
        yield from missing(event, pointer, call)
        if at(call, "type") != "function":
            yield Problem(
                f"type of a call is {excerpt(at(call, 'type'))}, expected 'function'",
                event=event,
                pointer=f"{pointer}/type",
            )


def missing(event: int | None, pointer: str, call: Any) -> Problems:
    for path in (("id",), ("function", "name"), ("function", "arguments")):
        if not isinstance(at(call, *path), str):
            yield Problem(
                f"{'.'.join(path)} of a call is {literal(at(call, *path))}, expected a string",
                event=event,
                pointer=f"{pointer}/{'/'.join(path)}",
            )


@check("tools.id-present", calling, unasked=unasked.asking("tools"))
def id_present(exchange: Exchange, case: Case) -> Problems:
    firsts = (
        [(rows[0][0], rows[0][1], rows[0][2]) for rows in fragments(exchange).values()]
        if wants_stream(exchange)
        else raw_calls(exchange)
    )
    for event, pointer, call in firsts:
        if not isinstance(at(call, "id"), str) or not at(call, "id"):
            yield Problem(
                f"id of a call is {excerpt(at(call, 'id'))}, expected a non-empty string: a result could not name its call",
                event=event,
                pointer=f"{pointer}/id",
            )


def earlier_ids(exchange: Exchange) -> list[Any]:
    """The ids of the calls in the history that was sent."""
    return [at(call, "id") for turn in asked(exchange).get("messages", ()) for call in entries(at(turn, "tool_calls"))]


@check("tools.id-unique", another_call, unasked=unasked.asking("tools"))
def id_unique(exchange: Exchange, case: Case) -> Problems:
    seen = earlier_ids(exchange)
    for call in answer(exchange).calls:
        if call.id and call.id in seen:
            yield Problem(f"two calls share the id {call.id!r}", event=call.event)
        seen.append(call.id)


@check("tools.index-in-document", called_in_document, unasked=unasked.asking("tools"))
def index_in_document(exchange: Exchange, case: Case) -> Problems:
    for _, pointer, call in raw_calls(exchange):
        if not isinstance(at(call, "index"), int):
            yield Problem(
                f"index of a call is {literal(at(call, 'index'))}, expected an integer", pointer=f"{pointer}/index"
            )


@check("tools.name-offered", calling, unasked=unasked.asking("tools"))
def name_offered(exchange: Exchange, case: Case) -> Problems:
    for call in answer(exchange).calls:
        if call.name not in list(functions(exchange)):
            yield Problem(
                f"the answer calls {excerpt(call.name)}, expected one of {sorted(map(str, functions(exchange)))}",
                event=call.event,
            )
