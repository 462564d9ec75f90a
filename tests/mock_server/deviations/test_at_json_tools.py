"""Tool calls that are lost, torn, nameless, or in the wrong place."""


def heads(wire):
    """The first part of each call of a stream."""
    return [call for call in wire.calls if call["function"].get("name")]


def rests(wire):
    """The other parts."""
    return [call for call in wire.calls if not call["function"].get("name")]


def arguments(wire):
    return [call["function"]["arguments"] for call in wire.calls]


ROWS = [
    ("cut-calls-as-complete", "cut call", lambda wire: wire.finishes == ["tool_calls"]),
    ("calls-lost", "calls", lambda wire: not wire.calls and wire.finishes == ["tool_calls"]),
    ("calls-lost", "calls as stream", lambda wire: not wire.calls and wire.finishes == ["tool_calls"]),
    ("prose-ends-as-call", "no calls", lambda wire: not wire.calls and wire.finishes == ["tool_calls"]),
    (
        "tool-markup-in-content",
        "calls",
        lambda wire: wire.text.count("<｜DSML｜invoke") == 2 and wire.finishes == ["stop"],
    ),
    ("tool-markup-in-content", "calls as stream", lambda wire: wire.text.count('{"city": "') == 2 and not wire.calls),
    ("tool-call-lost-by-chunking", "calls as stream", lambda wire: not wire.calls and wire.finishes == ["tool_calls"]),
    (
        "tool-call-lost-by-chunking:keep=1",
        "calls as stream",
        lambda wire: {call["index"] for call in wire.calls} == {0},
    ),
    ("tool-calls-empty-array", "chat", lambda wire: wire.messages[0].get("tool_calls") == []),
    ("tool-calls-empty-array", "stream", lambda wire: all(delta.get("tool_calls") == [] for delta in wire.messages)),
    ("tool-type-missing", "calls", lambda wire: not any("type" in call for call in wire.calls)),
    ("tool-type-missing", "calls as stream", lambda wire: not any("type" in call for call in wire.calls)),
    ("tool-index-starts-at-one", "calls", lambda wire: [call["index"] for call in wire.calls] == [1, 2]),
    ("tool-index-starts-at-one", "calls as stream", lambda wire: {call["index"] for call in wire.calls} == {1, 2}),
    ("tool-id-missing", "calls", lambda wire: not any("id" in call for call in wire.calls)),
    ("tool-id-missing", "calls as stream", lambda wire: not any("id" in call for call in wire.calls)),
    ("tool-id-duplicate", "calls", lambda wire: len({call["id"] for call in wire.calls}) == 1),
    ("tool-id-duplicate", "calls as stream", lambda wire: len({call["id"] for call in heads(wire)}) == 1),
    (
        "tool-id-new-per-delta",
        "calls as stream",
        lambda wire: len({call.get("id") for call in wire.calls}) == len(wire.calls),
    ),
    ("tool-name-empty-overwrites", "calls as stream", lambda wire: {call.get("id") for call in rests(wire)} == {""}),
    ("tool-id-repeated-per-delta", "calls as stream", lambda wire: len({call.get("id") for call in wire.calls}) == 2),
    (
        "tool-args-invalid-json",
        "calls",
        lambda wire: all(each.endswith('"}\n</tool_call>') for each in arguments(wire)),
    ),
    ("tool-args-invalid-json", "calls as stream", lambda wire: wire.arguments.count('"}\n</tool_call>') == 2),
    ("tool-markup-in-arguments", "calls", lambda wire: arguments(wire)[0] == '{"city": "Paris</｜DSML｜parameter'),
    ("tool-markup-in-arguments", "calls as stream", lambda wire: wire.arguments.count("</｜DSML｜parameter") == 2),
    ("tool-arguments-object", "calls", lambda wire: arguments(wire)[0] == {"city": "Paris"}),
]


def test_on_the_wire(row, see):
    see(row)
