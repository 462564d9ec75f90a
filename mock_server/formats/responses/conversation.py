"""Converts input items to the body of an equivalent chat request, so that equal texts cost equal tokens.

"Merged into the adjacent assistant message" (guides/responses_api) is taken literally: adjacent items of an assistant
turn become one message, and an output between two calls separates them into two turns.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from echosounder import specs
from echosounder.mock_server.answering import images
from echosounder.mock_server.formats.chat.parts import joined
from echosounder.mock_server.formats.responses.shapes import kind_of
from echosounder.mock_server.formats.rules import Body
from echosounder.specs import Limits

CALLS = ("function_call", "custom_tool_call")
OUTPUTS = ("function_call_output", "custom_tool_call_output")


def as_chat(body: Body, limits: Limits) -> Body:
    """The equivalent chat request."""
    wanted = _format(body).get("type")
    made = {
        "model": body["model"],
        "messages": list(_messages(body, limits)),
        "tools": [_tool(tool) for tool in functions(body)],
        "tool_choice": _tool_choice(body),
        "response_format": {"type": wanted} if wanted == "json_object" else None,
        "reasoning_effort": effort(body),
        "max_tokens": body.get("max_output_tokens"),
        "user_id": body.get("user"),
        "stream": body.get("stream"),
        "logprobs": bool(body.get("top_logprobs")) or None,
        "top_logprobs": body.get("top_logprobs"),
    }
    return {name: value for name, value in made.items() if value is not None and value != []}


def items(body: Body) -> Iterator[tuple[str, Body]]:
    """Kind and item of every item that is not ignored; a string is one user message."""
    given = body.get("input")
    if isinstance(given, str):
        yield "message", {"role": "user", "content": given}
        return
    for item in given or ():
        if kind := kind_of(item):
            yield kind, item


def functions(body: Body) -> list[Body]:
    return [tool for tool in body.get("tools") or () if tool["type"] == "function"]


def effort(body: Body) -> str | None:
    value: str | None = (body.get("reasoning") or {}).get("effort")
    return value


def schema(body: Body) -> Any:
    """The JSON Schema of the requested answer; None if there is none."""
    return _format(body).get("schema") if _format(body).get("type") == "json_schema" else None


def images_of(parts: Any) -> Iterator[Body]:
    """The image parts of a content."""
    yield from (part for part in parts if part["type"] == "input_image") if isinstance(parts, list) else ()


def texts_of(content: Any) -> str:
    """Texts of a content, without its images."""
    return content if isinstance(content, str) else "".join(part.get("text") or "" for part in content)


# --- messages


def _messages(body: Body, limits: Limits) -> Iterator[Body]:
    if body.get("instructions") is not None:
        yield {"role": "system", "content": body["instructions"]}
    sees = _sees(limits, body["model"])
    turn: list[tuple[str, Body]] = []
    for kind, item in items(body):
        if kind in ("reasoning", *CALLS) or (kind == "message" and item["role"] == "assistant"):
            if kind == "reasoning" and any(each != "reasoning" for each, _ in turn):
                yield from _turn(turn)
                turn = []
            turn.append((kind, item))
            continue
        yield from _turn(turn)
        turn = []
        yield _other(kind, item, sees)
    yield from _turn(turn)


def _turn(turn: Iterable[tuple[str, Body]]) -> Iterator[Body]:
    """One assistant message, made of adjacent items."""
    parts = list(turn)
    if not parts:
        return
    message: Body = {"role": "assistant", "content": ""}
    for kind, item in parts:
        if kind == "message":
            message["content"] += texts_of(item["content"])
        elif kind == "reasoning":
            said = "".join(part["text"] for part in item.get("content") or ())
            message["reasoning_content"] = message.get("reasoning_content", "") + said
        else:
            message.setdefault("tool_calls", []).append(_call(item))
    if not message.get("reasoning_content"):
        message.pop("reasoning_content", None)
    yield message


def _call(item: Body) -> Body:
    function = {"name": item["name"], "arguments": item.get("arguments", item.get("input"))}
    return {"id": item["call_id"], "type": "function", "function": function}


def _other(kind: str, item: Body, sees: bool) -> Body:
    if kind in OUTPUTS:
        return {"role": "tool", "tool_call_id": item["call_id"], "content": _content(item["output"], sees)}
    return {"role": "system" if item["role"] == "system" else "user", "content": _content(item["content"], sees)}


def _content(content: Any, sees: bool) -> str | list[Body]:
    return content if isinstance(content, str) else joined([_part(part, sees) for part in content])


def _part(part: Body, sees: bool) -> Body:
    """Convert a part to a part of a chat message."""
    if part["type"] != "input_image":
        return {"type": "text", "text": part["text"]}
    if not sees:
        return {"type": "text", "text": images.PLACEHOLDER}
    if part.get("file_id"):
        return {"type": "file", "file": {"file_id": part["file_id"]}}
    return {"type": "image_url", "image_url": {"url": part.get("image_url") or "", "detail": part.get("detail")}}


def _sees(limits: Limits, model: str) -> bool:
    return specs.behaviour(limits.profile).sees(limits.aliases.get(model, model))


# --- the rest


def _format(body: Body) -> Body:
    return (body.get("text") or {}).get("format") or {}


def _tool(tool: Body) -> Body:
    function = {name: tool[name] for name in ("name", "description", "parameters") if tool.get(name) is not None}
    return {"type": "function", "function": function}


def _tool_choice(body: Body) -> Any:
    choice = body.get("tool_choice")
    if not isinstance(choice, dict):
        return choice
    return {"type": "function", "function": {"name": choice["name"]}} if choice["type"] == "function" else None
