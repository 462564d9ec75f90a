"""Chunks of a stream with wrong members, or in the wrong order."""

WORDS = "one two three four five six"


def deltas(wire):
    return [message["content"] for message in wire.messages if message.get("content")]


def roles(wire):
    return ["role" in message for message in wire.messages]


def ids(wire):
    return {chunk["id"] for chunk in wire.chunks}


ROWS = [
    ("cumulative-delta", "stream", lambda wire: deltas(wire)[:3] == ["one", "one two", "one two three"]),
    ("cumulative-delta", "FIM as stream", lambda wire: len({choice["text"][:6] for choice in wire.choices[1:-1]}) == 1),
    ("cumulative-sliced", "stream", lambda wire: wire.text == "oneo"),
    ("role-missing-first-chunk", "stream", lambda wire: not any(roles(wire))),
    ("role-in-every-chunk", "stream", lambda wire: all(roles(wire))),
    ("delta-null-spam", "stream", lambda wire: all({"name", "tool_calls"} <= delta.keys() for delta in wire.messages)),
    ("message-in-chunk", "stream", lambda wire: wire.choices[-1].get("message", {}).get("content") == WORDS),
    ("choice-index-runs", "stream", lambda wire: [choice["index"] for choice in wire.choices] == list(range(8))),
    ("choice-index-runs", "FIM as stream", lambda wire: wire.choices[3]["index"] == 3),
    ("finish-reason-empty-string", "stream", lambda wire: wire.finishes == [""] * 7 + ["stop"]),
    ("finish-reason-absent-interior", "stream", lambda wire: "finish_reason" not in wire.choices[0]),
    ("finish-reason-absent-interior", "FIM as stream", lambda wire: "finish_reason" not in wire.choices[0]),
    ("finish-reason-twice", "calls as stream", lambda wire: wire.finishes == ["tool_calls", "stop"]),
    ("finish-reason-twice", "FIM as stream", lambda wire: wire.finishes == ["length", "stop"]),
    ("finish-on-first-chunk", "stream", lambda wire: wire.choices[0]["finish_reason"] == "stop"),
    ("id-changes-between-chunks", "stream", lambda wire: len(ids(wire)) == 8),
    ("id-changes-between-chunks", "FIM as stream", lambda wire: len(ids(wire)) > 6),
    ("created-wrong-type", "chat", lambda wire: isinstance(wire.json["created"], float)),
    ("created-wrong-type:form=milliseconds", "stream", lambda wire: wire.chunks[3]["created"] > 1e12),
    ("created-wrong-type:form=text", "FIM", lambda wire: isinstance(wire.json["created"], str)),
    ("system-fingerprint-absent", "chat", lambda wire: "system_fingerprint" not in wire.json),
    ("system-fingerprint-absent", "stream", lambda wire: not any("system_fingerprint" in each for each in wire.chunks)),
    ("id-empty-or-missing", "stream", lambda wire: wire.chunks[0]["id"] == "" and wire.chunks[0]["choices"] == []),
    (
        "chunk-reordered",
        "stream",
        lambda wire: deltas(wire)[-1] == "one" and wire.choices[-2]["finish_reason"] == "stop",
    ),
    ("chunk-reordered", "FIM as stream", lambda wire: wire.choices[-1]["finish_reason"] is None),
    (
        "truncation-masked",
        "stream",
        lambda wire: wire.text == "one two three" and wire.finishes == ["stop"] and not wire.usages,
    ),
    (
        "truncation-masked:after=2",
        "FIM as stream",
        lambda wire: wire.finishes == ["stop"] and wire.data[-1] == "[DONE]",
    ),
    ("stream-id-fixed", "stream", lambda wire: set(ids(wire)) == {"chatcmpl-0"}),
    ("n-done-each", "two streams in one", lambda wire: len(ids(wire)) == 1 and wire.data.count("[DONE]") == 2),
    (
        "n-interleave-id",
        "two streams in one",
        lambda wire: len(ids(wire)) == 2 and wire.data.count("[DONE]") == 2,
    ),
]


def test_on_the_wire(row, see):
    see(row)
