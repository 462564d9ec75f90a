"""What a stream's bytes say about time, at a cost that a load generator can afford.

The marks are those of :func:`wire.stream.timeline` (a test holds the two against each other). What makes it cheap: the
events of one stream differ in one string only. Once an event has been parsed, an event with the same bytes before and
after that string is a token for certain, and needs no JSON parser. Everything else gets one.
"""

import json
from array import array
from typing import Any

from wire import sse
from wire.stream import token_kind
from wire.strict_json import at as member

MAX_EVENT = 4 * 1024 * 1024
_NEVER = b"\0"  # no event starts with it: the template that matches nothing


class StreamReader:
    """Marks of one streamed body. ``feed`` it each read's bytes with the read's stamp (ns); sans-IO.

    ``token_reads``: stamps of the reads that completed an event with output. ``token_events`` counts those events.
    Raises :class:`wire.sse.SseLimitError` past the bound on a line or an event.
    """

    __slots__ = (
        "_decoder",
        "_general",
        "_prefix",
        "_suffix",
        "_tail",
        "done",
        "error",
        "events",
        "finish",
        "first",
        "keepalives",
        "last_keepalive",
        "malformed",
        "model",
        "token_events",
        "token_reads",
        "usage",
    )

    def __init__(self) -> None:
        self._decoder = sse.Decoder(max_line=MAX_EVENT, max_event=MAX_EVENT)
        self._general = False  # line ends other than LF were seen: every byte goes through the general decoder
        self._tail = b""
        self._prefix, self._suffix = _NEVER, _NEVER
        self.first: dict[str, int] = {}
        self.token_reads: array[int] = array("q")
        self.events = self.token_events = self.keepalives = self.malformed = 0
        self.last_keepalive: int | None = None
        self.done = False
        self.finish: str | None = None
        self.usage: Any = None
        self.error: Any = None
        self.model: str | None = None

    def feed(self, at: int, data: bytes) -> None:
        tokens = self.token_events
        if self._general or b"\r" in data:
            self._feed_general(at, data)
        else:
            self._feed_lines(at, data)
        if self.token_events > tokens:
            self.token_reads.append(at)

    def _feed_general(self, at: int, data: bytes) -> None:
        self._general, data, self._tail = True, self._tail + data, b""
        for item in self._decoder.feed(data):
            self._item(at, item, None)

    def _feed_lines(self, at: int, data: bytes) -> None:
        blocks = (self._tail + data).split(b"\n\n")
        self._tail = blocks.pop()
        if len(self._tail) > MAX_EVENT:
            raise sse.SseLimitError(f"event is longer than {MAX_EVENT} bytes")
        prefix, suffix = self._prefix, self._suffix
        for block in blocks:
            if block.startswith(prefix) and block.endswith(suffix) and _one_string(block, len(prefix), len(suffix)):
                self.token_events += 1
                self.events += 1
                continue
            for item in self._decoder.feed(block + b"\n\n"):
                self._item(at, item, block)
            prefix, suffix = self._prefix, self._suffix

    def _item(self, at: int, item: sse.Item, block: bytes | None) -> None:
        if isinstance(item, sse.Comment):
            self.keepalives += 1
            self.last_keepalive = at
            self.first.setdefault("keepalive", at)
            return
        self.events += 1
        self.first.setdefault("event", at)
        if item.data == "[DONE]":
            self.done = True
            self.first.setdefault("done", at)
            return
        try:
            chunk = json.loads(item.data)
        except (ValueError, RecursionError):
            self.malformed += 1
            return
        self._chunk(at, chunk, block)

    def _chunk(self, at: int, chunk: Any, block: bytes | None) -> None:
        finish, usage = member(chunk, "choices", 0, "finish_reason"), member(chunk, "usage")
        self.finish = finish or self.finish
        self.model = self.model or member(chunk, "model")
        self.error = self.error or member(chunk, "error")
        if usage is not None:
            self.usage = usage
            self.first.setdefault("usage", at)
        if kind := token_kind(chunk):
            self.token_events += 1
            self.first.setdefault(kind, at)
            self.first.setdefault("token", at)
            if block is not None and finish is None and usage is None:
                self._learn(chunk, block)

    def _learn(self, chunk: Any, block: bytes) -> None:
        """Make the block the template for those that follow, where its varying string can be told beyond doubt."""
        for name, text in _strings(chunk):
            for value in (json.dumps(text, ensure_ascii=False), json.dumps(text)):
                needle = b'"%b":%b' % (name, value.encode("utf-8", "surrogatepass"))
                if block.count(needle) == 1 and block.count(b"\n") == 0:
                    begin = block.index(needle) + len(name) + 4
                    end = block.index(needle) + len(needle) - 1
                    self._prefix, self._suffix = block[:begin], block[end:]
                    return


def _one_string(block: bytes, prefix: int, suffix: int) -> bool:
    """Is what varies the inside of a non-empty JSON string? No quote and no line end in it, so it ends at the suffix."""
    end = len(block) - suffix
    return (
        end > prefix
        and block.find(b'"', prefix, end) < 0
        and block.find(b"\n", prefix, end) < 0
        and block[end - 1] != 0x5C
    )


def _strings(chunk: Any) -> list[tuple[bytes, str]]:
    """The strings of a chunk that may carry output, the only one that does first."""
    delta = member(chunk, "choices", 0, "delta")
    found = [
        (b"reasoning_content", member(delta, "reasoning_content")),
        (b"content", member(delta, "content")),
        (b"text", member(chunk, "choices", 0, "text")),
        (b"arguments", member(delta, "tool_calls", 0, "function", "arguments")),
    ]
    return [(name, text) for name, text in found if isinstance(text, str) and text]
