"""Events with wrong bytes."""

from dataclasses import replace

from mock_server.deviations.edits import Frames, is_done
from mock_server.deviations.registry import Context, Layer, deviation
from mock_server.frames import Frame
from wire import sse


@deviation("sse-bom", Layer.SSE, breaks={"stream.no-bom"})
def sse_bom(frames: Frames, context: Context) -> Frames:
    """A stream begins with a byte order mark."""
    for number, frame in enumerate(frames):
        yield replace(frame, raw=sse.BOM + frame.raw) if context.stream and not number else frame


@deviation("missing-done", Layer.SSE, breaks={"stream.ends-with-done"})
def missing_done(frames: Frames, context: Context) -> Frames:
    """A stream ends after its last chunk, without ``[DONE]``."""
    return (frame for frame in frames if not is_done(frame))


@deviation("keepalive-comments", Layer.SSE)
def keepalive_comments(frames: Frames, context: Context, *, every: int = 3) -> Frames:
    """Legal: comments stand before the first event, between events and before the last one."""
    comment = sse.encode(sse.Comment("keep-alive"))
    for number, frame in enumerate(frames):
        if context.stream and (number % every == 0 or is_done(frame)):
            yield Frame(frame.at, comment)
        yield frame
