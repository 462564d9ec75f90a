"""Compression, framing and headers."""

import gzip
import json

WORDS = "one two three four five six"


def names(wire):
    return [line.partition(b":")[0] for line in wire.head.splitlines()[1:]]


def zipped(wire, body):
    return wire.header("content-encoding") == "gzip" and gzip.decompress(wire.body).startswith(body)


def sizes(wire):
    """Of the chunks of the transfer coding."""
    found, rest = [], wire.raw.partition(b"\r\n\r\n")[2]
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        found.append(int(size, 16))
        rest = rest[found[-1] + 2 :]
    return found


ROWS = [
    ("content-type-other-charset", "chat", lambda wire: wire.header("content-type").endswith("charset=iso-8859-1")),
    (
        "gzip-read-as-text",
        "stream in gzip",
        lambda wire: "\ufffd" in wire.body.decode() and wire.header("content-encoding") == "gzip",
    ),
    ("gzip-unasked", "chat", lambda wire: zipped(wire, b'{"id"')),
    ("gzip-unasked", "stream", lambda wire: zipped(wire, b"data: {")),
    ("compress-batches-tokens", "stream in gzip", lambda wire: zipped(wire, b"data: {") and len(sizes(wire)) <= 3),
    ("gzip", "stream in gzip", lambda wire: zipped(wire, b"data: {") and len(sizes(wire)) >= 9),
    ("gzip", "gzip", lambda wire: zipped(wire, b'{"id"')),
    ("no-framing-close", "stream", lambda wire: wire.header("transfer-encoding") is None and wire.data[-1] == "[DONE]"),
    (
        "content-length-body",
        "chat",
        lambda wire: wire.header("content-length") == str(len(wire.body)) and wire.text == WORDS,
    ),
    ("chunked-errors", "bad", lambda wire: wire.header("transfer-encoding") == "chunked" and "error" in wire.json),
    ("blank-lines-first", "chat", lambda wire: wire.body.startswith(b'\n\n\n{"id"') and wire.text == WORDS),
    (
        "blank-lines-first:count=2,every_ms=80",
        "chat",
        lambda wire: wire.due[-1] > 0.16 and wire.body.startswith(b"\n\n{"),
    ),
    ("chunks-across-events", "stream", lambda wire: set(sizes(wire)[:-2]) == {97} and wire.text == WORDS),
    (
        "chunks-across-events:size=1",
        "CJK",
        lambda wire: set(sizes(wire)) == {0, 1} and wire.text == "那只猫在灯塔上 😀",
    ),
    ("header-loss", "chat", lambda wire: wire.header("x-ds-trace-id") is None),
    ("trace-id-repeated", "chat", lambda wire: wire.header("x-ds-trace-id") == "0123456789abcdef" * 2),
    ("content-type-missing", "models", lambda wire: wire.header("content-type") is None),
    ("content-type-malformed", "chat", lambda wire: wire.header("content-type") == "application/json; charset"),
    ("content-type-spelling", "stream", lambda wire: wire.header("content-type") == "Text/Event-Stream"),
    ("content-type-spelling", "chat", lambda wire: wire.header("content-type") == "Application/Json;Charset=UTF-8"),
    ("header-case", "chat", lambda wire: b"Content-Type" in names(wire)),
    ("extra-headers", "chat", lambda wire: names(wire).count(b"set-cookie") == 2),
    (
        "no-reason-phrase",
        "chat",
        lambda wire: wire.head.startswith(b"HTTP/1.1 200 \r\n") and json.loads(wire.body)["id"],
    ),
    ("headers-delayed", "silent", lambda wire: wire.due[0] >= 0.2),
]


def test_on_the_wire(row, see):
    see(row)
