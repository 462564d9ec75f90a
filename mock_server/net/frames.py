"""Data passed between the layers of deviations: one piece of a response, and the response's head."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from echosounder.mock_server.net.http1 import LAST_CHUNK, BodyFraming, Headers, Response, chunk, chunks
from echosounder.mock_server.net.scheduler import Act
from echosounder.wire.strict_json import compact

DATA = b"data: "


@dataclass(slots=True)
class Frame:
    """One piece, due ``at`` nanoseconds after the request arrived.

    ``raw`` is its bytes: an SSE event with its blank line, a whole body, or below HTTP the bytes of one write.
    ``json`` is the JSON in it, if any; changing it changes ``raw``. A frame with ``act`` holds an action on the
    connection instead of bytes.
    """

    at: int
    raw: bytes = b""
    json: Any = None
    act: Act | None = None  # in the last frame of a response only
    tokens: int = 0  # number in its bytes, for the journal


@dataclass(slots=True)
class Reply:
    """A response whose body may still be arriving (in the proxy position)."""

    status: int
    headers: Headers
    frames: Iterator[Frame]
    framing: BodyFraming = BodyFraming.CHUNKED
    reason: str | None = None
    head_at: int = 0
    cut_at: int | None = None  # offset at which the connection closes and leaves the body incomplete

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def set_header(self, name: str, value: str | None) -> None:
        """Replace a header in its place, or append it; None removes it."""
        if value is not None and self.header(name) is None:
            self.headers = [*self.headers, (name, value)]
            return
        kept = ((key, value if key.lower() == name.lower() else old) for key, old in self.headers)
        self.headers = [(key, new) for key, new in kept if new is not None]


def reply_of(response: Response) -> Reply:
    """Convert a finished response to a reply that deviations can change."""
    frames, due = _frames(response), response.head_due
    return Reply(response.status, response.headers, frames, response.framing, response.reason, due, response.cut_at)


def _frames(response: Response) -> Iterator[Frame]:
    tokens = response.tokens or [0] * len(response.body)
    for raw, at, count in zip(response.body, response.due, tokens, strict=True):
        yield Frame(at, raw, tokens=count)


def parsed(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Frames with their bytes parsed as JSON."""
    for frame in frames:
        frame.json = document(frame.raw)
        yield frame


def document(raw: bytes) -> Any:
    """The JSON object of an SSE event or of a body; None for anything else."""
    text = raw[_label(raw) :]
    if not text.lstrip().startswith(b"{"):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def rewritten(raw: bytes, text: bytes) -> bytes:
    """The same event or body with other JSON in it."""
    label = raw[: _label(raw)]
    return label + text + b"\n\n" if label else text


def _label(raw: bytes) -> int:
    """Number of bytes before the JSON of an event: its name, if any, and ``data:``."""
    at = raw.find(b"\n") + 1 if raw.startswith(b"event:") else 0
    return at + len(DATA) if raw.startswith(DATA, at) else 0


def rendered(frames: Iterable[Frame]) -> Iterator[Frame]:
    """Update the bytes of frames whose JSON was changed; other frames keep theirs."""
    for frame in frames:
        if frame.json is not None and _text(frame.json) != _text(document(frame.raw)):
            frame.raw = rewritten(frame.raw or DATA, _text(frame.json))
        yield frame


def _text(value: Any) -> bytes:
    return compact(value).encode("utf-8", "surrogatepass")


def on_the_wire(reply: Reply, keep_alive: bool, body: bool = True) -> Iterator[Frame]:
    """Head and body as bytes on the wire, one frame per write; without *body* (HEAD), only actions on the connection."""
    frames: Iterable[Frame] = reply.frames
    response = Response(reply.status, reply.headers, framing=reply.framing, reason=reply.reason)
    if reply.framing is BodyFraming.LENGTH:
        frames = list(frames)
        response.body = [frame.raw for frame in frames]
    yield Frame(reply.head_at, response.head(keep_alive))
    yield from _framed(reply, frames) if body else (frame for frame in frames if frame.act)


def _framed(reply: Reply, frames: Iterable[Frame]) -> Iterator[Frame]:
    at = reply.head_at
    for frame in frames:
        at = frame.at
        if frame.act is not None:
            yield frame
            return
        if reply.framing is not BodyFraming.CHUNKED:
            yield frame
        elif frame.raw:
            yield Frame(at, chunk(frame.raw), tokens=frame.tokens)
    if reply.cut_at is not None:
        yield Frame(reply.cut_at, act=Act.CLOSE)
    elif reply.framing is BodyFraming.CHUNKED:
        yield Frame(at, LAST_CHUNK)


@dataclass(slots=True)
class Writes:
    """Writes of a stream, with the due time (absolute ns) and the number of tokens of each."""

    data: list[bytes | Act] = field(default_factory=list)
    due: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    def add(self, frame: Frame, arrived: int) -> None:
        """Add a frame; bytes that are due at the same instant as the previous write are appended to it."""
        due = max(arrived + frame.at, self.due[-1] if self.due else 0)
        last = self.data[-1] if self.data and due == self.due[-1] else None
        if frame.act is None and isinstance(last, bytes):
            self.data[-1] = last + frame.raw
            self.tokens[-1] += frame.tokens
        elif frame.act is not None or frame.raw:
            self.data.append(frame.raw if frame.act is None else frame.act)
            self.due.append(due)
            self.tokens.append(frame.tokens)


def honest_writes(response: Response, arrived: int, keep_alive: bool, body: bool = True) -> Writes:
    """Same result as :func:`on_the_wire` and :meth:`Writes.add` for a finished response, at a fraction of their cost."""
    head, cut = response.head(keep_alive), response.cut_at
    pieces = response.body
    if response.framing is BodyFraming.CHUNKED:
        pieces = chunks(pieces)
        if cut is None:
            pieces[-1:] = [b"".join([*pieces[-1:], LAST_CHUNK])]
    if not body or not pieces:
        return Writes([head], [arrived + response.head_due], [0])
    tokens = response.tokens or [0] * len(pieces)
    if response.head_due == response.due[-1]:  # all at once
        made = Writes([b"".join([head, *pieces])], [arrived + response.head_due], [sum(tokens)])
    else:
        made = _joined([head, *pieces], [response.head_due, *response.due], [0, *tokens], arrived)
    if cut is not None:
        made.add(Frame(cut, act=Act.CLOSE), arrived)
    return made


def _joined(pieces: list[bytes], offsets: list[int], tokens: list[int], arrived: int) -> Writes:
    """Merge pieces that are due at the same instant into one write."""
    starts = [index for index, (before, at) in enumerate(zip([-1, *offsets], offsets, strict=False)) if before != at]
    if len(starts) == len(offsets):
        return Writes(list(pieces), [arrived + at for at in offsets], tokens)
    spans = list(zip(starts, [*starts[1:], len(offsets)], strict=True))
    data: list[bytes | Act] = [b"".join(pieces[start:end]) for start, end in spans]
    return Writes(
        data, [arrived + offsets[start] for start in starts], [sum(tokens[start:end]) for start, end in spans]
    )
