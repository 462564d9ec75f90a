"""What deviations have in common: walking over documents and events."""

from collections.abc import Callable, Iterator
from typing import Any

from mock_server.frames import Frame
from mock_server.render import DONE

Frames = Iterator[Frame]
MS = 1_000_000


def edit(frames: Frames, change: Callable[[dict[str, Any]], object]) -> Frames:
    """Call *change* on every document; it edits in place."""
    for frame in frames:
        if frame.json is not None:
            change(frame.json)
        yield frame


def is_done(frame: Frame) -> bool:
    return frame.raw == DONE


def choices(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The choices of a document; none for errors, lists and the like."""
    yield from document.get("choices") or ()


def messages(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The message or the delta of each choice."""
    for choice in choices(document):
        for name in ("message", "delta"):
            if isinstance(choice.get(name), dict):
                yield choice[name]


def calls(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every tool call, or part of one."""
    for message in messages(document):
        yield from message.get("tool_calls") or ()


def usages(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The usage of a document, where it is not null."""
    if isinstance(document.get("usage"), dict):
        yield document["usage"]


def finishes(document: dict[str, Any]) -> bool:
    """Whether a choice ends in this document."""
    return any(choice.get("finish_reason") for choice in choices(document))
