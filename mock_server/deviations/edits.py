"""Iteration over frames, shared by deviations. Edits of their content are in the formats."""

from collections.abc import Callable, Iterator
from typing import Any

from echosounder.mock_server.net.frames import Frame
from echosounder.mock_server.net.scheduler import Act

Frames = Iterator[Frame]
MS = 1_000_000
SECOND = 1_000_000_000


def edit(frames: Frames, change: Callable[[dict[str, Any]], object]) -> Frames:
    """Call *change* on the JSON of every frame, which it edits in place."""
    for frame in frames:
        if frame.json is not None:
            change(frame.json)
        yield frame


def later(frames: Frames, delay: int) -> Frames:
    """Delay all frames by *delay* nanoseconds."""
    for frame in frames:
        frame.at += delay
        yield frame


def followed(frames: Frames, raw: bytes = b"", act: Act | None = None) -> Frames:
    """Append a frame, due with the last one."""
    at = 0
    for frame in frames:
        at = frame.at
        yield frame
    yield Frame(at, raw, act=act)
