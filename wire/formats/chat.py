"""Chat completions: choices with a message, or with deltas of one in the chunks of a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from echosounder.wire.answer import NOTHING, Call, Mark
from echosounder.wire.formats.format import Body, Format, Question, Turn
from echosounder.wire.strict_json import at, entries


class Chat(Format):
    def ask(self, model: str, question: Question) -> Body:
        return dict(self._members(model, question))

    def _members(self, model: str, question: Question) -> Iterator[tuple[str, Any]]:
        yield "model", model
        yield "messages", list(map(_message, question.turns))
        if question.json:
            yield "response_format", {"type": "json_object"}
        if question.tools:
            functions = (
                {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
                for tool in question.tools
            )
            yield "tools", [{"type": "function", "function": function} for function in functions]
        yield from common(self.grammar.bound, question)
        if question.thinking is not None:
            yield "thinking", {"type": "enabled" if question.thinking else "disabled"}
        if question.user is not None:
            yield "user_id", question.user

    def bound(self, body: Mapping[str, Any]) -> int | None:
        """The output limit, under either name: some models of OpenAI know only the newer one."""
        value = body.get("max_completion_tokens")
        return super().bound(body) or (value if isinstance(value, int) else None)

    def mark(self, event: str, value: Any) -> Mark:
        if not isinstance(value, dict):
            return NOTHING
        choice = first(value.get("choices"))
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            delta = {}
        calls = delta.get("tool_calls")
        return Mark(
            delta.get("role"),
            delta.get("content"),
            delta.get("reasoning_content"),
            tuple(_call(each) for each in entries(calls) if isinstance(each, dict)) if calls else (),
            choice.get("finish_reason"),
            self.usage_of(value),
            self.error_of(value),
            value.get("model"),
        )

    def whole(self, value: Any) -> Mark:
        if not isinstance(value, dict):
            return NOTHING
        choice = first(value.get("choices"))
        message = choice.get("message")
        return Mark(
            role=at(message, "role"),
            text=at(message, "content"),
            reasoning=at(message, "reasoning_content"),
            calls=tuple(map(_call, entries(at(message, "tool_calls")))),
            finish=choice.get("finish_reason"),
            usage=self.usage_of(value),
            error=self.error_of(value),
            model=value.get("model"),
            end=bool(value.get("choices")),
        )


def _message(turn: Turn) -> Body:
    made: Body = {"role": turn.role, "content": turn.text}
    if turn.plain:
        return made
    if turn.call:
        return {**made, "tool_call_id": turn.call}
    if turn.reasoning:
        made["reasoning_content"] = turn.reasoning
    if turn.calls:
        made["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in turn.calls
        ]
    return made


def common(bound: str, question: Question) -> Iterator[tuple[str, Any]]:
    """The members that a chat and a FIM request have in common."""
    if question.output is not None:
        yield bound, question.output
    if question.temperature is not None:
        yield "temperature", question.temperature
    if question.stream:
        yield from (("stream", True), ("stream_options", {"include_usage": True}))


def first(choices: Any) -> dict[str, Any]:
    """The first choice; empty if there is none."""
    return choices[0] if choices and isinstance(choices, list) and isinstance(choices[0], dict) else {}


def _call(call: Any) -> Call:
    """A call, or a fragment of one. One that is not an object has no id, no name and no arguments, but is there."""
    function = at(call, "function")
    named = isinstance(function, dict) and "name" in function
    arguments = at(function, "arguments")
    return Call(
        ids=(call["id"],) if isinstance(call, dict) and "id" in call else (),
        names=(at(function, "name"),) if named else (),
        arguments=arguments if isinstance(arguments, str) else "",
        index=at(call, "index"),
    )
