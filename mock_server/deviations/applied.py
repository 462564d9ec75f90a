"""Runs a deviation over frames, detects whether it changed anything, and passes the original bytes on if it fails.

A deviation may fail on an unforeseen answer of an upstream. That must not affect the client: the frames that it held
are passed on unchanged, and so is the rest.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from echosounder.mock_server.deviations.registry import Context
from echosounder.mock_server.deviations.selection import Selection
from echosounder.mock_server.net.frames import Frame, Reply
from echosounder.wire.strict_json import compact

Frames = Iterator[Frame]


@dataclass(slots=True)
class One:
    """A deviation applied to one request. ``failed`` is the reason why it had no effect."""

    selection: Selection
    context: Context
    applied: bool = False
    failed: str | None = None

    def run(self, subject: Any) -> Any:
        return self.selection.deviation.apply(subject, self.context, **self.selection.arguments)

    def mark(self) -> None:
        if not self.applied and not self.failed:
            self.applied = True
            self.selection.applied += 1

    def fail(self, error: Exception) -> None:
        self.failed = f"{type(error).__name__}: {error}"[:200]

    def record(self) -> dict[str, Any]:
        """Journal entry: the armed deviations, whether they changed anything, and why they failed."""
        made = {"name": self.selection.deviation.name, "text": self.selection.text, "applied": self.applied}
        return made | ({"reason": self.failed} if self.failed else {})


@dataclass(slots=True)
class _Source:
    """The input frames of a deviation: their fingerprint, and those consumed since its last output."""

    frames: Frames
    hash: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=16))
    held: list[tuple[Frame, str | None]] = field(default_factory=list)

    def __iter__(self) -> Frames:
        for frame in self.frames:
            text = _text(frame)
            self.held.append((replace(frame), text))
            self.hash.update(_trace(frame, text))
            yield frame

    def rest(self) -> Frames:
        """The unchanged rest of the response, after the deviation has failed."""
        for frame, text in self.held:
            yield replace(frame, json=None if text is None else json.loads(text))
        yield from self.frames


def metered(one: One, run: Callable[[Frames], Frames], frames: Frames) -> Frames:
    """Yield the output of *run* on *frames*, and record whether it differs from the input."""
    source = _Source(frames)
    coming = iter(source)
    yield from _watched(one, source, lambda: run(coming))
    if next(coming, None) is not None:
        one.mark()


def _watched(one: One, source: _Source, run: Callable[[], Frames]) -> Frames:
    after = hashlib.blake2b(digest_size=16)
    try:
        for frame in run():
            source.held.clear()
            after.update(_trace(frame, _text(frame)))
            yield frame
    except Exception as error:
        one.fail(error)
        yield from source.rest()
    if source.hash.digest() != after.digest():
        one.mark()


def metered_reply(one: One, reply: Reply) -> Reply:
    """Like :func:`metered`, for a whole reply, head and body."""
    source, before = _Source(reply.frames), replace(reply, headers=list(reply.headers))
    reply.frames = iter(source)
    try:
        made: Reply = one.run(reply)
    except Exception as error:
        one.fail(error)
        return replace(before, frames=source.rest())
    if _head(made) != _head(before):
        one.mark()
    frames = made.frames
    made.frames = _watched(one, source, lambda: frames)
    return made


def _head(of: Reply) -> Any:
    return of.status, of.reason, list(of.headers), of.framing, of.head_at


def _text(frame: Frame) -> str | None:
    return None if frame.json is None else compact(frame.json)


def _trace(frame: Frame, text: str | None) -> bytes:
    return repr((frame.at, frame.raw, text, frame.act)).encode("utf-8", "surrogatepass")
