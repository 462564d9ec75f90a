"""The arguments of tool calls: text that holds JSON, fits the function, and loses nothing on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from echosounder.judgement import unasked
from echosounder.judgement.agreed import NASTY, ORDER
from echosounder.judgement.answers import answer
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, check_group, excerpt, literal
from echosounder.judgement.checks.chunks import MARKUP
from echosounder.judgement.checks.tool_calls import calling, complete_calls, functions, raw_calls
from echosounder.wire.answer import Call
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at, parse


@check("tools.arguments-json", complete_calls, unasked=unasked.asking("tools"))
def arguments_json(exchange: Exchange, case: Case) -> Problems:
    for call in answer(exchange).calls:
        value, problem = loaded(call)
        if problem:
            yield Problem(problem, event=call.event, excerpt=call.arguments)
        else:
            yield from unfit(call, value, functions(exchange).get(str(call.name)))


def loaded(call: Call) -> tuple[Any, str]:
    """The arguments, or a description of their fault."""
    try:
        value = parse(call.arguments).value
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


@check("tools.arguments-string", calling, unasked=unasked.asking("tools"))
def arguments_string(exchange: Exchange, case: Case) -> Problems:
    for event, pointer, call in raw_calls(exchange):
        function = at(call, "function")
        if isinstance(function, dict) and not isinstance(function.get("arguments", ""), str):
            yield Problem(
                f"arguments is {excerpt(function['arguments'])}, expected a string",
                event=event,
                pointer=f"{pointer}/function/arguments",
            )


@check_group("tools.arguments-exact", complete_calls)
def arguments_exact(exchanges: Sequence[Exchange], case: Case) -> Problems:
    for exchange in exchanges:
        for call in answer(exchange).calls:
            if mark := next((mark for mark in MARKUP if mark in call.arguments), None):
                yield Problem(
                    f"the arguments contain {mark!r}, a token of the model's chat template",
                    event=call.event,
                    excerpt=call.arguments,
                    exchange=exchange,
                )
            elif exchange.probe == "tools.echo-arguments":
                yield from echoed(exchange, call, "note", NASTY)


def echoed(exchange: Exchange, call: Call, name: str, expected: Any) -> Problems:
    value, problem = loaded(call)
    got = at(value, name)
    if problem or got != expected or type(got) is not type(expected):
        yield Problem(
            problem or f"{name} is {literal(got)}, expected {literal(expected)}, the only value that the schema allows",
            event=call.event,
            excerpt=call.arguments,
            exchange=exchange,
        )


@check("tools.arguments-typed", complete_calls)
def arguments_typed(exchange: Exchange, case: Case) -> Problems:
    """For each member that an ``enum`` of one value dictates: another value is the model's choice, the same value in another type is
    not.
    """
    for call in answer(exchange).calls:
        value, _ = loaded(call)
        for name, schema in (at(functions(exchange).get(str(call.name)), "parameters", "properties") or {}).items():
            allowed, got = at(schema, "enum"), at(value, name)
            alike = isinstance(allowed, list) and str(got).lower() == str(allowed[0]).lower()
            if alike and len(allowed) == 1 and type(got) is not type(allowed[0]):
                yield Problem(
                    f"{name} is {excerpt(got)} of type {type(got).__name__}, expected "
                    f"{excerpt(allowed[0])}, the only value that the schema allows",
                    event=call.event,
                    excerpt=call.arguments,
                )


@check("transport.numbers-exact", complete_calls)
def numbers_exact(exchange: Exchange, case: Case) -> Problems:
    """Another number is the model's choice; the nearest float, or the number as a string, is not."""
    for call in answer(exchange).calls:
        value, problem = loaded(call)
        got = at(value, "order")
        if problem or (
            got != ORDER and str(got) not in {str(form) for form in (ORDER, int(float(ORDER)), float(ORDER))}
        ):
            raise Inconclusive(problem or f"the model wrote {excerpt(got)} for {ORDER}")
        yield from echoed(exchange, call, "order", ORDER)


@check("tools.strict-followed", complete_calls)
def strict_followed(exchange: Exchange, case: Case) -> Problems:
    yield from arguments_json(exchange, case)
