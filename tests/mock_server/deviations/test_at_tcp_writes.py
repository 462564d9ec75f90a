"""In which portions bytes leave: the answer stays the same."""

WORDS = "one two three four five six"

ROWS = [
    ("one-byte-writes", "chat", lambda wire: wire.text == WORDS and len(wire.due) == len(wire.raw)),
    ("one-byte-writes", "CJK stream", lambda wire: wire.text == "那只猫在灯塔上 😀" and len(wire.due) == len(wire.raw)),
    ("one-byte-writes:size=7", "stream", lambda wire: wire.text == WORDS and len(wire.due) > len(wire.raw) // 7),
    ("several-events-per-write", "stream", lambda wire: wire.text == WORDS and len(wire.due) == 4),
    (
        "chunk-extensions",
        "stream",
        lambda wire: wire.text == WORDS and wire.raw.count(b';note="a, b"\r\n') == 9,
    ),
    (
        "chunk-extensions",
        "chat",
        lambda wire: wire.text == WORDS and wire.raw.endswith(b"\r\n000;last\r\nx-checksum: 7\r\n\r\n"),
    ),
    (
        "early-hints",
        "chat",
        lambda wire: (
            wire.raw.startswith(b"HTTP/1.1 103 Early Hints\r\n") and b"\r\n\r\nHTTP/1.1 200 OK\r\n" in wire.raw
        ),
    ),
]


def test_on_the_wire(row, see):
    see(row)
