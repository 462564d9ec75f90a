"""Other ways to write the same: what was said stays the same."""

import json
from itertools import pairwise

WORDS = "one two three four five six"


def lengths(wire):
    """Gaps between writes, ms."""
    return [round((after - before) * 1000) for before, after in pairwise(wire.due)]


def says(wire):
    return wire.text == WORDS and wire.data[-1] == "[DONE]"


ROWS = [
    (
        "sse-keepalive-comment",
        "stream",
        lambda wire: (
            wire.body.startswith(b": keep-alive\n\ndata:") and wire.body.endswith(b"[DONE]\n\n: keep-alive\n\n")
        ),
    ),
    ("sse-keepalive-comment:every=1", "FIM as stream", lambda wire: wire.body.count(b": keep-alive\n\n") > 8),
    (
        "keepalive-other-words",
        "stream",
        lambda wire: b":\n\n" in wire.body and b": OPENROUTER PROCESSING\n\n" in wire.body,
    ),
    ("keepalive-single-newline", "stream", lambda wire: wire.body.startswith(b": ping\ndata: {")),
    ("no-space-after-colon", "stream", lambda wire: says(wire) and wire.body.startswith(b"data:{")),
    (
        "no-space-after-colon",
        "FIM as stream",
        lambda wire: b"data: " not in wire.body and b"data:[DONE]\n\n" in wire.body,
    ),
    ("crlf-line-endings", "stream", lambda wire: says(wire) and wire.body.count(b"\r\n\r\n") == 9),
    ("cr-line-endings", "stream", lambda wire: says(wire) and b"\n" not in wire.body and b"\r\rdata: " in wire.body),
    ("extra-blank-lines", "stream", lambda wire: says(wire) and b"\n\n\n\ndata: " in wire.body),
    ("retry-line", "stream", lambda wire: wire.body.startswith(b"retry: 3000\n\ndata: {")),
    ("silence", "stream", lambda wire: wire.body.count(b": keep-alive\n\n") == 3 and wire.due[-1] > 0.6),
    ("paced:gap_ms=30", "stream", lambda wire: set(lengths(wire)) == {30}),
    ("spaced-json", "stream", lambda wire: says(wire) and wire.body.startswith(b'data: {"id": "')),
    ("unicode-escapes", "CJK", lambda wire: wire.body.isascii() and wire.text == "那只猫在灯塔上 😀"),
    ("unicode-escapes", "CJK stream", lambda wire: wire.body.isascii() and wire.text == "那只猫在灯塔上 😀"),
    ("keys-sorted", "chat", lambda wire: wire.body.startswith(b'{"choices"') and wire.text == WORDS),
    ("pretty-printed-body", "chat", lambda wire: wire.body.startswith(b'{\n  "id"') and wire.text == WORDS),
    ("pretty-printed-body", "models", lambda wire: json.dumps(wire.json, indent=2).encode() == wire.body),
]


def test_on_the_wire(row, see):
    see(row)
