"""Events with wrong bytes: end markers, comments, line endings, characters."""

from echosounder.mock_server.deviations.edits import Frames
from echosounder.mock_server.deviations.forms import each_event
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.formats import payload
from echosounder.mock_server.net.frames import Frame
from echosounder.wire import sse

NEVER_DONE = {"stream.ends-with-done", "stream.done-once", "stream.complete", "fim.stream"}


def middle(raw: bytes) -> int:
    """A position at which an event can be split so that the rest is not a comment."""
    at = len(raw) // 2
    while raw[at : at + 1] in (b":", b" ", b"\n"):
        at -= 1
    return at


# --- the end


@deviation("missing-done", Layer.SSE, NEVER_DONE)
def missing_done(frames: Frames, context: Context) -> Frames:
    """A stream ends after its last chunk, without ``[DONE]``."""
    return (frame for frame in frames if not context.edits.ends(frame.raw))


@deviation("done-twice", Layer.SSE, {"stream.done-once"})
def done_twice(frames: Frames, context: Context) -> Frames:
    """``[DONE]`` is sent twice."""
    for frame in frames:
        yield frame
        if context.edits.ends(frame.raw):
            yield Frame(frame.at, frame.raw)


@each_event("done-not-exact", {"stream.done-exact", *NEVER_DONE})
def done_not_exact(raw: bytes, context: Context, *, marker: str = "[Done]") -> bytes:
    """The end marker ``[DONE]`` is misspelled."""
    return f"data: {marker}\n\n".encode() if raw == context.edits.end else raw


# --- comments


@deviation("sse-comment-as-data", Layer.SSE, {"stream.keepalive-is-comment", "stream.data-is-json"})
def sse_comment_as_data(frames: Frames, context: Context) -> Frames:
    """The keep-alive is a data event that holds the text of a comment."""
    for number, frame in enumerate(frames):
        if context.stream and not number:
            yield Frame(frame.at, b"data: : keep-alive\n\n")
        if context.stream and frame.raw.startswith(b":"):
            frame.raw = b"data: " + frame.raw
        yield frame


@each_event("sse-keepalive-inside-event", {"stream.keepalive-is-comment", "stream.data-is-json", "stream.fields-known"})
def sse_keepalive_inside_event(raw: bytes, context: Context) -> bytes:
    """An intermediary that ignores event boundaries writes a comment into the middle of an event."""
    at = middle(raw)
    return raw if raw == context.edits.end else raw[:at] + b": keepalive\n\n" + raw[at:]


@deviation("sse-keepalive-blank-event", Layer.SSE, {"stream.one-line-per-event"})
def sse_keepalive_blank_event(frames: Frames, context: Context) -> Frames:
    """Events have ids, with comments and blank lines between them: old SDKs take the blank lines for empty events.

    This is legal by the standard; only the recommendation of one data line per event is broken.
    """
    for number, frame in enumerate(frames):
        if context.stream:
            yield Frame(frame.at, b": ping\n\n")
            frame.raw = b"id: %d\n" % number + frame.raw
        yield frame


@deviation("comment-before-document", Layer.SSE, {"chat.leading-blank-lines", "chat.single-json"})
def comment_before_document(frames: Frames, context: Context) -> Frames:
    """A non-streaming response is preceded by comments, as if it were a stream."""
    for number, frame in enumerate(frames):
        if context.body and not context.stream and not number and context.status == 200:
            yield Frame(frame.at, b": keep-alive\n\n")
        yield frame


# --- data


@each_event("jsonl-not-sse", {"stream.content-type", "stream.fields-known", "stream.ends-with-done"})
def jsonl_not_sse(raw: bytes, context: Context) -> bytes:
    """A stream is JSON Lines with the media type of an event stream."""
    data = payload(raw)
    return b"" if data is None or raw == context.edits.end else data + b"\n"


@each_event("json-split-across-events", {"stream.data-is-json"})
def json_split_across_events(raw: bytes, context: Context) -> bytes:
    """Each read becomes an event, so JSON texts are split in two."""
    data = payload(raw)
    if data is None or raw == context.edits.end:
        return raw
    at = context.rng.randrange(1, len(data))
    return b"data: %b\n\ndata: %b\n\n" % (data[:at], data[at:])


@each_event("data-in-several-lines", {"stream.one-line-per-event"})
def data_in_several_lines(raw: bytes, context: Context) -> bytes:
    """The JSON of an event is split over several data lines, which the standard joins and most clients do not."""
    return raw.replace(b',"choices":', b',\ndata: "choices":', 1)


@each_event("event-lines", {"stream.one-line-per-event"})
def event_lines(raw: bytes, context: Context) -> bytes:
    """Every event is named ``message``, which is the default; DeepSeek's events have no names."""
    return raw if raw.startswith(b":") else b"event: message\n" + raw


@each_event("events-named", {"stream.events-heard"})
def events_named(raw: bytes, context: Context) -> bytes:
    """Every event has a name, so listeners for the default name never receive it."""
    return raw if raw.startswith(b":") else b"event: completion\n" + raw


@deviation("id-lines", Layer.SSE, {"stream.one-line-per-event"})
def id_lines(frames: Frames, context: Context) -> Frames:
    """Every event has an id; legal by the standard, but DeepSeek's have none."""
    for number, frame in enumerate(frames):
        if context.stream and not frame.raw.startswith(b":"):
            frame.raw = b"id: %d\n" % number + frame.raw
        yield frame


# --- bytes


@deviation("sse-bom", Layer.SSE, {"stream.no-bom"})
def sse_bom(frames: Frames, context: Context) -> Frames:
    """A stream begins with a byte order mark."""
    for number, frame in enumerate(frames):
        if context.stream and not number:
            frame.raw = sse.BOM + frame.raw
        yield frame


@each_event("utf8-split-corrupted", {"stream.utf8", "chat.unicode", "stream.text-complete"})
def utf8_split_corrupted(raw: bytes, context: Context) -> bytes:
    """Reads are decoded one by one, and one of them ends within a character: replacement characters take its place."""
    cut = next((at + 1 for at, byte in enumerate(raw) if byte > 127), 0)
    return "".join(part.decode("utf-8", "replace") for part in (raw[:cut], raw[cut:])).encode()
