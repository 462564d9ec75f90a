"""Tool calls in answers of Responses and Messages."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, asked, whole
from echosounder.judgement.check import (
    Case,
    Inconclusive,
    Problem,
    Problems,
    excerpt,
    picks,
)
from echosounder.judgement.checks.formats import both, both_group
from echosounder.wire.answer import Call
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import parse


@picks("a call in the answer", model=True)
def calling(exchange: Exchange) -> bool:
    return whole(exchange) and bool(answer(exchange).calls)


CUT = "the answer was cut before it called"


def was_cut(exchange: Exchange) -> bool:
    return exchange.reader.grammar.meaning(answer(exchange).finish) == "bounded"


@both("tool-called", whole)
def tool_called(exchange: Exchange, case: Case) -> Problems:
    if "tool_choice" not in asked(exchange):
        raise Inconclusive("the model may refuse to call")
    if was_cut(exchange):
        raise Inconclusive(CUT)
    if not answer(exchange).calls:
        yield Problem("the answer has no call, expected one: tool_choice requires it", cause="no call")


def offered(exchange: Exchange) -> set[str]:
    tools = asked(exchange).get("tools")
    return {tool["name"] for tool in tools if isinstance(tool, dict) and "name" in tool} if tools else set()


@both("tool-name", calling, unasked=unasked.of)
def tool_name(exchange: Exchange, case: Case) -> Problems:
    for call in answer(exchange).calls:
        if not isinstance(call.name, str) or call.name not in offered(exchange):
            yield Problem(f"the call names {excerpt(call.name)}, expected one of the offered tools", event=call.event)


@both("tool-arguments", calling, unasked=unasked.of)
def tool_arguments(exchange: Exchange, case: Case) -> Problems:
    if was_cut(exchange):
        raise Inconclusive(CUT)
    for call in answer(exchange).calls:
        if wrong := unreadable(call):
            yield Problem(
                f"the arguments of {excerpt(call.name)} are {wrong}", event=call.event, excerpt=call.arguments
            )


def unreadable(call: Call) -> str:
    """Why the arguments are not a JSON object; empty if they are."""
    try:
        parsed = parse(call.arguments)
    except ValueError as error:
        return f"not JSON: {error}"
    if parsed.problems:
        return ", ".join(parsed.problems)
    return "" if isinstance(parsed.value, dict) else f"{excerpt(parsed.value)}, not an object"


@both("tool-id", calling, unasked=unasked.of)
def tool_id(exchange: Exchange, case: Case) -> Problems:
    for call in answer(exchange).calls:
        if not isinstance(call.id, str) or not call.id:
            yield Problem(f"the id of a call is {excerpt(call.id)}, expected a non-empty string", event=call.event)


@both_group("tool-id-unique", calling)
def tool_id_unique(exchanges: Sequence[Exchange], case: Case) -> Problems:
    seen: set[str] = set()
    ids = [(each, call) for each in exchanges for call in answer(each).calls if isinstance(call.id, str)]
    if len(ids) < 2:
        raise Inconclusive("there are no two calls with an id")
    for exchange, call in ids:
        if repr(call.id) in seen:
            yield Problem(f"two calls share the id {excerpt(call.id)}", event=call.event, exchange=exchange)
        seen.add(repr(call.id))


@both("tool-finish", calling, unasked=unasked.of)
def tool_finish(exchange: Exchange, case: Case) -> Problems:
    finish = answer(exchange).finish
    if exchange.reader.grammar.meaning(finish) not in {"called", "bounded"}:
        yield Problem(f"the answer calls a tool, but its finish reason is {excerpt(finish)}")


@both("tool-named", lambda exchange: exchange.step == "named" and whole(exchange))
def tool_named(exchange: Exchange, case: Case) -> Problems:
    names = [call.name for call in answer(exchange).calls]
    if not names and was_cut(exchange):
        raise Inconclusive(CUT)
    if not names or set(map(repr, names)) != {repr(asked(exchange)["tool_choice"].get("name"))}:
        yield Problem(f"the answer calls {names or 'nothing'}, expected only get_time, which tool_choice names")


@both("tool-none", lambda exchange: exchange.step == "none" and whole(exchange))
def tool_none(exchange: Exchange, case: Case) -> Problems:
    for call in answer(exchange).calls:
        yield Problem(f"the answer calls {excerpt(call.name)}, expected no call: tool_choice is none", event=call.event)


# --------------------------------------------------------------------------------------------------------- thinking
