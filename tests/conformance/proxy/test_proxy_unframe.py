"""Bytes of a connection to a response: framing, stamps, and framings that are broken on purpose."""

import pytest

from echosounder.conformance.proxy.unframe import unframe
from echosounder.wire.exchange import End

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
LENGTH = b"HTTP/1.1 429 Too Many\r\nX: a\r\nX: b\r\ncontent-length: 5\r\n\r\n"
CLOSE = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"

TABLE = [
    ("chunks", [HEAD, b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"], False, [(2, b"abc"), (3, b"de")], End.COMPLETE),
    ("one write", [HEAD + b"3\r\nabc\r\n0\r\n\r\n"], False, [(1, b"abc")], End.COMPLETE),
    ("cut", [HEAD, b"3\r\nabc\r\n"], True, [(2, b"abc")], End.TRUNCATED),
    ("cut in a chunk", [HEAD, b"9\r\nabc"], True, [(2, b"abc")], End.TRUNCATED),
    ("bad size", [HEAD, b"3\r\nabc\r\n", b"zz\r\nde\r\n"], False, [(2, b"abc")], End.TRUNCATED),
    ("length", [LENGTH, b"abcde"], False, [(2, b"abcde")], End.COMPLETE),
    ("short", [LENGTH, b"abc"], True, [(2, b"abc")], End.TRUNCATED),
    ("ended by close", [CLOSE, b"abc"], True, [(2, b"abc")], End.COMPLETE),
    ("ended by close, still open", [CLOSE, b"abc"], False, [(2, b"abc")], End.TRUNCATED),
    ("interim", [b"HTTP/1.1 103 Early Hints\r\n\r\n", LENGTH + b"abcde"], False, [(2, b"abcde")], End.COMPLETE),
]


@pytest.mark.parametrize(
    ("writes", "closed", "reads", "end"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_each_piece_keeps_the_stamp_of_its_write(writes, closed, reads, end):
    found = unframe("POST", list(enumerate(writes, 1)), closed)
    assert ([(read.at, read.data) for read in found.reads], found.end) == (reads, end)


def test_head_status_and_headers_are_kept_as_they_stand():
    found = unframe("POST", [(7, LENGTH), (9, b"abcde")], False)
    assert (found.status, found.reason, found.first) == (429, "Too Many", 7)
    assert found.headers == (("X", "a"), ("X", "b"), ("content-length", "5"))


def test_nothing_written_is_no_status():
    found = unframe("GET", [], True)
    assert (found.status, found.first, found.end) == (None, None, End.TRUNCATED)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_the_cut_of_the_writes_does_not_matter(size):
    whole = HEAD + b"3\r\nabc\r\n" + "5\r\n那é\r\n".encode() + b"0\r\n\r\n"
    pieces = [(n, whole[n : n + size]) for n in range(0, len(whole), size)]
    found = unframe("POST", pieces, False)
    assert b"".join(read.data for read in found.reads) == "abc那é".encode()
    assert found.end is End.COMPLETE
