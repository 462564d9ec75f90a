"""Format-independent reading of an answer: the marks of its events, and the whole that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import msgspec

from echosounder.wire.usage import Usage


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call, or a fragment of one. ``ids`` and ``names`` are all that were sent, in order; ``event`` is the first."""

    ids: tuple[Any, ...] = ()
    names: tuple[Any, ...] = ()
    arguments: str = ""
    index: Any = None
    event: int | None = None

    @property
    def name(self) -> Any:
        return self.names[0] if self.names else None

    @property
    def id(self) -> Any:
        return self.ids[0] if self.ids else None


class Mark(msgspec.Struct, frozen=True, gc=False):
    """The content of one event of a stream, or of a whole non-streaming response; None for absent members.

    Values are as the target sent them, of any type. ``end``: this event ends the stream, or the response is complete. A struct, not a
    dataclass, because one is made per event while streams are being measured.
    """

    role: Any = None
    text: Any = None
    reasoning: Any = None
    calls: tuple[Call, ...] = ()
    finish: Any = None
    usage: Any = None
    error: Any = None
    model: Any = None
    end: bool = False

    @property
    def kind(self) -> str | None:
        """``reasoning``, ``content`` or ``tool`` for an event with output, else None; a role or an empty string is not output."""
        if self.reasoning:
            return "reasoning"
        return "content" if self.text else "tool" if self.calls else None

    @property
    def output(self) -> Any:
        """The varying part of an event with output: the text, or the arguments of the only call."""
        return self.reasoning or self.text or (self.calls[0].arguments if len(self.calls) == 1 else None)


NOTHING = Mark()
END = Mark(end=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer. Texts are joined deltas; None if there was no text member at all.

    ``usage_raw`` is the usage as it was sent, ``usage_event`` the event that contained it, None in a non-streaming response;
    ``finishes`` every finish reason.
    """

    content: str | None = None
    reasoning: str | None = None
    calls: tuple[Call, ...] = ()
    finishes: tuple[Any, ...] = ()
    usage: Usage | None = None
    usage_raw: Any = None
    usage_event: int | None = None

    @property
    def finish(self) -> Any:
        return self.finishes[0] if self.finishes else None

    @property
    def empty(self) -> bool:
        return not (self.content or self.reasoning or self.calls)


def of_whole(mark: Mark) -> Answer:
    """The answer in a non-streaming response, its usage not yet parsed."""
    return Answer(
        content=_text(mark.text),
        reasoning=_text(mark.reasoning),
        calls=mark.calls,
        finishes=() if mark.finish is None else (mark.finish,),
        usage_raw=mark.usage,
    )


def of_stream(marks: Iterable[tuple[int, Mark]], added: Callable[[Any, Any], Any]) -> Answer:
    """The answer from the ``(index, mark)`` of the events of a stream, without errors. ``added`` combines the usage so far with that of
    another event.
    """
    parts = [(event, mark) for event, mark in marks if not mark.error]
    usages = [(event, mark.usage) for event, mark in parts if isinstance(mark.usage, dict)]
    return Answer(
        content=_joined(mark.text for _, mark in parts),
        reasoning=_joined(mark.reasoning for _, mark in parts),
        calls=tuple(_calls(parts)),
        finishes=tuple(mark.finish for _, mark in parts if mark.finish is not None),
        usage_raw=reduce(added, (usage for _, usage in usages), None),
        usage_event=usages[-1][0] if usages else None,
    )


def _joined(values: Iterable[Any]) -> str | None:
    texts = [value for value in values if isinstance(value, str)]
    return "".join(texts) if texts else None


def _calls(marks: Iterable[tuple[int, Mark]]) -> Iterator[Call]:
    """Fragments belong together by their index, as every client joins them."""
    found: dict[str, Call] = {}
    for event, mark in marks:
        for part in mark.calls:
            whole = found.get(key := repr(part.index))
            found[key] = (
                replace(
                    whole,
                    ids=whole.ids + part.ids,
                    names=whole.names + part.names,
                    arguments=whole.arguments + part.arguments,
                )
                if whole
                else replace(part, event=event)
            )
    yield from found.values()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
