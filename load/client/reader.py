"""What a stream's bytes say about time, at a cost that a load generator can afford.

How it works. A stream is a few hundred events that differ in one string. To parse each as JSON costs several times what it takes to
compare its bytes, so the reader learns a *template* from one event, and counts those that are like it:

1. ``feed`` gets what one read brought, in the pieces of the transfer's framing. Most servers write an event to a chunk, so most
   pieces are whole events; else ``_whole_events`` joins and cuts them at blank lines, and keeps the unfinished rest as ``_tail``.
2. An event that no template fits is parsed, and the format says what it brings (a :class:`wire.answer.Mark`). It is noted in
   the ``line`` of stamps, with the stamp of its read.
3. Brought it output and nothing else that counts (no usage, no reason to end), and does the quoted output occur in its bytes
   exactly once, as the value of a member, then what stands before and after it becomes the template.
4. An event with the same bytes before and after, and between them the inside of a JSON string that is not empty, is a token for
   certain. It is counted; of the time only the read's stamp is kept, in ``token_reads``.
5. Whatever is written in another way (CRLF, several data lines, ids, comments in a block) goes through :class:`wire.sse.Decoder`,
   which is slow and right. After the first CR everything does.

An example. Three pieces of one read, at 7 ms::

    event: echo⏎data: {"n":"a","echo":"so"}⏎⏎       parsed: kind content. "so" occurs once, after a colon, so the template is
                                                       (event: echo⏎data: {"n":"a","echo":"   ,   "}⏎⏎)
    event: echo⏎data: {"n":"a","echo":" deep"}⏎⏎    like it, with ` deep` inside: a token, not parsed
    event: echo⏎data: {"n":"a","echo":""}⏎⏎         nothing inside: parsed; an empty text is no token

Two tokens, three events, one entry of 7 ms in ``token_reads``. ``"echo":"x","why":"end"`` has the template's beginning and end as
well, but what stands between is no inside of a string (its quotes are bare), so it is parsed and its reason is seen.

The marks are those of :func:`wire.stream.timeline`, which parses everything (a test holds the two against each other).
"""

import json
import re
from array import array
from collections.abc import Sequence
from typing import Any

import msgspec

from echosounder.wire import sse
from echosounder.wire.answer import END as DONE
from echosounder.wire.answer import Mark
from echosounder.wire.formats import Format
from echosounder.wire.stream import Timeline

MAX_EVENT = 4 * 1024 * 1024
_strict = msgspec.json.Decoder().decode
_whole, _escaped = json.encoder.encode_basestring, json.encoder.encode_basestring_ascii
# The inside of a JSON string (RFC 8259, 7), but for the digits of \\u, which no server gets wrong.
_inside = re.compile(rb'[^"\\\x00-\x1f]*(?:\\["\\/bfnrtu][^"\\\x00-\x1f]*)*').fullmatch
# An event whose name is on the line before its data.
_named = re.compile(rb"event: ([^\r\n]*)\ndata: ([^\r\n]*)\n\n").fullmatch
DATA, END = b"data: ", b"\n\n"
MAX_TEMPLATES = 16  # events that differ in more than a string would make one each, for nothing


class StreamReader:
    """Marks of one streamed body. ``feed`` it what each read brought, with the read's stamp (ns); sans-IO.

    ``token_reads``: stamps of the reads that completed an event with output. ``token_events`` counts those events.
    Raises :class:`wire.sse.SseLimitError` past the bound on a line or an event.
    """

    __slots__ = (
        "_decoder",
        "_format",
        "_general",
        "_marker",
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
        self._decoder: sse.Decoder | None = None  # of the general case
        self._general = False  # line ends other than LF were seen: every byte goes through the general decoder
        self._tail = b""
        # Of an event with output: what stands before and after its string.
        self._template: tuple[bytes, bytes] | None = None
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
        """What one read brought, in the pieces that the framing gave: most servers write an event to a chunk."""
        tokens = self.token_events
        if self._tail or self._general or not pieces[-1].endswith(END):
            pieces = self._whole_events(at, b"".join(pieces))
        while pieces:
            pieces = self._take(at, pieces)
        if self.token_events > tokens:
            self.token_reads.append(at)
            self.line.t_last_token = at

    def _whole_events(self, at: int, data: bytes) -> Sequence[bytes]:
        """The events that are complete with *data*, each with its end; none where the general decoder has taken it."""
        data, self._tail = self._tail + data, b""
        if self._general or b"\r" in data:
            self._general = True
            for item in self._general_decoder.feed(data):
                self._item(at, item, None)
            return ()
        whole, _, self._tail = data.rpartition(END)
        # A comment is complete with its line, not with its block.
        while self._tail.startswith(b":") and b"\n" in self._tail:
            _, _, self._tail = self._tail.partition(b"\n")
            self.keepalive(at)
        if len(self._tail) > MAX_EVENT:
            raise sse.SseLimitError(f"event is longer than {MAX_EVENT} bytes")
        return [block + END for block in whole.split(END)] if whole else ()

    def _take(self, at: int, pieces: Sequence[bytes]) -> Sequence[bytes]:
        """Take the pieces that are like the template, then the others, up to one that makes a new template; what is left."""
        template = self._template
        if template is not None:
            count = len(pieces)
            pieces = self._unlike(pieces, *template)
            self.token_events += count - len(pieces)
            self.events += count - len(pieces)
        for number, piece in enumerate(pieces, 1):
            data = piece[6:-2]
            if piece.startswith(DATA) and piece.endswith(END) and b"\n" not in data and b"\r" not in data:
                self._data(at, "", data, piece)
            elif named := _named(piece):
                name, data = named.groups()
                self._data(at, name.decode("utf-8", "surrogateescape"), data, piece)
            elif piece.endswith(END) and piece.count(END) == 1 and b"\r" not in piece:
                self._block(at, piece)
            else:
                return self._whole_events(at, b"".join(pieces[number - 1 :]))
            if self._template is not template:
                return pieces[number:]
        return ()

    def _unlike(self, pieces: Sequence[bytes], prefix: bytes, suffix: bytes) -> Sequence[bytes]:
        """The pieces that are not like the template. These lines are what a chunk costs.

        A piece is like it where only the inside of a non-empty JSON string varies. The insides are judged together: the
        space between them is nothing that could follow a backslash.
        """
        begin, back = len(prefix), -len(suffix)
        insides = [piece[begin:back] for piece in pieces if piece.startswith(prefix) and piece.endswith(suffix)]
        if not (all(insides) and _inside(b" ".join(insides))):
            return [piece for piece in pieces if not self._like(piece, prefix, suffix)]
        last = pieces[len(insides) :]  # most often it is the end of a stream that differs
        if not any(piece.startswith(prefix) and piece.endswith(suffix) for piece in last):
            return last
        return [piece for piece in pieces if not (piece.startswith(prefix) and piece.endswith(suffix))]

    def _like(self, piece: bytes, prefix: bytes, suffix: bytes) -> bool:
        begin, end = len(prefix), len(piece) - len(suffix)
        return end > begin and piece.startswith(prefix) and piece.endswith(suffix) and bool(_inside(piece, begin, end))

    def _block(self, at: int, block: bytes) -> None:
        """Whatever is not one line of data, the general decoder knows."""
        alone = block if b"\n" not in block[:-2] else None
        for item in self._general_decoder.feed(block):
            self._item(at, item, alone)

    @property
    def _general_decoder(self) -> sse.Decoder:
        if self._decoder is None:
            self._decoder = sse.Decoder(max_line=MAX_EVENT, max_event=MAX_EVENT)
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
            value = _decode(data)
        except (ValueError, RecursionError):
            self.malformed += 1
            value = None
        mark = self._format.mark(event, value)
        if self._mark(at, mark) and block is not None and mark.finish is None and mark.usage is None:
            self._learn(mark.output, block)

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

    def _learn(self, text: Any, block: bytes) -> None:
        """Make the block the template for those that follow, where its varying string can be told beyond doubt."""
        if not text or not isinstance(text, str) or self._templates >= MAX_TEMPLATES:
            return
        for quoted in (_whole, _escaped):
            needle = b'":%b' % quoted(text).encode("utf-8", "surrogatepass")
            if block.count(needle) == 1:
                begin = block.index(needle)
                self._template = block[: begin + 3], block[begin + len(needle) - 1 :]
                self._templates += 1
                return


def _decode(data: bytes) -> Any:
    """The JSON value. Only what the strict and fast parser does not take goes to the lenient one, whose word counts."""
    try:
        return _strict(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return json.loads(data.decode("utf-8", "surrogateescape"))
