"""Other legal notations of the same events and responses, which clients must accept."""

import json
from itertools import chain, cycle
from typing import Any

from echosounder.mock_server.deviations.edits import MS, Frames, later
from echosounder.mock_server.deviations.forms import each_event
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.formats import payload
from echosounder.mock_server.net.frames import DATA, Frame, document, rewritten

# --- comments and lines


@deviation("sse-keepalive-comment", Layer.SSE)
def sse_keepalive_comment(frames: Frames, context: Context, *, every: int = 3) -> Frames:
    """Legal: comments before the first event, between events and after the last one, as DeepSeek documents it."""
    comment = b": keep-alive\n\n"
    for number, frame in enumerate(frames):
        if context.stream and number % every == 0:
            yield Frame(frame.at, comment)
        yield frame
        if context.edits.ends(frame.raw):
            yield Frame(frame.at, comment)


@deviation("keepalive-other-words", Layer.SSE)
def keepalive_other_words(frames: Frames, context: Context) -> Frames:
    """Legal: comments with another text than ``keep-alive``, or none."""
    words = cycle(
        (b":\n\n", b": ping\n\n", b": OPENROUTER PROCESSING\n\n", b':{"data": "[DONE]"}\n\n', b":data: x\n\n")
    )
    for frame in frames:
        if context.stream:
            yield Frame(frame.at, next(words))
        yield frame


@each_event("keepalive-single-newline")
def keepalive_single_newline(raw: bytes, context: Context) -> bytes:
    """Legal: no blank line between a comment and the event after it."""
    return b": ping\n" + raw


@each_event("no-space-after-colon")
def no_space_after_colon(raw: bytes, context: Context) -> bytes:
    """Legal: ``data:`` is followed directly by its value; the space is optional in the standard."""
    return raw.replace(DATA, DATA.rstrip(), 1) if payload(raw) is not None else raw


@each_event("crlf-line-endings")
def crlf_line_endings(raw: bytes, context: Context) -> bytes:
    """Legal: lines end with CR LF, one of the three endings of the standard."""
    return raw.replace(b"\n", b"\r\n")


@each_event("cr-line-endings")
def cr_line_endings(raw: bytes, context: Context) -> bytes:
    """Legal: lines end with CR alone."""
    return raw.replace(b"\n", b"\r")


@each_event("extra-blank-lines")
def extra_blank_lines(raw: bytes, context: Context) -> bytes:
    """Legal: several blank lines between events; without data there is no event."""
    return raw + b"\n\n"


@deviation("retry-line", Layer.SSE)
def retry_line(frames: Frames, context: Context) -> Frames:
    """Legal: a stream begins with a ``retry`` line, which states how long to wait before reconnecting."""
    for number, frame in enumerate(frames):
        if context.stream and not number:
            yield Frame(frame.at, b"retry: 3000\n\n")
        yield frame


@deviation("silence", Layer.SSE)
def silence(frames: Frames, context: Context, *, before_ms: int = 600, every_ms: int = 200) -> Frames:
    """Legal: a stream begins with nothing but comments for a while."""
    if not context.stream:
        return frames
    comments = (Frame(at * MS, b": keep-alive\n\n") for at in range(0, before_ms, every_ms))
    return chain(comments, later(frames, before_ms * MS))


@deviation("paced", Layer.SSE)
def paced(frames: Frames, context: Context, *, gap_ms: int = 20, first_ms: int = 0) -> Frames:
    """Legal: the events of a stream are slow, and evenly spaced."""
    for number, frame in enumerate(frames):
        if context.stream:
            frame.at = max(frame.at, (first_ms + number * gap_ms) * MS)
        yield frame


# --- JSON


def respelled(frames: Frames, **style: Any) -> Frames:
    """Serialize the same JSON in another notation."""
    for frame in frames:
        value = document(frame.raw)
        if value is not None:
            text = json.dumps(value, **style).encode("utf-8", "surrogatepass")
            frame.raw = rewritten(frame.raw, text)
        yield frame


@deviation("spaced-json", Layer.SSE)
def spaced_json(frames: Frames, context: Context) -> Frames:
    """Legal: JSON has spaces after its commas and colons."""
    return respelled(frames, ensure_ascii=False)


@deviation("unicode-escapes", Layer.SSE)
def unicode_escapes(frames: Frames, context: Context) -> Frames:
    r"""Legal: non-ASCII characters are written as ``\uXXXX``, some as surrogate pairs."""
    return respelled(frames, separators=(",", ":"))


@deviation("keys-sorted", Layer.SSE)
def keys_sorted(frames: Frames, context: Context) -> Frames:
    """Legal: members in another order."""
    return respelled(frames, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@deviation("pretty-printed-body", Layer.SSE)
def pretty_printed_body(frames: Frames, context: Context) -> Frames:
    """Legal: a non-streaming response is spread over many lines."""
    return frames if context.stream else respelled(frames, ensure_ascii=False, indent=2)
