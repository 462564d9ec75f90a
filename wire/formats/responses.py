"""The Responses format: a response with items of output, or named events that build them one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from echosounder.wire.answer import NOTHING, Call, Mark
from echosounder.wire.formats.format import Body, Format, Question, Turn
from echosounder.wire.strict_json import at, entries

CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
"""Items that call a tool, and the member that holds what it is called with."""
WHOLE = ("response.created", "response.in_progress", "response.queued")
"""Events that show the response before it is complete."""


class Responses(Format):
    def ask(self, model: str, question: Question) -> Body:
        return dict(self._members(model, question))

    def _members(self, model: str, question: Question) -> Iterator[tuple[str, Any]]:
        yield "model", model
        yield "input", [item for turn in question.turns for item in _items(turn)]
        if question.json:
            yield "text", {"format": {"type": "json_object"}}
        if question.tools:
            yield (
                "tools",
                [
                    {
                        "type": "function",
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters,
                    }
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
            yield "reasoning", {"effort": "high" if question.thinking else "none"}

    def turns(self, body: Mapping[str, Any]) -> list[Any]:
        first, given = body.get("instructions"), body.get("input")
        return [*([first] if first else []), *(given if isinstance(given, list) else [given] if given else [])]

    def mark(self, event: str, value: Any) -> Mark:
        """By the type in the data, which the event name only repeats: a client may use either."""
        if not isinstance(value, dict):
            return NOTHING
        kind = kind_of(value) or event
        if kind in _EVENTS:
            return _EVENTS[kind](value)
        if self.ends(kind):
            return self._ended(value.get("response"))
        return Mark(error=self.error_of(value) or (value if kind == "error" else None))

    def _ended(self, response: Any) -> Mark:
        if not isinstance(response, dict):
            return Mark(end=True)
        return Mark(
            finish=_finish(response),
            usage=self.usage_of(response),
            error=self.error_of(response),
            model=response.get("model"),
            end=True,
        )

    def whole(self, value: Any) -> Mark:
        if not isinstance(value, dict):
            return NOTHING
        items = [item for item in entries(value.get("output")) if isinstance(item, dict)]
        calls = tuple(
            _called(item, place, item.get(CALLS[item["type"]]))
            for place, item in enumerate(items)
            if kind_of(item) in CALLS
        )
        return Mark(
            role=next((item["role"] for item in items if "role" in item), None),
            text=_joined(items, "message", "output_text"),
            reasoning=_joined(items, "reasoning", "reasoning_text"),
            calls=calls,
            finish=_finish(value),
            usage=self.usage_of(value),
            error=self.error_of(value),
            model=value.get("model"),
            end=isinstance(value.get("output"), list),
        )


def _items(turn: Turn) -> list[Body]:
    """The items of a turn: a call, and the output of one, stand beside the messages."""
    if turn.call:
        return [{"type": "function_call_output", "call_id": turn.call, "output": turn.text}]
    calls: list[Body] = [
        {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments}
        for call in turn.calls
    ]
    return calls if calls and not turn.text else [{"type": "message", "role": turn.role, "content": turn.text}, *calls]


def kind_of(value: Any) -> str:
    """The type of an event, an item or a part; empty if it is missing or not a string."""
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else ""


def _finish(response: dict[str, Any]) -> Any:
    """Why the response is incomplete, ``function_call`` where it ends with a call, else its status."""
    if response.get("incomplete_details") and (reason := at(response, "incomplete_details", "reason")):
        return reason
    status, output = response.get("status"), entries(response.get("output"))
    return "function_call" if output and status == "completed" and kind_of(output[-1]) in CALLS else status


def _joined(items: list[dict[str, Any]], kind: str, part: str) -> str | None:
    """The texts of the parts of one type in the items of one type; None where there is no such part."""
    parts = (each for item in items if item.get("type") == kind for each in entries(item.get("content")))
    texts = [each["text"] for each in parts if at(each, "type") == part and isinstance(each.get("text"), str)]
    return "".join(texts) if texts else None


def _called(item: Any, index: Any, given: Any) -> Call:
    return Call(
        ids=(item["call_id"],) if "call_id" in item else (),
        names=(item["name"],) if "name" in item else (),
        arguments=given if isinstance(given, str) else "",
        index=index,
    )


def _text(value: dict[str, Any]) -> Mark:
    return Mark(text=value.get("delta"))


def _thought(value: dict[str, Any]) -> Mark:
    return Mark(reasoning=value.get("delta"))


def _part(value: dict[str, Any]) -> Mark:
    delta = value.get("delta")
    part = Call(arguments=delta if isinstance(delta, str) else "", index=value.get("output_index"))
    return Mark(calls=(part,))


def _added(value: dict[str, Any]) -> Mark:
    item = value.get("item")
    called = kind_of(item) in CALLS
    return Mark(role=at(item, "role"), calls=(_called(item, value.get("output_index"), ""),) if called else ())


def _shown(value: dict[str, Any]) -> Mark:
    return Mark(model=at(value, "response", "model"))


_EVENTS: Mapping[str, Callable[[dict[str, Any]], Mark]] = {
    "response.output_text.delta": _text,
    "response.reasoning_text.delta": _thought,
    "response.function_call_arguments.delta": _part,
    "response.custom_tool_call_input.delta": _part,
    "response.output_item.added": _added,
    **dict.fromkeys(WHOLE, _shown),
}
