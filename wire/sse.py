"""Server-sent events without I/O: bytes in, events and comments out, and back again.

Follows the WHATWG HTML standard, section 9.2.6, with three additions for a harness: comments are items (DeepSeek keeps
connections alive with them), bytes that are not UTF-8 stay visible as lone surrogates, and every item knows the byte
offset at which it began. ``[DONE]`` and JSON are not this module's business, and there is no clock: who reads, stamps.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from echosounder.wire import outside

MAX_LINE = 8 * 1024 * 1024
MAX_EVENT = 16 * 1024 * 1024
BOM = b"\xef\xbb\xbf"

_EOL = re.compile(rb"\r\n|\n|\r")
Ending = Literal[b"\n", b"\r\n", b"\r", b""]


class SseLimitError(ValueError):
    """A line or an event exceeds its limit: the peer is hostile or does not send SSE."""


@dataclass(frozen=True, slots=True)
class Event:
    """One dispatched event. ``data`` contains lone surrogates for bytes that are not UTF-8."""

    data: str
    event: str = ""
    id: str | None = None
    retry: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Comment:
    """A line that starts with a colon; ``text`` is what follows it, one leading space removed."""

    text: str
    offset: int = 0


Item = Event | Comment


@dataclass(frozen=True, slots=True)
class Line:
    """A raw line of a body. ``ending`` is empty for an unterminated last line."""

    offset: int
    raw: bytes
    ending: bytes


def lines(body: bytes) -> Iterator[Line]:
    """Every line of *body*, unchanged, for checks below the level of events."""
    start = 0
    for match in _EOL.finditer(body):
        yield Line(start, body[start : match.start()], match.group())
        start = match.end()
    if start < len(body):
        yield Line(start, body[start:], b"")


class Decoder:
    """Incremental decoder: call ``feed`` with reads split anywhere. ``begun``: earlier bytes of the stream were consumed, so a BOM is
    not one.

    Raises :class:`SseLimitError` if a line or an event exceeds its limit; the decoder cannot be used afterwards.
    """

    def __init__(self, max_line: int = MAX_LINE, max_event: int = MAX_EVENT, begun: bool = False) -> None:
        self._max_line, self._max_event = max_line, max_event
        self._buffer = bytearray()
        self._consumed = 0  # offset of the first byte of _buffer in the whole stream
        # Bytes of _buffer known to hold no line end: a long line is not searched again with each read.
        self._scanned = 0
        self._swallow_lf = False  # the last line ended with CR, so an LF that comes first belongs to it
        self._at_start = not begun
        self._block = _Block()

    def feed(self, chunk: bytes) -> list[Item]:
        """Items completed by *chunk*, in order."""
        self._buffer += chunk
        items: list[Item] = []
        while (line := self._next_line()) is not None:
            if (item := self._take(line)) is not None:
                items.append(item)
        if len(self._buffer) > self._max_line:
            raise SseLimitError(f"line at byte {self._consumed} is longer than {self._max_line} bytes")
        return items

    @property
    def unfinished(self) -> bytes:
        """Bytes after the last dispatched item: a truncated line, or an event without its blank line."""
        return bytes(self._block.raw + self._buffer)

    def _next_line(self) -> Line | None:
        if not self._ready():
            return None
        match = _EOL.search(self._buffer, self._scanned)
        if match is None:
            self._scanned = len(self._buffer)
            return None
        # A CR ends the line at once: waiting for a possible LF would delay the event, and its stamp, by one read.
        self._swallow_lf = match.group() == b"\r" and match.end() == len(self._buffer)
        line = Line(self._consumed, bytes(self._buffer[: match.start()]), match.group())
        self._drop(match.end())
        return line

    def _ready(self) -> bool:
        if self._swallow_lf and self._buffer:
            if self._buffer[0] == 0x0A:
                self._drop(1)
            self._swallow_lf = False
        if self._at_start:
            if len(self._buffer) < len(BOM) and BOM.startswith(self._buffer):
                return False
            if self._buffer.startswith(BOM):
                self._drop(len(BOM))
            self._at_start = False
        return True

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._consumed += count
        self._scanned = 0

    def _take(self, line: Line) -> Item | None:
        if not line.raw:
            return self._dispatch()
        if line.raw.startswith(b":"):
            return Comment(_text(line.raw[1:].removeprefix(b" ")), line.offset)
        self._block.add(line)
        if len(self._block.raw) > self._max_event:
            raise SseLimitError(f"event at byte {self._block.offset} is longer than {self._max_event} bytes")
        return None

    def _dispatch(self) -> Event | None:
        block, self._block = self._block, _Block()
        # "If the data buffer is an empty string, set [it] and the event type buffer to the empty string and return."
        # A block with a bare `data:` line is dispatched all the same: a harness must see it.
        return block.event() if block.data is not None else None


class _Block:
    """Fields gathered since the last blank line."""

    def __init__(self) -> None:
        self.offset = 0
        self.raw = bytearray()
        self.data: list[str] | None = None
        self.type, self.id, self.retry = "", None, None  # type: str, str | None, int | None

    def add(self, line: Line) -> None:
        if not self.raw:
            self.offset = line.offset
        self.raw += line.raw + line.ending
        name, _, value = line.raw.partition(b":")
        self._field(name, _text(value.removeprefix(b" ")))

    def _field(self, name: bytes, value: str) -> None:
        if name == b"data":
            self.data = self.data or []
            self.data.append(value)
        elif name == b"event":
            self.type = value
        elif name == b"id" and "\0" not in value:
            self.id = value
        elif name == b"retry" and value.isascii() and value.isdigit():
            self.retry = outside.integer(value)

    def event(self) -> Event:
        return Event("\n".join(self.data or []), self.type, self.id, self.retry, self.offset)


def decode(body: bytes) -> list[Item]:
    """All items of a complete body. Raises the errors of :class:`Decoder`."""
    return Decoder().feed(body)


def encode(item: Item, eol: bytes = b"\n") -> bytes:
    """The bytes of one item, including the blank line; ``decode`` restores the item (except its offset)."""
    if isinstance(item, Comment):
        return b": " + _bytes(item.text) + eol + eol
    fields = [("event", item.event)] if item.event else []
    fields += [("id", item.id)] if item.id is not None else []
    fields += [("retry", str(item.retry))] if item.retry is not None else []
    fields += [("data", part) for part in item.data.split("\n")]
    return b"".join(name.encode() + b": " + _bytes(value) + eol for name, value in fields) + eol


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
