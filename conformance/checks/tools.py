"""Tool calls, in documents and streams."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from conformance.answers import Call, answer, asked, chat_chunked, chat_completion, deltas, entries, wants_stream, whole
from conformance.check import Case, Inconclusive, Problem, Problems, check, check_group, excerpt, model_decides
from conformance.checks.chunks import MARKUP
from conformance.probes.tools import NASTY, ORDER
from wire.exchange import Exchange
from wire.strict_json import at


def with_tools(exchange: Exchange) -> bool:
    return chat_completion(exchange) and bool(asked(exchange).get("tools"))


@model_decides
def calling(exchange: Exchange) -> bool:
    """An answer that calls a tool."""
    return with_tools(exchange) and bool(answer(exchange).calls)


@model_decides
def call_stream(exchange: Exchange) -> bool:
    return chat_chunked(exchange) and bool(answer(exchange).calls)


@model_decides
def complete_calls(exchange: Exchange) -> bool:
    """An answer that calls a tool and came to its end."""
    return calling(exchange) and not cut(exchange) and whole(exchange)


@model_decides
def ended(exchange: Exchange) -> bool:
    return calling(exchange) and whole(exchange)


@model_decides
def called_in_document(exchange: Exchange) -> bool:
    return calling(exchange) and not wants_stream(exchange)


def cut(exchange: Exchange) -> bool:
    return bool(answer(exchange).finish == "length")


def raw_calls(exchange: Exchange) -> Iterator[tuple[int | None, str, Any]]:
    """``(event, pointer, call or fragment)`` as they stand on the wire."""
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


@check("tools.required-calls", with_tools)
def required_calls(exchange: Exchange, case: Case) -> Problems:
    if asked(exchange).get("tool_choice") != "required" or cut(exchange):
        return
    found = answer(exchange)
    if not found.calls:
        yield Problem(
            f"tool_choice required got no call but {excerpt(found.content or '')!r}",
            pointer="/choices/0/message",
            cause="no call",
        )


@check("tools.named-calls", with_tools)
def named_calls(exchange: Exchange, case: Case) -> Problems:
    wanted = at(asked(exchange).get("tool_choice"), "function", "name")
    if wanted and not cut(exchange) and wanted not in [call.name for call in answer(exchange).calls]:
        yield Problem(
            f"tool_choice names {wanted}, but the answer calls {[call.name for call in answer(exchange).calls]}",
            cause="no call",
        )


@check("tools.none-no-calls", with_tools)
def none_no_calls(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    if found.calls:
        yield Problem(f"tool_choice none got a call of {found.calls[0].name}", event=found.calls[0].event)
    if any(mark in (found.content or "") for mark in MARKUP):
        yield Problem("tool_choice none got a call written as text", excerpt=found.content or "")


@check("tools.finish-reason", ended)
def finish_reason(exchange: Exchange, case: Case) -> Problems:
    choice = asked(exchange).get("tool_choice")
    forced = choice == "required" or isinstance(choice, dict)
    lenient = case.ask.dialect == "openai" and forced and case.policy == "interop"  # what OpenAI itself does
    allowed = ("tool_calls", "length", *(("stop",) if lenient else ()))
    found = answer(exchange)
    if found.finish not in allowed:
        yield Problem(
            f"the answer calls a tool, but finish_reason is {found.finish!r}, expected 'tool_calls'",
            pointer="/choices/0/finish_reason",
        )


@check("tools.call-shape", calling)
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
                f"{'.'.join(path)} of a call is {excerpt(at(call, *path))}, expected a text",
                event=event,
                pointer=f"{pointer}/{'/'.join(path)}",
            )


@check("tools.id-present", calling)
def id_present(exchange: Exchange, case: Case) -> Problems:
    firsts = (
        [(rows[0][0], rows[0][1], rows[0][2]) for rows in fragments(exchange).values()]
        if wants_stream(exchange)
        else raw_calls(exchange)
    )
    for event, pointer, call in firsts:
        if not isinstance(at(call, "id"), str) or not at(call, "id"):
            yield Problem(
                f"id of a call is {excerpt(at(call, 'id'))}: its result cannot be sent back",
                event=event,
                pointer=f"{pointer}/id",
            )


@check("tools.id-unique", calling)
def id_unique(exchange: Exchange, case: Case) -> Problems:
    earlier = [
        at(call, "id") for turn in asked(exchange).get("messages", ()) for call in entries(at(turn, "tool_calls"))
    ]
    seen = list(earlier)
    for call in answer(exchange).calls:
        if call.id and call.id in seen:
            yield Problem(f"two calls share the id {call.id!r}", event=call.event)
        seen.append(call.id)


@check("tools.index-in-document", called_in_document)
def index_in_document(exchange: Exchange, case: Case) -> Problems:
    for _, pointer, call in raw_calls(exchange):
        if not isinstance(at(call, "index"), int):
            yield Problem(
                f"index of a call is {excerpt(at(call, 'index'))}, expected a number", pointer=f"{pointer}/index"
            )


@check("tools.name-offered", calling)
def name_offered(exchange: Exchange, case: Case) -> Problems:
    for call in answer(exchange).calls:
        if call.name not in list(functions(exchange)):
            yield Problem(
                f"the answer calls {excerpt(call.name)}, offered were {sorted(map(str, functions(exchange)))}",
                event=call.event,
            )


@check("tools.arguments-json", complete_calls)
def arguments_json(exchange: Exchange, case: Case) -> Problems:
    for call in answer(exchange).calls:
        value, problem = loaded(call)
        if problem:
            yield Problem(problem, event=call.event, excerpt=call.arguments)
        else:
            yield from unfit(call, value, functions(exchange).get(str(call.name)))


def loaded(call: Call) -> tuple[Any, str]:
    """The arguments, or what is wrong with them."""
    try:
        value = json.loads(call.arguments)
    except ValueError as error:
        return None, f"the arguments of {call.name} are not JSON: {error}"
    return value, "" if isinstance(
        value, dict
    ) else f"the arguments of {call.name} are {excerpt(value)}, expected an object"


def unfit(call: Call, value: Any, function: dict[str, Any] | None) -> Problems:
    try:
        errors = list(Draft202012Validator(at(function, "parameters") or {}).iter_errors(value))
    except SchemaError:  # a probe offers a broken schema on purpose
        return
    for error in errors[:1]:
        yield Problem(
            f"the arguments of {call.name} do not fit its parameters: {error.message[:200]}",
            event=call.event,
            excerpt=call.arguments,
        )


@check("tools.arguments-string", calling)
def arguments_string(exchange: Exchange, case: Case) -> Problems:
    for event, pointer, call in raw_calls(exchange):
        function = at(call, "function")
        if isinstance(function, dict) and not isinstance(function.get("arguments", ""), str):
            yield Problem(
                f"arguments is {excerpt(function['arguments'])}, expected a text",
                event=event,
                pointer=f"{pointer}/function/arguments",
            )


@check_group("tools.arguments-exact", calling)
def arguments_exact(exchanges: Sequence[Exchange], case: Case) -> Problems:
    for exchange in exchanges:
        for call in answer(exchange).calls:
            if mark := next((mark for mark in MARKUP if mark in call.arguments), None):
                yield Problem(
                    f"the arguments hold {mark!r}, a token of the model's template",
                    event=call.event,
                    excerpt=call.arguments,
                    exchange=exchange,
                )
            elif exchange.probe == "tools.echo-arguments" and not cut(exchange):
                yield from echoed(exchange, call, "note", NASTY)


def echoed(exchange: Exchange, call: Call, name: str, expected: Any) -> Problems:
    value, problem = loaded(call)
    got = at(value, name)
    if problem or got != expected or type(got) is not type(expected):
        yield Problem(
            problem or f"{name} is {excerpt(got)}, the schema allows {excerpt(expected)} alone",
            event=call.event,
            excerpt=call.arguments,
            exchange=exchange,
        )


@check("transport.numbers-exact", complete_calls)
def numbers_exact(exchange: Exchange, case: Case) -> Problems:
    for call in answer(exchange).calls:
        yield from echoed(exchange, call, "order", ORDER)


@check("tools.no-markup-in-content", with_tools)
def no_markup(exchange: Exchange, case: Case) -> Problems:
    text = answer(exchange).content or ""
    for mark in MARKUP:
        if mark in text:
            yield Problem(
                f"a call is written as text: the content holds {mark!r}",
                excerpt=text,
                cause="template markup in content",
            )
            return


@check("tools.content-beside-calls", called_in_document)
def content_beside(exchange: Exchange, case: Case) -> Problems:
    content = at(exchange.json, "choices", 0, "message", "content")
    if content is not None and not isinstance(content, str):
        yield Problem(
            f"content next to a call is {excerpt(content)}, expected null or a text",
            pointer="/choices/0/message/content",
        )


@check_group("tools.parallel", with_tools)
def parallel(exchanges: Sequence[Exchange], case: Case) -> Problems:
    several = [exchange for exchange in exchanges if len(answer(exchange).calls) > 1]
    if not several:
        raise Inconclusive("the model made no two calls at once")
    for exchange in several:
        for call in answer(exchange).calls:
            if not cut(exchange) and (not call.id or not call.name or loaded(call)[1]):
                yield Problem(
                    f"one of {len(answer(exchange).calls)} calls is incomplete: {excerpt([call.id, call.name, call.arguments])}",
                    event=call.event,
                    exchange=exchange,
                )


@check("tools.parallel-off", calling)
def parallel_off(exchange: Exchange, case: Case) -> Problems:
    if len(answer(exchange).calls) > 1:
        yield Problem(f"parallel_tool_calls is false, but the answer makes {len(answer(exchange).calls)} calls")


@check("tools.strict-followed", complete_calls)
def strict_followed(exchange: Exchange, case: Case) -> Problems:
    yield from arguments_json(exchange, case)
