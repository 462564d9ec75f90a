"""Meaning of a request, independent of its format: it must be the same before and after a gateway that translates.

Read from the body alone, format by format, and lenient: what cannot be read is not there, and a check says that it was lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from echosounder.judgement.answers import asked
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at, compact, entries

Body = dict[str, Any]
Piece = tuple[str, ...]
"""``(kind, text…)``: system, user, assistant and thought with a text; call with id, name and arguments; result with id and text."""
SYSTEM = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True)
class Said:
    """``pieces`` in order; ``tools``: name, description and schema of each; ``bound`` of the output, tokens."""

    pieces: tuple[Piece, ...] = ()
    tools: tuple[Piece, ...] = ()
    bound: Any = None
    temperature: Any = None
    stream: bool = False

    def only(self, *kinds: str) -> tuple[Piece, ...]:
        return tuple(piece for piece in self.pieces if piece[0] in kinds)

    @property
    def calls(self) -> tuple[Piece, ...]:
        """Calls and results with the number of the call instead of its id, which a gateway may replace."""
        ids = list(dict.fromkeys(piece[1] for piece in self.only("call")))
        place = {id: str(number) for number, id in enumerate(ids)}
        return tuple((kind, place.get(id, "?"), *rest) for kind, id, *rest in self.only("call", "result"))


def said(exchange: Exchange) -> Said:
    """The meaning of a request in a known format; empty for any other."""
    body = asked(exchange)
    pieces, tools = READERS.get(exchange.format, (_nothing, _nothing))
    return Said(
        tuple(piece for piece in pieces(body) if piece[-1]),
        tuple(tools(body)),
        exchange.reader.bound(body),
        body.get("temperature"),
        body.get("stream") is True,
    )


def _nothing(body: Body) -> Iterator[Piece]:
    yield from ()


def text(content: Any) -> str:
    """Text of a content: a string, or its text parts, joined."""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in entries(content) if isinstance(at(part, "text"), str))


def given(arguments: Any) -> str:
    """Arguments as JSON in one spelling, from a string or from an object."""
    try:
        value = json.loads(arguments) if isinstance(arguments, str) else arguments
    except ValueError:
        return str(arguments)
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def speaker(role: Any) -> str:
    """Developer is another name for system, which some servers treat as the user's."""
    return "system" if role in SYSTEM else str(role)


def _chat(body: Body) -> Iterator[Piece]:
    for turn in entries(body.get("messages")):
        if not isinstance(turn, dict):
            continue
        if turn.get("role") == "tool":
            yield "result", str(turn.get("tool_call_id")), text(turn.get("content"))
            continue
        yield "thought", text(turn.get("reasoning_content"))
        yield speaker(turn.get("role")), text(turn.get("content"))
        for call in entries(turn.get("tool_calls")):
            function = at(call, "function")
            yield "call", str(at(call, "id")), str(at(function, "name")), given(at(function, "arguments"))


def _responses(body: Body) -> Iterator[Piece]:
    yield "system", text(body.get("instructions"))
    if isinstance(body.get("input"), str):
        yield "user", body["input"]
    for item in entries(body.get("input")):
        kind = at(item, "type") or "message"
        if kind == "message":
            yield speaker(at(item, "role")), text(at(item, "content"))
        elif kind == "reasoning":
            yield "thought", text(item.get("content"))
        elif kind == "function_call":
            yield "call", str(item.get("call_id")), str(item.get("name")), given(item.get("arguments"))
        elif kind == "function_call_output":
            yield "result", str(item.get("call_id")), text(item.get("output"))


def _messages(body: Body) -> Iterator[Piece]:
    yield "system", text(body.get("system"))
    for turn in entries(body.get("messages")):
        role, content = speaker(at(turn, "role")), at(turn, "content")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else entries(content)
        for block in blocks:
            kind = at(block, "type")
            if kind == "text":
                yield role, text([block])
            elif kind == "thinking":
                yield "thought", str(block.get("thinking"))
            elif kind == "tool_use":
                yield "call", str(block.get("id")), str(block.get("name")), given(block.get("input"))
            elif kind == "tool_result":
                yield "result", str(block.get("tool_use_id")), text(block.get("content"))


def _functions(body: Body) -> Iterator[Piece]:
    for tool in entries(body.get("tools")):
        yield _function(at(tool, "function"), "parameters")


def _items(body: Body) -> Iterator[Piece]:
    for tool in entries(body.get("tools")):
        yield _function(tool, "parameters")


def _blocks(body: Body) -> Iterator[Piece]:
    for tool in entries(body.get("tools")):
        yield _function(tool, "input_schema")


def _function(function: Any, schema: str) -> Piece:
    return str(at(function, "name")), str(at(function, "description") or ""), given(at(function, schema))


Reader = Callable[[Body], Iterator[Piece]]
READERS: dict[str, tuple[Reader, Reader]] = {
    "chat": (_chat, _functions),
    "responses": (_responses, _items),
    "messages": (_messages, _blocks),
}
"""Of each format: what is said, and the tools on offer."""


def shown(piece: Piece | None) -> str:
    return compact(list(piece)) if piece else "nothing"
