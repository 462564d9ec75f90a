"""Templates for the events of a stream, which differ little, and a fast test for similar events.

A *template* is an event cut into the bytes that stay and the places that may vary: the string with the output, and the members of
which the format says that they vary and tell nothing (``varying``: a counter, a filling). Another event is like it where the same
bytes stay, the output is the inside of a JSON string that is not empty, and in each other place stands a plain integer, or the
inside of a string, as there did in the first. So it is JSON of the same shape, and brings output; nothing else in it was ever read.

An example, with a counter ``n``: ``data: {"n":4,"echo":"so"}⏎⏎`` stays ``data: {"n":``, ``,"echo":"`` and ``"}⏎⏎``, and varies
between them: an integer, then the output.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise, repeat
from typing import Any

_whole, _escaped = json.encoder.encode_basestring, json.encoder.encode_basestring_ascii
# The inside of a JSON string (RFC 8259, 7), but for the digits of \\u, which no server gets wrong.
STRING = rb'[^"\\\x00-\x1f]*(?:\\["\\/bfnrtu][^"\\\x00-\x1f]*)*'
OUTPUT = rb'(?:[^"\\\x00-\x1f]|\\["\\/bfnrtu])' + STRING  # non-empty
INTEGER = rb"-?(?:0|[1-9][0-9]{0,17})"  # any parser takes these; longer ones are parsed to see whether it does
END = b"\n\n"
PATTERNS = {"integer": INTEGER, "string": STRING}
BEFORE = b"{, "  # what may stand before the name of a member
_value = re.compile(rb' ?(?:(?P<integer>%b)(?![0-9.eE])|"(?P<string>%b)")' % (INTEGER, STRING)).match
_strings = re.compile(STRING).fullmatch

Span = tuple[int, int, bytes]  # where in an event something may vary, and what may stand there (a pattern)


class Template:
    """An event with a fixed ``prefix`` and ``suffix``; only the output between them varies."""

    __slots__ = ("_back", "_begin", "_prefix", "_suffix")

    def __init__(self, prefix: bytes, suffix: bytes) -> None:
        self._prefix, self._suffix = prefix, suffix
        self._begin, self._back = len(prefix), -len(suffix)

    def _fits(self, insides: list[bytes]) -> bool:
        """Whether all of these may stand between the fixed parts."""
        return _outputs(insides)

    def unlike(self, pieces: Sequence[bytes]) -> Sequence[bytes]:
        """The events of *pieces* that do not match. This function dominates the cost per event."""
        prefix, suffix, begin, back = self._prefix, self._suffix, self._begin, self._back
        insides = [piece[begin:back] for piece in pieces if piece.startswith(prefix) and piece.endswith(suffix)]
        if not insides:
            return pieces
        if self._fits(insides):
            left = pieces[len(insides) :]
            if not any(piece.startswith(prefix) and piece.endswith(suffix) for piece in left):
                return left  # events that match usually come first
            return [piece for piece in pieces if not (piece.startswith(prefix) and piece.endswith(suffix))]
        return [piece for piece in pieces if not self._like(piece)]

    def _like(self, piece: bytes) -> bool:
        alike = piece.startswith(self._prefix) and piece.endswith(self._suffix)
        return alike and self._fits([piece[self._begin : self._back]])


class SeveralTemplate(Template):
    """A template with several variable places and the bytes *between* them; *patterns* match the places."""

    __slots__ = ("_between", "_patterns")

    def __init__(self, prefix: bytes, suffix: bytes, between: list[bytes], patterns: tuple[bytes, ...]) -> None:
        super().__init__(prefix, suffix)
        self._between, self._patterns = between, patterns

    def _fits(self, insides: list[bytes]) -> bool:
        return _several(insides, self._between, self._patterns)


class CountedTemplate(Template):
    """A template with a counter after the output, such as ``sequence_number``. While the counter increases by one per event, the end of
    the next event is known in advance, and only the output has to be examined.

    *between*: the bytes from the output to the counter; *number*: the counter of the next event.
    """

    __slots__ = ("_between", "_ends", "_next")

    def __init__(self, prefix: bytes, suffix: bytes, between: bytes, number: int) -> None:
        super().__init__(prefix, suffix)
        self._between, self._next, self._ends = between, number, _ends(between, suffix)

    def _fits(self, insides: list[bytes]) -> bool:
        """Only called for events whose counters are not the expected ones."""
        return _several(insides, [self._between], (OUTPUT, INTEGER))

    def unlike(self, pieces: Sequence[bytes]) -> Sequence[bytes]:
        """As in the base class. An event of another kind counts too; if the counter jumps, it is read again."""
        prefix, begin = self._prefix, self._begin
        insides = [
            piece[begin : -len(end)]
            for piece, end in zip(pieces, self._expected(len(pieces)), strict=False)
            if piece.startswith(prefix) and piece.endswith(end)
        ]
        left = pieces[len(insides) :]
        if (insides and not _outputs(insides)) or any(map(bytes.startswith, left, repeat(prefix))):
            return self._jumped(pieces)
        self._next += len(pieces)
        return left

    def _expected(self, count: int) -> list[bytes]:
        """The expected ends of the next events, as far as they are cached."""
        ends, upto = self._ends, self._next + count
        if len(ends) < upto:
            numbers = range(len(ends), min(upto, MOST_ENDS))
            ends += [b"%b%d%b" % (self._between, number, self._suffix) for number in numbers]
        return ends[self._next : upto]

    def _jumped(self, pieces: Sequence[bytes]) -> Sequence[bytes]:
        """The unmatched events after an unexpected one, from which the counter is read again."""
        left = super().unlike(pieces)
        self._next += len(pieces)
        if len(left) < len(pieces):
            last = next(piece for piece in reversed(pieces) if piece not in left)
            digits = last[: self._back].rpartition(self._between)[2]
            self._next = int(digits) + 1 if digits.isdigit() else self._next
        return left


MOST_ENDS = 4096


@lru_cache(maxsize=8)
def _ends(between: bytes, suffix: bytes) -> list[bytes]:
    """The ends of events by their counter, from 0 on, which grow as they are asked for: most streams of a target share them.
    What is beyond the most is read as that of any template."""
    return []


def learned(block: bytes, output: Any, varying: tuple[str, ...]) -> Template | None:
    """The template of an event with the bytes *block*; None if its *output* is not unique in them."""
    if not output or not isinstance(output, str):
        return None
    data = block.find(b"\n", 0, -len(END)) + 1  # the name of an event does not vary
    for quoted in (_whole, _escaped):
        text = quoted(output).encode("utf-8", "surrogatepass")
        if block.count(text, data) == 1:
            begin = block.index(text, data)
            if block[:begin].endswith((b'":', b'": ')):  # the value of a member
                span = (begin + 1, begin + len(text) - 1, OUTPUT)
                return _cut(block, span, [*_others(block, data, span, varying)])
    return None


def _others(block: bytes, data: int, output: Span, varying: tuple[str, ...]) -> Iterator[Span]:
    """Other variable places of the event. A text that looks like a member is one, because its quotes would be escaped within a string."""
    for name in _members(varying):
        begin = block.find(name, data)
        value = _value(block, begin + len(name)) if begin > 0 and block[begin - 1] in BEFORE else None
        if value is not None and not output[0] <= value.start() < output[1]:
            kind = value.lastgroup or ""
            yield (*value.span(kind), PATTERNS[kind])


@cache
def _members(names: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(b'"%b":' % name.encode() for name in names)


def _cut(block: bytes, output: Span, others: list[Span]) -> Template:
    begin, end, _ = output
    if not others:
        return Template(block[:begin], block[end:])
    if len(others) == 1:
        at, stop, pattern = others[0]
        number = block[at:stop]
        if at > end and pattern is INTEGER and number.isdigit():
            return CountedTemplate(block[:begin], block[stop:], block[end:at], int(number) + 1)
    spans = sorted([output, *others])
    between = [block[left[1] : right[0]] for left, right in pairwise(spans)]
    patterns = tuple(pattern for _, _, pattern in spans)
    return SeveralTemplate(block[: spans[0][0]], block[spans[-1][1] :], between, patterns)


def _outputs(insides: list[bytes]) -> bool:
    """Is each the inside of a string that is not empty? The space between two is nothing that could follow a backslash."""
    return all(insides) and bool(_strings(b" ".join(insides)))


def _several(insides: list[bytes], between: list[bytes], patterns: tuple[bytes, ...]) -> bool:
    """Does each consist of what *patterns* allow, with the bytes *between* them?

    Each of those becomes a control character of its own (a format names fewer members than there are), and each event a line, so
    that one expression judges all events.
    No string holds a control character, so one that was there before is seen.
    """
    joined = b"\n".join([*insides, b""])
    if joined.count(b"\n") != len(insides):
        return False
    for number, literal in enumerate(between, 1):
        mark = bytes([number])
        if mark in joined:
            return False
        joined = joined.replace(literal, mark)
    return bool(_lines(patterns)(joined))


@cache
def _lines(patterns: tuple[bytes, ...]) -> Callable[[bytes], Any]:
    line = b"".join(pattern + bytes([number]) for number, pattern in enumerate(patterns[:-1], 1)) + patterns[-1]
    return re.compile(b"(?:%b\n)*" % line).fullmatch
