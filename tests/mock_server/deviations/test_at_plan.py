"""Answering something else than was asked for, in the right form."""


def counted(wire):
    return wire.usages[0]["completion_tokens"]


ROWS = [
    ("text-beside-calls", "calls", lambda wire: wire.text == "Let me look." and len(wire.calls) == 2),
    (
        "text-beside-calls",
        "calls as stream",
        lambda wire: wire.text == "Let me look." and wire.finishes == ["tool_calls"],
    ),
    (
        "aborted",
        "chat",
        lambda wire: wire.finishes == ["aborted"] and wire.text == "one two three" and counted(wire) == 3,
    ),
    (
        "resource-interruption",
        "chat",
        lambda wire: (
            wire.finishes == ["insufficient_system_resource"] and wire.text == "one two three" and counted(wire) == 3
        ),
    ),
    ("content-filter", "stream", lambda wire: wire.finishes == ["content_filter"] and wire.text == "one two three"),
    ("uncooperative-model", "chat", lambda wire: wire.text == "I would rather not." and counted(wire) == 5),
    (
        "thought-uses-up-max-tokens",
        "R1 in four tokens",
        lambda wire: not wire.text and counted(wire) == 4 and wire.finishes == ["length"],
    ),
    ("uncooperative-model", "CJK stream", lambda wire: wire.text == "I would rather not."),
]


def test_on_the_wire(row, see):
    see(row)
