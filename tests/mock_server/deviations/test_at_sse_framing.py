"""Events with wrong bytes."""

import json

BOM = b"\xef\xbb\xbf"
COMMENT = b": keep"


def parses(text):
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


ROWS = [
    ("events-named", "stream", lambda wire: wire.body.startswith(b"event: completion\ndata: {")),
    ("missing-done", "stream", lambda wire: b"[DONE]" not in wire.body and not wire.broken),
    ("missing-done", "FIM as stream", lambda wire: b"[DONE]" not in wire.body),
    ("done-twice", "stream", lambda wire: wire.data[-2:] == ["[DONE]", "[DONE]"]),
    ("done-not-exact", "stream", lambda wire: wire.body.endswith(b"\n\ndata: [Done]\n\n")),
    ("done-not-exact:marker=[DONE] ok", "stream", lambda wire: wire.body.endswith(b"\n\ndata: [DONE] ok\n\n")),
    ("sse-comment-as-data", "stream", lambda wire: wire.body.startswith(b"data: : keep-alive\n\ndata: {")),
    ("sse-comment-as-data; sse-keepalive-comment", "stream", lambda wire: wire.body.count(b"data: : keep") == 1),
    ("sse-keepalive-comment; sse-comment-as-data", "stream", lambda wire: wire.body.count(b"data: : keep") > 2),
    (
        "sse-keepalive-inside-event",
        "stream",
        lambda wire: any(COMMENT in line[5:] for line in wire.body.splitlines() if line.startswith(b"data:")),
    ),
    ("sse-keepalive-blank-event", "stream", lambda wire: wire.body.startswith(b": ping\n\nid: 0\ndata: {")),
    ("comment-before-document", "chat", lambda wire: wire.body.startswith(b': keep-alive\n\n{"id"')),
    ("jsonl-not-sse", "stream", lambda wire: all(map(parses, wire.body.splitlines())) and wire.body.count(b"\n") > 5),
    ("json-split-across-events", "stream", lambda wire: not any(map(parses, wire.data)) and len(wire.data) > 14),
    ("data-in-several-lines", "stream", lambda wire: b'\ndata: "choices"' in wire.body and len(wire.chunks) == 8),
    ("event-lines", "FIM as stream", lambda wire: wire.body.startswith(b"event: message\ndata: {")),
    ("id-lines", "stream", lambda wire: b"\n\nid: 3\ndata: {" in wire.body),
    ("sse-bom", "stream", lambda wire: wire.body.startswith(BOM + b"data: {")),
    ("utf8-split-corrupted", "CJK stream", lambda wire: "\ufffd" in "".join(wire.data)),
]


def test_on_the_wire(row, see):
    see(row)
