"""Answers whose text is not what it should be."""

FENCE = "`" * 3

ROWS = [
    (
        "json-fenced",
        "JSON",
        lambda wire: wire.text.startswith(f"{FENCE}json\n{{") and wire.text.endswith(f"}}\n{FENCE}"),
    ),
    ("json-fenced", "JSON as stream", lambda wire: wire.text.startswith(FENCE) and wire.text.endswith(FENCE)),
    ("joiners-dropped-in-streams", "family stream", lambda wire: wire.text == "👩👩👧"),
    ("json-in-prose", "JSON", lambda wire: wire.text.startswith("Here is the JSON") and wire.text.endswith("}")),
    ("json-in-prose", "JSON as stream", lambda wire: wire.text.startswith("Here is the JSON")),
    ("thought-without-answer", "thinking", lambda wire: wire.text == "" and wire.finishes == ["stop"]),
    ("json-array", "JSON", lambda wire: wire.text.startswith("[{") and wire.text.endswith("}]")),
    ("json-array", "JSON as stream", lambda wire: wire.text.startswith("[{") and wire.text.endswith("}]")),
    ("json-empty", "JSON", lambda wire: wire.text == "" and wire.finishes == ["stop"]),
    ("json-whitespace-flood", "JSON", lambda wire: len(wire.text) > 5 and wire.text.isspace()),
    ("json-whitespace-flood", "JSON as stream", lambda wire: len(wire.text) > 5 and wire.text.isspace()),
    (
        "reasoning-in-content",
        "thinking",
        lambda wire: wire.text.startswith("<think>\n") and "\n</think>\n\n" in wire.text,
    ),
    (
        "reasoning-in-content",
        "thinking as stream",
        lambda wire: (
            wire.text.count("<think>") == wire.text.count("</think>") == 1 and b"reasoning_content" not in wire.body
        ),
    ),
    ("reasoning-finish-early", "thinking as stream", lambda wire: wire.finishes == ["stop", "stop"]),
    ("reasoning-null-key", "chat", lambda wire: wire.messages[0].get("reasoning_content", 0) is None),
    (
        "reasoning-null-key",
        "stream",
        lambda wire: all(delta.get("reasoning_content", 0) is None for delta in wire.messages),
    ),
    ("utf8-split-by-token", "CJK stream", lambda wire: "\ufffd\ufffd" in wire.text and wire.data[-1] == "[DONE]"),
]


def test_on_the_wire(row, see):
    see(row)
