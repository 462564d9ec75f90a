"""Tolerant reading of a request: members of the wrong type count as absent."""

from collections.abc import Iterator
from typing import Any

from echosounder.wire.strict_json import at

Body = dict[str, Any]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in an array."""
    yield from (each for each in value if isinstance(each, dict)) if isinstance(value, list) else ()


def turns(body: Body, *roles: str) -> Iterator[dict[str, Any]]:
    """The messages of a request, or those of the given roles."""
    yield from (each for each in objects(body.get("messages")) if not roles or each.get("role") in roles)


def calls_of(turn: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The tool calls in a message."""
    yield from objects(turn.get("tool_calls"))


def functions(body: Body) -> Iterator[dict[str, Any]]:
    """The functions offered in a request."""
    yield from objects([each.get("function") for each in objects(body.get("tools"))])


def wants_json(body: Body) -> bool:
    return bool(at(body, "response_format", "type") == "json_object")


def wants_usage(body: Body) -> bool:
    """Whether the client requests the usage of its stream."""
    return bool(at(body, "stream_options", "include_usage"))


def whole_number(body: Body, name: str) -> int | None:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
