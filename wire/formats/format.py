"""One interface to every wire format: building requests, and reading answers. Facts come from ``specs/formats``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from operator import methodcaller
from typing import Any

import msgspec

from echosounder.specs import Grammar
from echosounder.specs.grammar import Pointer
from echosounder.wire.answer import Answer, Call, Mark, of_stream, of_whole
from echosounder.wire.strict_json import at
from echosounder.wire.usage import Usage, usage

Body = dict[str, Any]


class Turn(msgspec.Struct, frozen=True):
    """One message of a conversation. ``role``: system, user, assistant or tool.

    An assistant's turn repeats a received answer: ``calls`` are its tool calls, ``reasoning`` its reasoning, for targets that require
    it. A tool's turn answers the call with the id ``call``.
    """

    role: str
    text: str
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    call: str = ""

    @property
    def plain(self) -> bool:
        """Whether it consists of role and text only."""
        return not (self.calls or self.call or self.reasoning)


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call; ``parameters`` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


class Question(msgspec.Struct, frozen=True):
    """Format-independent question. ``output`` bounds the answer, tokens; None leaves a choice to the target.

    ``suffix`` is the text after the gap that the model is to fill. A struct, not a dataclass, like its parts, because one is made per
    request while others are being measured.
    """

    turns: tuple[Turn, ...]
    output: int | None = None
    stream: bool = False
    thinking: bool | None = None
    temperature: float | None = None
    json: bool = False
    tools: tuple[Tool, ...] = ()
    user: str | None = None
    suffix: str | None = None


class Format(ABC):
    """A wire format. A subclass describes its requests, events and responses; everything else is derived from these."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar, self.name = grammar, grammar.name
        self.usage_of, self.error_of = _member(grammar.usage), _member(grammar.error)

    @property
    def path(self) -> str:
        """The API path of requests."""
        return self.grammar.paths[0]

    @abstractmethod
    def ask(self, model: str, question: Question) -> Body:
        """The body of a request. Fields without a member in the format are omitted."""

    @abstractmethod
    def mark(self, event: str, value: Any) -> Mark:
        """The mark of an event. ``event`` is its name, empty without one; ``value`` its data as JSON, of any type."""

    @abstractmethod
    def whole(self, value: Any) -> Mark:
        """The mark of a non-streaming response; ``end`` is set if it can be parsed. ``value`` is its JSON, of any type."""

    def headers(self, key: str | None) -> Mapping[str, str]:
        """The request headers of the format; those with the API key only if there is one."""
        rows = self.grammar.headers.items()
        return {name: value.replace("{key}", key or "") for name, value in rows if key or "{key}" not in value}

    def bound(self, body: Mapping[str, Any]) -> int | None:
        """The maximum number of output tokens in the request; None if it has none."""
        value = body.get(self.grammar.bound)
        return value if isinstance(value, int) else None

    def turns(self, body: Mapping[str, Any]) -> list[Any]:
        """The conversation in a request, each turn unchanged; anything but an array counts as empty."""
        messages, system = body.get("messages"), body.get("system")
        return [*([system] if system else []), *(messages if isinstance(messages, list) else ())]

    @cached_property
    def marker(self) -> bytes | None:
        """The data of the event that ends a stream, if it is not JSON; None if streams end by the name of an event."""
        data = self.grammar.end_data
        return None if data is None else data.encode()

    def ends(self, event: str) -> bool:
        """Whether an event of this name ends the stream."""
        return event in self.grammar.end_events

    def usage(self, raw: Any) -> Usage | None:
        """The counts of a usage object; None for any other type."""
        return usage(raw, self.grammar.counts)

    def added(self, before: Any, usage: Any) -> Any:
        """The usage of a stream that had *before* when *usage* arrives: the last counts, or both are parts of one."""
        parts = self.grammar.merged and isinstance(before, dict) and isinstance(usage, dict)
        return {**before, **usage} if parts else usage

    def answer(self, value: Any) -> Answer:
        """A non-streaming response as a whole answer."""
        return self._counted(of_whole(self.whole(value)))

    def joined(self, marks: Iterable[tuple[int, Mark]]) -> Answer:
        """The answer in the events of a stream, each given as ``(event index, mark)``."""
        return self._counted(of_stream(marks, self.added))

    def _counted(self, answer: Answer) -> Answer:
        return replace(answer, usage=self.usage(answer.usage_raw))

    def message(self, error: Any) -> Any:
        """The text of an error, if it has one."""
        return at(error, *self.grammar.message) or (error if isinstance(error, str) else None)


def _member(pointer: Pointer) -> Callable[[Any], Any]:
    """What stands in an object at *pointer*: most often a member of its own, which is worth a short cut while streams are read."""
    if len(pointer) == 1:
        return methodcaller("get", pointer[0])
    return lambda value: at(value, *pointer)
