"""Compression, framing and headers: faults, and unusual but legal forms."""

import zlib
from itertools import chain

from echosounder.mock_server.deviations.edits import MS, Frames, followed, later
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.net.frames import Frame, Reply, document
from echosounder.mock_server.net.http1 import BodyFraming
from echosounder.mock_server.net.scheduler import Act

GZIP = 16 + zlib.MAX_WBITS


def offered(context: Context) -> bool:
    """Whether the client accepts gzip."""
    return "gzip" in context.request.headers.get("accept-encoding", "").lower()


def zipped(frames: Frames, flush: int) -> Frames:
    """One gzip stream of all frames, flushed after each frame with the given flush mode."""
    packer, at = zlib.compressobj(wbits=GZIP), 0
    for frame in frames:
        at = frame.at
        if frame.act is None:
            frame.raw = packer.compress(frame.raw) + packer.flush(flush)
        yield frame
    yield Frame(at, packer.flush())


# --- compression


@deviation("gzip-read-as-text", Layer.HTTP, {"transport.encoding-honest"})
def gzip_read_as_text(reply: Reply, context: Context) -> Reply:
    """A client that accepts gzip gets a body that an intermediary has decoded as text: it can no longer be decompressed."""
    if offered(context) and reply.status == 200:
        reply.set_header("content-encoding", "gzip")
        reply.frames = _as_text(zipped(reply.frames, zlib.Z_SYNC_FLUSH))
    return reply


def _as_text(frames: Frames) -> Frames:
    for frame in frames:
        frame.raw = frame.raw.decode("utf-8", "replace").encode()
        yield frame


@deviation("gzip-unasked", Layer.HTTP, {"transport.encoding-honest"})
def gzip_unasked(reply: Reply, context: Context) -> Reply:
    """Answers are compressed for clients that do not accept compression."""
    if not offered(context) and reply.status == 200:
        reply.set_header("content-encoding", "gzip")
        reply.frames = zipped(reply.frames, zlib.Z_SYNC_FLUSH)
    return reply


@deviation("compress-batches-tokens", Layer.HTTP, {"stream.uncompressed-flush"})
def compress_batches_tokens(reply: Reply, context: Context) -> Reply:
    """A stream is compressed without flushing: events wait in the compressor until a block is full."""
    if offered(context) and context.stream:
        reply.set_header("content-encoding", "gzip")
        reply.frames = zipped(reply.frames, zlib.Z_NO_FLUSH)
    return reply


@deviation("gzip", Layer.HTTP)
def gzip(reply: Reply, context: Context) -> Reply:
    """Legal: answers are compressed for a client that accepts it, and flushed after each event."""
    if offered(context) and reply.status == 200:
        reply.set_header("content-encoding", "gzip")
        reply.frames = zipped(reply.frames, zlib.Z_SYNC_FLUSH)
    return reply


# --- framing


@deviation("no-framing-close", Layer.HTTP, {"transport.framed", "transport.keep-alive"})
def no_framing_close(reply: Reply, context: Context) -> Reply:
    """A stream has neither a Content-Length nor chunked coding and ends when the connection closes, as in HTTP/1.0."""
    if context.stream:
        reply.frames, reply.framing = followed(reply.frames, act=Act.CLOSE), BodyFraming.CLOSE
    return reply


@deviation("content-length-body", Layer.HTTP)
def content_length_body(reply: Reply, context: Context) -> Reply:
    """Legal: a non-streaming response has a Content-Length instead of chunked coding."""
    if not context.stream:
        reply.framing = BodyFraming.LENGTH
    return reply


@deviation("chunked-errors", Layer.HTTP)
def chunked_errors(reply: Reply, context: Context) -> Reply:
    """Legal: errors are sent with chunked coding instead of a Content-Length."""
    if reply.status >= 400:
        reply.framing = BodyFraming.CHUNKED
    return reply


@deviation("blank-lines-first", Layer.HTTP)
def blank_lines_first(reply: Reply, context: Context, *, count: int = 3, every_ms: int = 0) -> Reply:
    """Legal: empty lines precede a non-streaming response, as DeepSeek documents it for slow answers."""
    if context.body and not context.stream and reply.status == 200:
        lines = [Frame(number * every_ms * MS, b"\n") for number in range(count)]
        reply.head_at = 0
        reply.frames = chain(lines, later(reply.frames, count * every_ms * MS))
    return reply


@deviation("chunks-across-events", Layer.HTTP)
def chunks_across_events(reply: Reply, context: Context, *, size: int = 97) -> Reply:
    """Legal: chunks of the transfer coding end anywhere, within events and within characters."""
    reply.frames = _recut(reply.frames, size)
    return reply


def _recut(frames: Frames, size: int) -> Frames:
    left, at = b"", 0
    for frame in frames:
        if frame.act is not None:
            yield from (Frame(frame.at, left), frame)
        left, at = left + frame.raw, frame.at
        while len(left) >= size:
            yield Frame(at, left[:size])
            left = left[size:]
    yield Frame(at, left)


# --- headers

MORE = (
    ("server", "elb"),
    ("cf-ray", "8a1b2c3d4e5f-FRA"),
    ("set-cookie", "route=7; path=/"),
    ("set-cookie", "b=1"),
    ("x-request-id", "req_7"),
    ("openai-processing-ms", "7"),
    ("x-ratelimit-limit-requests", "500"),
    ("x-ratelimit-remaining-requests", "499"),
)
TRACES = ("x-ds-trace-id", "x-request-id", "retry-after")


@deviation("header-loss", Layer.HTTP, {"proxy.headers-kept"})
def header_loss(reply: Reply, context: Context) -> Reply:
    """Trace ids, ``retry-after`` and rate limit headers are dropped."""
    lost = [name for name, _ in reply.headers if name.lower() in TRACES or name.lower().startswith("x-ratelimit")]
    for name in lost:
        reply.set_header(name, None)
    return reply


@deviation("trace-id-repeated", Layer.HTTP, {"transport.trace-id"})
def trace_id_repeated(reply: Reply, context: Context) -> Reply:
    """Every answer carries the same trace id."""
    if reply.header("x-ds-trace-id"):
        reply.set_header("x-ds-trace-id", "0123456789abcdef" * 2)
    return reply


@deviation("content-type-missing", Layer.HTTP, {"chat.content-type", "stream.content-type", "models.content-type"})
def content_type_missing(reply: Reply, context: Context) -> Reply:
    """Answers have no Content-Type."""
    reply.set_header("content-type", None)
    return reply


@deviation("content-type-malformed", Layer.HTTP, {"transport.content-type-exact"})
def content_type_malformed(reply: Reply, context: Context) -> Reply:
    """The media type has a parameter without a value."""
    media_type = (reply.header("content-type") or "text/plain").partition(";")[0]
    reply.set_header("content-type", f"{media_type}; charset")
    return reply


@deviation("content-type-other-charset", Layer.HTTP, {"transport.content-type-exact"})
def content_type_other_charset(reply: Reply, context: Context) -> Reply:
    """The media type declares Latin-1, but the body is UTF-8."""
    media_type = (reply.header("content-type") or "text/plain").partition(";")[0]
    reply.set_header("content-type", f"{media_type}; charset=iso-8859-1")
    return reply


@deviation("content-type-spelling", Layer.HTTP)
def content_type_spelling(reply: Reply, context: Context) -> Reply:
    """Legal: media types are in capitals, with and without a charset; neither changes their meaning."""
    media_type, _, charset = (reply.header("content-type") or "").partition(";")
    if media_type:
        reply.set_header("content-type", media_type.title() + ("" if charset else ";Charset=UTF-8"))
    return reply


@deviation("header-case", Layer.HTTP)
def header_case(reply: Reply, context: Context) -> Reply:
    """Legal: header names are Capitalized."""
    reply.headers = [(name.title(), value) for name, value in reply.headers]
    return reply


@deviation("extra-headers", Layer.HTTP)
def extra_headers(reply: Reply, context: Context) -> Reply:
    """Legal: answers have extra headers, of a content delivery network and of another vendor."""
    reply.headers = [*reply.headers, *MORE]
    return reply


@deviation("no-reason-phrase", Layer.HTTP)
def no_reason_phrase(reply: Reply, context: Context) -> Reply:
    """Legal: the status line ends after the number, as RFC 9112 allows."""
    reply.reason = ""
    return reply


@deviation("headers-delayed", Layer.HTTP)
def headers_delayed(reply: Reply, context: Context) -> Reply:
    """Legal: the head of a stream arrives with its first token; no document promises it earlier."""
    held: list[Frame] = []
    for frame in reply.frames if context.stream else ():
        held.append(frame)
        if context.edits.speaks(document(frame.raw) or {}):
            reply.head_at = frame.at
            break
    reply.frames = chain(held, reply.frames)
    return reply
