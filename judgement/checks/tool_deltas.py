"""Assembly of a tool call from the deltas of a stream."""

from __future__ import annotations

from echosounder.judgement import unasked
from echosounder.judgement.answers import answer
from echosounder.judgement.check import Case, Problem, Problems, check, excerpt, picks
from echosounder.judgement.checks.tool_calls import call_stream, fragments
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at


@picks("a stream with a call that took more than one delta", model=True)
def in_pieces(exchange: Exchange) -> bool:
    return call_stream(exchange) and any(len(rows) > 1 for rows in fragments(exchange).values())


@check("tools.id-stable", in_pieces, unasked=unasked.asking("tools"))
def id_stable(exchange: Exchange, case: Case) -> Problems:
    for call in answer(exchange).calls:
        different = [id for id in call.ids if id and id != call.id]
        if different:
            yield Problem(
                f"the id of one call changes from {call.id!r} to {different[0]!r}, expected one id", event=call.event
            )


@check("tools.id-once", in_pieces, unasked=unasked.asking("tools"))
def id_once(exchange: Exchange, case: Case) -> Problems:
    for rows in fragments(exchange).values():
        for event, pointer, fragment in rows[1:]:
            if fragment.get("id") or at(fragment, "function", "name"):
                yield Problem(
                    f"chunk {event} repeats the id or name of its call, expected only in its first delta",
                    event=event,
                    pointer=pointer,
                )


@check("tools.no-empty-name", in_pieces, unasked=unasked.asking("tools"))
def no_empty_name(exchange: Exchange, case: Case) -> Problems:
    for rows in fragments(exchange).values():
        for event, pointer, fragment in rows[1:]:
            for name, value in (("id", fragment.get("id")), ("function.name", at(fragment, "function", "name"))):
                if value == "":
                    yield Problem(
                        f"chunk {event} sets {name} to the empty string, expected absent: clients that keep the last value lose it",
                        event=event,
                        pointer=pointer,
                    )


@check("tools.type-first", call_stream, unasked=unasked.asking("tools"))
def type_first(exchange: Exchange, case: Case) -> Problems:
    for rows in fragments(exchange).values():
        event, pointer, fragment = rows[0]
        if fragment.get("type") != "function":
            yield Problem(
                f"the first delta of a call has type {excerpt(fragment.get('type'))}, expected 'function'",
                event=event,
                pointer=f"{pointer}/type",
            )


@check("tools.index-sequence", call_stream, unasked=unasked.asking("tools"))
def index_sequence(exchange: Exchange, case: Case) -> Problems:
    got = [call.index for call in answer(exchange).calls]
    if got != list(range(len(got))):
        yield Problem(
            f"the calls have the indexes {got}, expected {list(range(len(got)))}", event=answer(exchange).calls[0].event
        )
