"""Wrong times, and connections that end badly."""

from dataclasses import replace

from mock_server.deviations.edits import Frames
from mock_server.deviations.registry import Context, Layer, deviation
from mock_server.frames import Frame
from mock_server.scheduler import Act


@deviation("error-bare-close", Layer.TCP, breaks={"stream.complete"})
def error_bare_close(frames: Frames, context: Context, *, after: int = 4) -> Frames:
    """The connection is closed in the middle of a stream: no finish reason, no ``[DONE]``, no last chunk."""
    for number, frame in enumerate(frames):
        if context.stream and number > after:
            yield Frame(frame.at, act=Act.CLOSE)
            return
        yield frame


@deviation("stream-buffered-by-proxy", Layer.TCP, breaks={"stream.unbuffered"})
def stream_buffered_by_proxy(frames: Frames, context: Context) -> Frames:
    """A stream is held back until it is complete and then sent at once."""
    held = list(frames)
    end = held[-1].at
    yield from (replace(frame, at=end if context.stream else frame.at) for frame in held)
