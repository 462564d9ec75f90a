"""The Messages format: a message with blocks of content, or named events that build them one after the other."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from echosounder.wire.answer import END, NOTHING, Call, Mark
from echosounder.wire.formats.format import Body, Format, Question, Turn
from echosounder.wire.formats.responses import kind_of
from echosounder.wire.strict_json import at, compact, entries
from echosounder.wire.usage import Usage


class Messages(Format):
    def ask(self, model: str, question: Question) -> Body:
        return dict(self._members(model, question))

    def _members(self, model: str, question: Question) -> Iterator[tuple[str, Any]]:
        yield "model", model
        if system := [turn.text for turn in question.turns if turn.role == "system"]:
            yield "system", "\n\n".join(system)
        yield "messages", list(_messages(turn for turn in question.turns if turn.role != "system"))
        if question.tools:
            yield (
                "tools",
                [
                    {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
                    for tool in question.tools
                ],
            )
        if question.output is not None:
            yield self.grammar.bound, question.output
        if question.temperature is not None:
            yield "temperature", question.temperature
        if question.stream:
            yield "stream", True
        if question.thinking is not None:
            yield "thinking", {"type": "enabled" if question.thinking else "disabled"}
        if question.user is not None:
            yield "metadata", {"user_id": question.user}

    def mark(self, event: str, value: Any) -> Mark:
        """By the type in the data, which the event name only repeats: a client may use either."""
        if not isinstance(value, dict):
            return NOTHING
        kind = kind_of(value) or event
        if kind == "content_block_delta":
            return _delta(value.get("delta"), value.get("index"))
        if kind == "content_block_start":
            return _started(value.get("content_block"), value.get("index"))
        if kind == "message_start":
            message = value.get("message")
            return _begun(message) if isinstance(message, dict) else NOTHING
        if kind == "message_delta":
            return Mark(finish=at(value, "delta", "stop_reason"), usage=self.usage_of(value))
        if self.ends(kind):
            return END
        return Mark(error=self.error_of(value) or (value if kind == "error" else None))

    def whole(self, value: Any) -> Mark:
        if not isinstance(value, dict):
            return NOTHING
        content = value.get("content")
        blocks = [block for block in entries(content) if isinstance(block, dict)]
        return Mark(
            role=value.get("role"),
            text=_joined(blocks, "text", "text"),
            reasoning=_joined(blocks, "thinking", "thinking"),
            calls=tuple(
                _called(block, place, compact(block.get("input")))
                for place, block in enumerate(blocks)
                if block.get("type") == "tool_use"
            ),
            finish=value.get("stop_reason"),
            usage=self.usage_of(value),
            error=self.error_of(value),
            model=value.get("model"),
            end=isinstance(content, list),
        )

    def usage(self, raw: Any) -> Usage | None:
        """The prompt is the sum of the tokens that hit the cache and those that missed it, whether or not they were written to it: no
        member counts all.
        """
        counts = super().usage(raw)
        if counts is None or counts.miss is None:
            return counts
        written = raw.get("cache_creation_input_tokens")
        miss = counts.miss + (written if type(written) is int else 0)
        return replace(counts, miss=miss, prompt=miss + (counts.hit or 0))


def _messages(turns: Iterable[Turn]) -> Iterator[Body]:
    """Results of tools that follow one another are one message: all of them have to be in the one after their calls."""
    for results, group in groupby(turns, key=lambda turn: bool(turn.call)):
        if results:
            blocks = [{"type": "tool_result", "tool_use_id": turn.call, "content": turn.text} for turn in group]
            yield {"role": "user", "content": blocks}
        else:
            yield from ({"role": turn.role, "content": _blocks(turn) if turn.calls else turn.text} for turn in group)


def _blocks(turn: Turn) -> list[Body]:
    said = [{"type": "text", "text": turn.text}] if turn.text else []
    return [*said, *map(_use, turn.calls)]


def _use(call: Call) -> Body:
    try:
        given = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        given = None
    return {
        "type": "tool_use",
        "id": call.id,
        "name": call.name,
        "input": given if isinstance(given, dict) else {},
    }


def _begun(message: dict[str, Any]) -> Mark:
    return Mark(role=message.get("role"), usage=message.get("usage"), model=message.get("model"))


def _delta(delta: Any, index: Any) -> Mark:
    kind = kind_of(delta)
    if kind == "text_delta":
        return Mark(text=delta.get("text"))
    if kind == "thinking_delta":
        return Mark(reasoning=delta.get("thinking"))
    if kind == "input_json_delta":
        part = delta.get("partial_json")
        return Mark(calls=(Call(arguments=part if isinstance(part, str) else "", index=index),))
    return NOTHING


def _started(block: Any, index: Any) -> Mark:
    """A block begins empty, but a text that stands there already is part of it."""
    if not isinstance(block, dict):
        return NOTHING
    if block.get("type") == "tool_use":
        return Mark(calls=(_called(block, index, ""),))
    return Mark(text=block.get("text"), reasoning=block.get("thinking"))


def _joined(blocks: list[dict[str, Any]], kind: str, member: str) -> str | None:
    """The texts of the blocks of one type; None where there is no such block."""
    texts = [block[member] for block in blocks if block.get("type") == kind and isinstance(block.get(member), str)]
    return "".join(texts) if texts else None


def _called(block: dict[str, Any], index: Any, given: str) -> Call:
    return Call(
        ids=(block["id"],) if "id" in block else (),
        names=(block["name"],) if "name" in block else (),
        arguments=given,
        index=index,
    )
