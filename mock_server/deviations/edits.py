"""What deviations have in common: walking over documents and events."""

from collections.abc import Callable, Iterator
from typing import Any

from echosounder.mock_server.net.frames import Frame
from echosounder.mock_server.net.scheduler import Act
from echosounder.wire import sse

Frames = Iterator[Frame]
Place = tuple[dict[str, Any], str]  # a member: where it stands, and its name
MS = 1_000_000
SECOND = 1_000_000_000
DONE = sse.encode(sse.Event("[DONE]"))


def edit(frames: Frames, change: Callable[[dict[str, Any]], object]) -> Frames:
    """Call *change* on every document; it edits in place."""
    for frame in frames:
        if frame.json is not None:
            change(frame.json)
        yield frame


def is_done(frame: Frame) -> bool:
    return payload(frame.raw) == b"[DONE]"


def payload(raw: bytes) -> bytes | None:
    """What an event says after ``data:``; None for comments, documents and the like."""
    return raw[len(b"data:") :].strip() if raw.startswith(b"data:") else None


def later(frames: Frames, delay: int) -> Frames:
    """Everything, *delay* nanoseconds later."""
    for frame in frames:
        frame.at += delay
        yield frame


def followed(frames: Frames, raw: bytes = b"", act: Act | None = None) -> Frames:
    """And one frame more, due with the last."""
    at = 0
    for frame in frames:
        at = frame.at
        yield frame
    yield Frame(at, raw, act=act)


def choices(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The choices of a document; none for errors, lists and the like."""
    yield from document.get("choices") or ()


def messages(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The message or the delta of each choice."""
    for choice in choices(document):
        for name in ("message", "delta"):
            if isinstance(choice.get(name), dict):
                yield choice[name]


def texts(document: dict[str, Any]) -> Iterator[Place]:
    """The members that hold the answer's text: ``content`` on chat, ``text`` on FIM."""
    yield from _strings(messages(document), "content")
    yield from _strings(choices(document), "text")


def thoughts(document: dict[str, Any]) -> Iterator[Place]:
    """The members that hold the chain of thought."""
    yield from _strings(messages(document), "reasoning_content")


def _strings(holders: Iterator[dict[str, Any]], name: str) -> Iterator[Place]:
    yield from ((holder, name) for holder in holders if isinstance(holder.get(name), str))


def calls(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every tool call, or part of one."""
    for message in messages(document):
        yield from message.get("tool_calls") or ()


def speaks(document: dict[str, Any]) -> bool:
    """Whether there is a piece of the answer in this document, or of the thought before it."""
    return any(holder[name] for holder, name in (*texts(document), *thoughts(document))) or any(calls(document))


def usages(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The usage of a document, where it is not null."""
    if isinstance(document.get("usage"), dict):
        yield document["usage"]


def finishes(document: dict[str, Any]) -> bool:
    """Whether a choice ends in this document."""
    return any(choice.get("finish_reason") for choice in choices(document))
