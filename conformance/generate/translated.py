"""A generated chat request, translated to the items of Responses or the blocks of Messages: one generator serves all three
formats.

Members that a format has no word for (names of messages, log probabilities, stop texts in Responses) are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from echosounder.wire.formats import MESSAGES, RESPONSES
from echosounder.wire.strict_json import at

Body = dict[str, Any]
EMPTY: Body = {"type": "object", "properties": {}}
SAMPLING = ("model", "temperature", "top_p", "stream")


def as_responses(body: Body) -> Body:
    """The equivalent request in the Responses format."""
    made = {name: body.get(name) for name in (*SAMPLING, "tool_choice")} | {
        "input": [item for turn in body["messages"] for item in _items(turn)],
        RESPONSES.grammar.bound: body.get("max_tokens"),
        "tools": [{"type": "function", **each["function"]} for each in body.get("tools") or ()],
        "user": body.get("user_id"),
        "reasoning": {"effort": "high" if thinks(body) else "none"} if body.get("thinking") else None,
    }
    return _given(made)


def _items(turn: Body) -> Iterator[Body]:
    if turn["role"] == "tool":
        yield {"type": "function_call_output", "call_id": turn["tool_call_id"], "output": turn["content"]}
        return
    if thought := turn.get("reasoning_content"):
        yield {"type": "reasoning", "content": [{"type": "reasoning_text", "text": thought}], "summary": []}
    if turn.get("content") or not turn.get("tool_calls"):
        yield {"type": "message", "role": turn["role"], "content": turn["content"]}
    for call in turn.get("tool_calls") or ():
        yield {"type": "function_call", "call_id": call["id"], **call["function"]}


def as_messages(body: Body) -> Body:
    """The equivalent request in the Messages format."""
    stop = body.get("stop")
    made = {name: body.get(name) for name in (*SAMPLING, "thinking")} | {
        "system": "\n\n".join(turn["content"] for turn in body["messages"] if turn["role"] == "system"),
        "messages": list(_turns([turn for turn in body["messages"] if turn["role"] != "system"])),
        MESSAGES.grammar.bound: body.get("max_tokens"),
        "stop_sequences": [stop] if isinstance(stop, str) else stop,
        "tools": [_tool(each["function"]) for each in body.get("tools") or ()],
        "tool_choice": {"type": body["tool_choice"]} if body.get("tool_choice") else None,
        "metadata": {"user_id": body["user_id"]} if body.get("user_id") else None,
    }
    return _given(made)


def _turns(turns: list[Body]) -> Iterator[Body]:
    """Results that stand side by side are one turn of the user."""
    for results, group in groupby(turns, key=lambda turn: turn["role"] == "tool"):
        if results:
            yield {"role": "user", "content": list(map(_result, group))}
        else:
            yield from map(_turn, group)


def _result(turn: Body) -> Body:
    return {"type": "tool_result", "tool_use_id": turn["tool_call_id"], "content": turn["content"]}


def _turn(turn: Body) -> Body:
    if not turn.get("tool_calls") and not turn.get("reasoning_content"):
        return {"role": turn["role"], "content": turn["content"]}
    return {"role": "assistant", "content": list(_blocks(turn))}


def _blocks(turn: Body) -> Iterator[Body]:
    if thought := turn.get("reasoning_content"):
        yield {"type": "thinking", "thinking": thought, "signature": "echosounder"}
    if turn.get("content"):
        yield {"type": "text", "text": turn["content"]}
    for call in turn.get("tool_calls") or ():
        name, given = call["function"]["name"], json.loads(call["function"]["arguments"])
        yield {"type": "tool_use", "id": call["id"], "name": name, "input": given}


def _tool(function: Body) -> Body:
    described = {"description": function["description"]} if "description" in function else {}
    return {"name": function["name"], **described, "input_schema": function.get("parameters", EMPTY)}


def thinks(body: Body) -> bool:
    return bool(at(body, "thinking", "type") == "enabled")


def _given(made: Body) -> Body:
    """Without what the chat request does not say; null was not said either."""
    return {name: value for name, value in made.items() if value is not None and value != [] and value != ""}


TRANSLATED: dict[str, Callable[[Body], Body]] = {RESPONSES.name: as_responses, MESSAGES.name: as_messages}
"""By the format that a chat request is said in."""
