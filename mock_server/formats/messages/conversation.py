"""Converts messages to the body of an equivalent chat request, so that equal texts cost equal tokens."""

from collections.abc import Iterator
from typing import Any

from echosounder import specs
from echosounder.mock_server.answering import images
from echosounder.mock_server.formats.chat.parts import joined
from echosounder.mock_server.formats.rules import Body
from echosounder.specs import Limits
from echosounder.wire.strict_json import compact

CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def as_chat(body: Body, limits: Limits) -> Body:
    """The equivalent chat request."""
    made = {
        "model": body["model"],
        "messages": list(_messages(body, limits)),
        "tools": [_tool(tool) for tool in functions(body)],
        "tool_choice": _tool_choice(body),
        "thinking": body.get("thinking"),
        "reasoning_effort": effort(body),
        "max_tokens": body.get("max_tokens"),
        "stop": body.get("stop_sequences"),
        "user_id": (body.get("metadata") or {}).get("user_id"),
        "stream": body.get("stream"),
    }
    return {name: value for name, value in made.items() if value is not None and value != []}


def blocks(message: Body) -> list[Body]:
    """The blocks of a message's content; a string is one block."""
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def functions(body: Body) -> list[Body]:
    return [tool for tool in body.get("tools") or () if tool.get("type") in (None, "custom")]


def effort(body: Body) -> str | None:
    value: str | None = (body.get("output_config") or {}).get("effort")
    return value


def texts_of(content: Any) -> str:
    """Texts of a content, without its images."""
    if isinstance(content, str):
        return content
    return "".join(block["text"] for block in content or () if block["type"] == "text")


def _messages(body: Body, limits: Limits) -> Iterator[Body]:
    if body.get("system"):
        yield {"role": "system", "content": texts_of(body["system"])}
    model: str = body["model"]
    sees = specs.behaviour(limits.profile).sees(limits.aliases.get(model, model))
    for message in body["messages"]:
        yield from [_assistant(message)] if message["role"] == "assistant" else _user(message, sees)


def _assistant(message: Body) -> Body:
    made: Body = {"role": "assistant", "content": texts_of(message["content"])}
    parts = blocks(message)
    # A thinking block without its signature is ignored (ranxianglei/billion-context#147).
    thought = "".join(part["thinking"] for part in parts if part["type"] == "thinking" and part.get("signature"))
    if thought:
        made["reasoning_content"] = thought
    if calls := [_call(part) for part in parts if part["type"] == "tool_use"]:
        made["tool_calls"] = calls
    return made


def _call(part: Body) -> Body:
    return {
        "id": part["id"],
        "type": "function",
        "function": {"name": part["name"], "arguments": compact(part["input"])},
    }


def _user(message: Body, sees: bool) -> Iterator[Body]:
    """Tool results first, each as its own message, then the user's text."""
    said = []
    for part in blocks(message):
        if part["type"] == "tool_result":
            yield {
                "role": "tool",
                "tool_call_id": part["tool_use_id"],
                "content": _content(part.get("content") or "", sees),
            }
        elif part["type"] in ("text", "image"):
            said.append(part)
    if said or not message["content"]:
        yield {"role": "user", "content": _content(said, sees)}


def _content(content: Any, sees: bool) -> str | list[Body]:
    return content if isinstance(content, str) else joined([_part(part, sees) for part in content])


def _part(part: Body, sees: bool) -> Body:
    """Convert a block to a part of a chat message."""
    if part["type"] == "text":
        return {"type": "text", "text": part["text"]}
    if not sees:
        return {"type": "text", "text": images.PLACEHOLDER}
    match part["source"]:
        case {"type": "file", "file_id": id}:
            return {"type": "file", "file": {"file_id": id}}
        case {"type": "base64", "media_type": label, "data": data}:
            return {"type": "image_url", "image_url": {"url": f"data:{label};base64,{data}"}}
        case source:
            return {"type": "image_url", "image_url": {"url": source["url"]}}


def _tool(tool: Body) -> Body:
    function = {"name": tool["name"], "description": tool.get("description"), "parameters": tool["input_schema"]}
    return {"type": "function", "function": {name: value for name, value in function.items() if value is not None}}


def _tool_choice(body: Body) -> Any:
    choice = body.get("tool_choice")
    if choice is None:
        return None
    return CHOICES.get(choice["type"]) or {"type": "function", "function": {"name": choice["name"]}}
