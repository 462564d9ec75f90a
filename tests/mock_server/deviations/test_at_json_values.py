"""Documents and chunks of the right shape whose values are wrong."""

from email.utils import parsedate_to_datetime


def every(wire, name):
    """The values of a member over all chunks."""
    return {chunk[name] for chunk in wire.chunks}


def dated(wire):
    """When it was sent, in Unix seconds by its own header: the honest answer may be of another day than this look at it."""
    return parsedate_to_datetime(wire.header("date")).timestamp()


ROWS = [
    ("continuation-blank-lost", "prefix", lambda wire: wire.text[:1].isalpha()),
    ("object-swapped", "chat", lambda wire: wire.json["object"] == "chat.completion.chunk"),
    ("object-swapped", "stream", lambda wire: every(wire, "object") == {"chat.completion"}),
    ("id-repeated", "chat", lambda wire: wire.json["id"] == "chatcmpl-0"),
    ("tools-answered-elsewhere", "no calls", lambda wire: wire.json["id"] == "chatcmpl-tools"),
    ("tools-answered-elsewhere", "calls as stream", lambda wire: every(wire, "model") == {"tool-parser-7b"}),
    ("model-wrong", "FIM as stream", lambda wire: every(wire, "model") == {"gpt-4o"}),
    ("created-old", "chat", lambda wire: wire.json["created"] < dated(wire) - 86_400),
    ("created-drifts", "stream", lambda wire: len(every(wire, "created")) > 1),
    ("model-drifts", "stream", lambda wire: len(every(wire, "model")) > 1),
    ("fingerprint-drifts", "stream", lambda wire: len(every(wire, "system_fingerprint")) > 1),
    ("role-wrong", "chat", lambda wire: wire.messages[0]["role"] == "model"),
    ("role-wrong", "stream", lambda wire: wire.messages[0]["role"] == "model"),
    ("finish-reason-unknown", "chat", lambda wire: wire.finishes == ["eos_token"]),
    ("finish-reason-unknown", "FIM as stream", lambda wire: wire.finishes == ["eos_token"]),
    ("finish-stop-with-calls", "calls as stream", lambda wire: wire.finishes == ["stop"] and bool(wire.calls)),
    ("second-choice", "chat", lambda wire: [choice["index"] for choice in wire.choices] == [0, 1]),
    ("content-null-on-stop", "chat", lambda wire: wire.messages[0]["content"] is None and wire.finishes == ["stop"]),
    ("logprobs-unasked", "chat", lambda wire: wire.choices[0]["logprobs"] == {"content": []}),
    (
        "logprobs-unasked",
        "FIM",
        lambda wire: wire.choices[0]["logprobs"] is not None and wire.choices[0]["logprobs"]["tokens"] == [],
    ),
    (
        "tool-name-unknown",
        "calls",
        lambda wire: {call["function"]["name"] for call in wire.calls} == {"functions.weather"},
    ),
    ("tool-name-unknown", "calls as stream", lambda wire: wire.calls[0]["function"]["name"] == "functions.weather"),
    ("content-list-beside-calls", "calls", lambda wire: wire.messages[0]["content"] == []),
    ("prefix-repeated", "prefix", lambda wire: wire.text.startswith("one")),
    (
        "reasoning-after-content",
        "thinking as stream",
        lambda wire: wire.messages[-2].get("reasoning_content") == " Done.",
    ),
    ("reasoning-list", "thinking", lambda wire: isinstance(wire.messages[0]["reasoning_content"], list)),
    ("fim-reasoning", "FIM", lambda wire: "reasoning_content" in wire.choices[0]),
    ("error-without-message", "bad", lambda wire: wire.error["message"] == ""),
    (
        "error-type-wrong-on-401",
        "bad key",
        lambda wire: wire.status == 401 and wire.error["type"] == "invalid_request_error",
    ),
    ("key-half-masked", "bad key", lambda wire: wire.error["message"] == "Incorrect API key: ****key-1234"),
    ("key-in-error", "bad key", lambda wire: "sk-invalid-key-1234" in wire.error["message"]),
]


def test_on_the_wire(row, see):
    see(row)
