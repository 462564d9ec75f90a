"""Connections that end before the answer does, or with it."""

ROWS = [
    ("stream-cut", "stream", lambda wire: wire.broken and len(wire.chunks) == 4),
    ("stream-cut:at=role", "stream", lambda wire: wire.broken and len(wire.chunks) == 1),
    (
        "stream-cut:at=finish",
        "stream",
        lambda wire: wire.broken and wire.finishes == ["stop"] and wire.data[-1] != "[DONE]",
    ),
    ("stream-cut:act=reset", "stream", lambda wire: wire.reset),
    ("stream-cut:after=2,act=half-close", "FIM as stream", lambda wire: wire.broken and len(wire.chunks) == 2),
    ("body-cut", "chat", lambda wire: wire.broken and len(wire.body) < 100),
    ("cut-before-head", "chat", lambda wire: wire.raw == b"" and not wire.reset),
    ("cut-before-head:act=reset", "stream", lambda wire: wire.raw == b"" and wire.reset),
    (
        "connection-close",
        "kept alive",
        lambda wire: wire.header("connection") == "close" and not wire.broken and "choices" in wire.json,
    ),
]


def test_on_the_wire(row, see):
    see(row)
