"""Bytes that are held back, late, or never sent."""

from dataclasses import replace

from echosounder.mock_server.deviations.asked import whole_number
from echosounder.mock_server.deviations.edits import MS, SECOND, Frames, later
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.http1 import LAST_CHUNK

PATIENCE = 120.0  # s; longer than client timeouts


@deviation("stream-buffered-by-proxy", Layer.TCP, {"stream.unbuffered", "stream.flows"})
def stream_buffered_by_proxy(frames: Frames, context: Context) -> Frames:
    """A stream is held back until it is complete and then sent at once."""
    held = list(frames)
    end = held[-1].at
    yield from (replace(frame, at=end if context.stream else frame.at) for frame in held)


@deviation("no-close-after-done", Layer.TCP, {"stream.closes-after-done"})
def no_close_after_done(frames: Frames, context: Context, *, seconds: float = 3.0) -> Frames:
    """After ``[DONE]`` the body stays open for seconds, so that the connection cannot be reused."""
    for frame in frames:
        if context.stream and frame.raw == LAST_CHUNK:
            frame.at += round(seconds * SECOND)
        yield frame


def hangs(frames: Frames, condition: bool, seconds: float) -> Frames:
    """Register a deviation that sends nothing for the given time if a condition holds."""
    return later(frames, round(seconds * SECOND)) if condition else frames


@deviation("completions-stream-hangs", Layer.TCP, {"fim.stream", "stream.complete"})
def completions_stream_hangs(frames: Frames, context: Context, *, seconds: float = PATIENCE) -> Frames:
    """FIM streams never begin."""
    return hangs(frames, "prompt" in context.body and bool(context.body.get("stream")), seconds)


@deviation("chunked-request-hangs", Layer.TCP, {"transport.chunked-request"})
def chunked_request_hangs(frames: Frames, context: Context, *, seconds: float = PATIENCE) -> Frames:
    """A request with a chunked body is never answered."""
    return hangs(frames, "transfer-encoding" in context.request.headers, seconds)


LARGEST = 393_216


@deviation("max-tokens-invalid", Layer.TCP, {"error.prompt-refusal"})
def max_tokens_invalid(frames: Frames, context: Context, *, seconds: float = PATIENCE) -> Frames:
    """A ``max_tokens`` out of range is refused only after a long time."""
    fits = context.body.get("max_tokens") is None or 1 <= (whole_number(context.body, "max_tokens") or 0) <= LARGEST
    return hangs(frames, not fits, seconds)


@deviation("slow-refusals", Layer.TCP, {"error.prompt-refusal"})
def slow_refusals(frames: Frames, context: Context, *, seconds: float = 30.0) -> Frames:
    """Faulty requests are refused only after a delay."""
    return hangs(frames, context.status >= 400, seconds)


@deviation("stall", Layer.TCP, {"stream.complete"})
def stall(frames: Frames, context: Context, *, after: int = 4, seconds: float = PATIENCE) -> Frames:
    """A stream stalls in its middle, with the connection left open."""
    for number, frame in enumerate(frames):
        if context.stream and number > after:
            frame.at += round(seconds * SECOND)
        yield frame


@deviation("late-head", Layer.TCP)
def late_head(frames: Frames, context: Context, *, after_ms: int = 300) -> Frames:
    """Legal: no byte is sent for a while, not even of the head."""
    return later(frames, after_ms * MS)
