"""Timing data of a stream, from its bytes, at a cost that a load generator can afford.

How it works. A stream is a few hundred events that differ in one string. To parse each as JSON costs several times what it takes to
compare its bytes, so the reader learns a *template* from one event, and counts those that are like it:

1. ``feed`` gets what one read brought, in the pieces of the transfer's framing. Most servers write an event to a chunk, so most
   pieces are whole events; else ``_whole_events`` joins and cuts them at blank lines, and keeps the unfinished rest as ``_tail``.
2. An event that no template fits is parsed, and the format says what it brings (a :class:`wire.answer.Mark`). It is noted in
   the ``line`` of stamps, with the stamp of its read. One whose name says it all (``silent``) is only noted.
3. Brought it output and nothing else that counts (no usage, no reason to end), and does the quoted output occur in its bytes
   exactly once, as the value of a member, then the bytes around it become the template (:mod:`load.client.template`).
4. An event with the same bytes before and after, and between them the inside of a JSON string that is not empty, is a token for
   certain. It is counted; of the time only the read's stamp is kept, in ``token_reads``.
5. Whatever is written in another way (CRLF, several data lines, ids, comments in a block) goes through :class:`wire.sse.Decoder`,
   which is slow and right. After the first CR everything does.

An example. Three pieces of one read, at 7 ms::

    event: echo⏎data: {"n":"a","echo":"so"}⏎⏎       parsed: kind content. "so" occurs once, after a colon, so the template is
                                                       (event: echo⏎data: {"n":"a","echo":"   ,   "}⏎⏎)
    event: echo⏎data: {"n":"a","echo":" deep"}⏎⏎    like it, with ` deep` inside: a token, not parsed
    event: echo⏎data: {"n":"a","echo":""}⏎⏎         nothing inside: parsed; an empty text is not a token

Two tokens, three events, one entry of 7 ms in ``token_reads``. ``"echo":"x","why":"end"`` has the template's beginning and end as
well, but what stands between is not the inside of a string (its quotes are bare), so it is parsed and its reason is seen.

The marks are those of :func:`wire.stream.timeline`, which parses everything (a test holds the two against each other).
"""

import re
from array import array
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

import msgspec

from echosounder.load.client.template import END, Template, learned
from echosounder.wire import sse
from echosounder.wire.answer import END as DONE
from echosounder.wire.answer import NOTHING, Mark
from echosounder.wire.formats import Format
from echosounder.wire.stream import Timeline
from echosounder.wire.strict_json import parse

MAX_EVENT = 4 * 1024 * 1024
MAX_READS = 400_000  # more than any model has tokens: the gaps between them go into the sample
_strict = msgspec.json.Decoder().decode
_comments: Callable[[bytes], re.Match[bytes]] = re.compile(rb"(?::[^\n]*\n)*").match  # type: ignore[assignment]  # it always matches
NAME, DATA = b"event: ", b"data: "
MAX_TEMPLATES = 16  # events that differ in more than a string would make one each, for nothing


class StreamReader:
    """Marks of one streamed body. Call ``feed`` with the bytes and the stamp (ns) of each read; sans-IO.

    ``token_reads``: stamps of the reads that completed an event with output. ``token_events`` counts those events. Raises
    :class:`wire.sse.SseLimitError` if a line or an event exceeds its limit.
    """

    __slots__ = (
        "_decoder",
        "_format",
        "_general",
        "_hedged",
        "_hedges",
        "_marker",
        "_silent",
        "_tail",
        "_template",
        "_templates",
        "done",
        "error",
        "events",
        "finish",
        "keepalives",
        "line",
        "malformed",
        "model",
        "token_events",
        "token_reads",
        "usage",
    )

    def __init__(self, format: Format) -> None:
        self._format, self._marker = format, format.marker
        self._silent, self._hedged, self._hedges = _silent(format.grammar.silent, format.grammar.silent_unless)
        self._decoder: sse.Decoder | None = None  # of the general case
        self._general = False  # line ends other than LF were seen: every byte goes through the general decoder
        self._tail = b""
        self._template: Template | None = None
        self._templates = 0
        self.line = Timeline()
        self.token_reads: array[int] = array("q")
        self.events = self.token_events = self.keepalives = self.malformed = 0
        self.done = False
        self.finish: Any = None
        self.usage: Any = None
        self.error: Any = None
        self.model: Any = None

    def feed(self, at: int, pieces: Sequence[bytes]) -> None:
        """Parses the bytes of one read, in the pieces of the framing: most servers write one event per chunk."""
        tokens = self.token_events
        if self._tail or self._general or not pieces[-1].endswith(END):
            pieces = self._whole_events(at, b"".join(pieces))
        while pieces:
            pieces = self._take(at, pieces)
        if self.token_events > tokens:
            if len(self.token_reads) >= MAX_READS:
                raise sse.SseLimitError(f"the answer came in more than {MAX_READS} pieces")
            self.token_reads.append(at)
            self.line.t_last_token = at

    def _whole_events(self, at: int, data: bytes) -> Sequence[bytes]:
        """The events that are complete with *data*, each with its end, and what is to be looked at after them."""
        data, self._tail = self._tail + data, b""
        if self._general or b"\r" in data:
            return self._decoded(at, data)
        whole, end, tail = data.rpartition(END)
        blocks = [block + END for block in whole.split(END)] if whole else []
        if end and (b"\n" in tail or tail.startswith(sse.BOM)):
            return [*blocks, tail]
        comments = _comments(tail).end()  # a comment is complete with its line, not with its block
        for _ in range(tail.count(b"\n", 0, comments)):
            self.keepalive(at)
        tail = tail[comments:]
        if b"\n:" in tail or tail.startswith(sse.BOM):
            return self._decoded(at, tail)
        if len(tail) > MAX_EVENT:
            raise sse.SseLimitError(f"event is longer than {MAX_EVENT} bytes")
        self._tail = tail
        return blocks

    def _decoded(self, at: int, data: bytes) -> Sequence[bytes]:
        """Let the general decoder have *data*, and all that follows."""
        self._general = True
        for item in self._general_decoder.feed(data):
            self._item(at, item, None)
        return ()

    def _take(self, at: int, pieces: Sequence[bytes]) -> Sequence[bytes]:
        """Take the pieces that are like the template, then the others, up to one that makes a new template; what is left."""
        template, silent = self._template, self._silent
        if template is not None:
            count = len(pieces)
            pieces = template.unlike(pieces)
            self.token_events += count - len(pieces)
            self.events += count - len(pieces)
        for number, piece in enumerate(pieces, 1):
            if piece.startswith(silent) and self._noted(at, piece):
                continue
            if piece.startswith(DATA) and piece.endswith(END) and piece.count(b"\n") == 2 and b"\r" not in piece:
                self._data(at, "", piece[len(DATA) : -len(END)], piece)
            elif named := _named(piece):
                self._data(at, *named, piece)
            elif piece.endswith(END) and piece.count(END) == 1 and b"\r" not in piece:
                self._block(at, piece)
            else:
                return self._whole_events(at, b"".join(pieces[number - 1 :]))
            if self._template is not template:
                return pieces[number:]
        return ()

    def _noted(self, at: int, piece: bytes) -> bool:
        """Note an event that brings nothing, as its beginning says; False where it is not a whole one, or may bring something."""
        if not (piece.endswith(END) and piece.count(b"\n") == 3) or b"\r" in piece:
            return False
        if piece.startswith(self._hedged) and (b"\\" in piece or any(text in piece for text in self._hedges)):
            return False
        self.events += 1
        if self.line.t_first_event is None:
            self.line.event(at, NOTHING)
        return True

    def _block(self, at: int, block: bytes) -> None:
        """Whatever is not one line of data, the general decoder knows."""
        alone = None if b"\n" in block[:-2] or block.startswith(sse.BOM) else block
        for item in self._general_decoder.feed(block):
            self._item(at, item, alone)

    @property
    def _general_decoder(self) -> sse.Decoder:
        if self._decoder is None:
            begun = bool(self.events or self.keepalives)
            self._decoder = sse.Decoder(max_line=MAX_EVENT, max_event=MAX_EVENT, begun=begun)
        return self._decoder

    def _item(self, at: int, item: sse.Item, block: bytes | None) -> None:
        if isinstance(item, sse.Event):
            self._data(at, item.event, item.data.encode("utf-8", "surrogatepass"), block)
        else:
            self.keepalive(at)

    def keepalive(self, at: int) -> None:
        self.keepalives += 1
        self.line.keepalive(at)

    def _data(self, at: int, event: str, data: bytes, block: bytes | None) -> None:
        """An event of the name *event*; its *block* where it may become a template."""
        self.events += 1
        if data == self._marker:
            self._mark(at, DONE)
            return
        try:
            value = _strict(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            value = self._lenient(data)
        mark = self._format.mark(event, value)
        if self._mark(at, mark) and block is not None and mark.finish is None and mark.usage is None:
            self._learn(mark.output, block)

    def _lenient(self, data: bytes) -> Any:
        """The JSON value of what the strict and fast parser does not take: the word of the lenient one counts."""
        try:
            return parse(data.decode("utf-8", "surrogateescape")).value
        except (ValueError, RecursionError):
            self.malformed += 1
            return None

    def _mark(self, at: int, mark: Mark) -> bool:
        """Note what an event brought; has it output?"""
        self.finish = mark.finish or self.finish
        self.model = self.model or mark.model
        self.error = self.error or mark.error
        self.done = self.done or mark.end
        if mark.usage is not None:
            self.usage = self._format.added(self.usage, mark.usage)
        if not self.line.event(at, mark):
            return False
        self.token_events += 1
        return True

    def _learn(self, output: Any, block: bytes) -> None:
        """Make the block the template for those that follow, where it can be one."""
        template = learned(block, output, self._format.grammar.varying) if self._templates < MAX_TEMPLATES else None
        if template is not None:
            self._template = template
            self._templates += 1


@cache
def _silent(names: frozenset[str], unless: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, ...], ...]:
    """What events begin with that bring nothing, where their name is on the line before their data and their type comes first in it;
    which of these bring nothing unless a text stands in them, which an escape could hide; and those texts."""
    hedged = tuple(_begin(name) for name, _ in unless)
    return (*hedged, *map(_begin, sorted(names))), hedged, tuple(text.encode() for _, text in unless)


def _begin(name: str) -> bytes:
    return b'event: %b\ndata: {"type":"%b"' % (name.encode(), name.encode())


def _named(piece: bytes) -> tuple[str, bytes] | None:
    """Name and data of an event whose name is on the line before its data; None for one that is written in another way."""
    line = piece.find(b"\n") + 1
    written = piece.startswith(NAME) and piece.startswith(DATA, line) and piece.endswith(END)
    if not written or piece.count(b"\n") != 3 or b"\r" in piece:
        return None
    return _name(piece[:line]), piece[line + len(DATA) : -2]


@lru_cache(maxsize=256)
def _name(line: bytes) -> str:
    return line[len(NAME) : -1].decode("utf-8", "surrogateescape")
