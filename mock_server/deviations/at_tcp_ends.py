"""Connections that end before the answer is complete, or right after it."""

from enum import StrEnum

from echosounder.mock_server.deviations.edits import Frames, followed
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.formats import Edits
from echosounder.mock_server.net.frames import Frame, document
from echosounder.mock_server.net.scheduler import Act


class CutBy(StrEnum):
    """Ways for a connection to end."""

    CLOSE = "close"
    RESET = "reset"
    HALF_CLOSE = "half-close"


class CutAt(StrEnum):
    """Positions at which a stream can be cut."""

    COUNT = "count"  # after ``after`` events
    ROLE = "role"  # after the first chunk
    FINISH = "finish"  # after the chunk that ends the choice


@deviation("stream-cut", Layer.TCP, {"stream.complete"})
def stream_cut(
    frames: Frames, context: Context, *, after: int = 4, at: CutAt = CutAt.COUNT, act: CutBy = CutBy.CLOSE
) -> Frames:
    """The connection breaks in the middle of a stream, without the chunk that ends the body."""
    for number, frame in enumerate(frames):
        yield frame
        if context.stream and number and _is_at(at, frame, number, after, context.edits):
            yield Frame(frame.at, act=Act(act.value))
            return


def _is_at(place: CutAt, frame: Frame, number: int, after: int, edits: Edits) -> bool:
    if place is CutAt.FINISH:
        text = frame.raw[max(frame.raw.find(b"data:"), 0) :].partition(b"\n")[0]
        return edits.finishes(document(text) or {})
    return number >= (1 if place is CutAt.ROLE else after)


@deviation("body-cut", Layer.TCP, {"chat.single-json"})
def body_cut(frames: Frames, context: Context, *, bytes: int = 60) -> Frames:
    """The connection breaks in the middle of a non-streaming response."""
    for number, frame in enumerate(frames):
        if number and context.body and not context.stream and len(frame.raw) > bytes:
            yield Frame(frame.at, frame.raw[:bytes])
            yield Frame(frame.at, act=Act.CLOSE)
            return
        yield frame


@deviation("cut-before-head", Layer.TCP, {"transport.answered"})
def cut_before_head(frames: Frames, context: Context, *, act: CutBy = CutBy.CLOSE) -> Frames:
    """The connection breaks before an answer begins."""
    for frame in frames:
        if context.body:
            yield Frame(frame.at, act=Act(act.value))
            return
        yield frame


@deviation("connection-close", Layer.TCP, {"transport.keep-alive"})
def connection_close(frames: Frames, context: Context) -> Frames:
    """Every answer closes its connection, and announces it: legal in HTTP, but each request must connect again."""
    return followed(_announced(frames), act=Act.CLOSE)


def _announced(frames: Frames) -> Frames:
    for number, frame in enumerate(frames):
        if number == 0 and b"connection: close" not in frame.raw:
            frame.raw = frame.raw.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1)
        yield frame
