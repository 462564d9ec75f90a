"""Connections that end before the answer does."""

from enum import StrEnum

from mock_server.deviations.edits import Frames, finishes
from mock_server.deviations.registry import Context, Layer, deviation
from mock_server.frames import Frame, document
from mock_server.scheduler import Act


class End(StrEnum):
    """How a connection can end."""

    CLOSE = "close"
    RESET = "reset"
    HALF_CLOSE = "half-close"


class Place(StrEnum):
    """Where a stream can be cut."""

    COUNT = "count"  # after as many events as ``after`` says
    ROLE = "role"  # after the first chunk
    FINISH = "finish"  # after the chunk that ends the choice


@deviation("stream-cut", Layer.TCP, {"stream.complete"})
def stream_cut(
    frames: Frames, context: Context, *, after: int = 4, at: Place = Place.COUNT, act: End = End.CLOSE
) -> Frames:
    """The connection breaks in the middle of a stream, without the chunk that ends the body."""
    for number, frame in enumerate(frames):
        yield frame
        if context.stream and number and _is_at(at, frame, number, after):
            yield Frame(frame.at, act=Act(act.value))
            return


def _is_at(place: Place, frame: Frame, number: int, after: int) -> bool:
    if place is Place.FINISH:
        text = frame.raw[max(frame.raw.find(b"data:"), 0) :].partition(b"\n")[0]
        return finishes(document(text) or {})
    return number >= (1 if place is Place.ROLE else after)


@deviation("body-cut", Layer.TCP, {"chat.single-json"})
def body_cut(frames: Frames, context: Context, *, bytes: int = 60) -> Frames:
    """The connection breaks in the middle of a document."""
    for number, frame in enumerate(frames):
        if number and context.body and not context.stream and len(frame.raw) > bytes:
            yield Frame(frame.at, frame.raw[:bytes])
            yield Frame(frame.at, act=Act.CLOSE)
            return
        yield frame


@deviation("cut-before-head", Layer.TCP, {"transport.answered"})
def cut_before_head(frames: Frames, context: Context, *, act: End = End.CLOSE) -> Frames:
    """The connection breaks before an answer begins."""
    for frame in frames:
        if context.body:
            yield Frame(frame.at, act=Act(act.value))
            return
        yield frame
