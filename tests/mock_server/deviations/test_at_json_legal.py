"""Documents that differ in what nobody may rely on."""

WORDS = "one two three four five six"


def contents(wire):
    return [message.get("content", 0) for message in wire.messages]


ROWS = [
    (
        "extra-members",
        "chat",
        lambda wire: all("x_region" in each for each in (wire.json, wire.json["usage"], wire.messages[0])),
    ),
    ("extra-members", "calls as stream", lambda wire: all("x_stats" in call["function"] for call in wire.calls)),
    ("extra-members", "bad", lambda wire: "x_region" in wire.error),
    ("extra-members", "models", lambda wire: "x_region" in wire.json["data"][0]),
    ("content-null", "calls", lambda wire: contents(wire) == [None]),
    ("content-null", "stream", lambda wire: contents(wire)[0] is contents(wire)[-1] is None and wire.text == WORDS),
    ("finish-delta-empty", "stream", lambda wire: wire.messages[-1] == {}),
    ("finish-without-delta", "stream", lambda wire: "delta" not in wire.choices[-1]),
    ("finish-with-content", "stream", lambda wire: bool(wire.choices[-1]["delta"].get("content"))),
    (
        "zero-reasoning-details",
        "chat",
        lambda wire: wire.usages[0].get("completion_tokens_details") == {"reasoning_tokens": 0},
    ),
    ("calls-without-index", "calls", lambda wire: not any("index" in call for call in wire.calls)),
    ("long-line", "stream", lambda wire: len(wire.data[1]) > 71680 and wire.text == WORDS),
    ("long-line:bytes=300000", "chat", lambda wire: len(wire.body) > 300000),
    ("hex-ids", "chat", lambda wire: len(wire.json["id"]) == 32),
    ("hex-ids", "FIM as stream", lambda wire: {len(chunk["id"]) for chunk in wire.chunks} == {32}),
    ("other-call-ids", "calls", lambda wire: [call["id"][:7] for call in wire.calls] == ["call_0_", "call_1_"]),
    ("other-fingerprint", "chat", lambda wire: wire.json["system_fingerprint"] == "fp_1c141eb703"),
    ("model-echoed", "chat by alias", lambda wire: wire.json["model"] == "deepseek-chat"),
    ("first-content-in-role-chunk", "stream", lambda wire: wire.messages[0] == {"role": "assistant", "content": "one"}),
    ("first-content-in-role-chunk", "thinking as stream", lambda wire: bool(wire.messages[0]["reasoning_content"])),
    (
        "first-content-in-role-chunk",
        "calls as stream",
        lambda wire: wire.messages[0].keys() == {"role", "content", "tool_calls"},
    ),
    ("several-tokens-per-chunk", "stream", lambda wire: contents(wire) == ["", "one two three", " four five six", ""]),
    (
        "several-tokens-per-chunk:count=9",
        "FIM as stream",
        lambda wire: len(wire.chunks) == 2 and wire.finishes == ["length"],
    ),
    (
        "several-tokens-per-chunk",
        "logprobs as stream",
        lambda wire: [entry["token"] for entry in wire.choices[1]["logprobs"]["content"]] == ["one", " two", " three"],
    ),
]


def test_on_the_wire(row, see):
    see(row)
