"""Reading another request than the one that was sent."""

ROWS = [
    ("stream-true-ignored", "stream with usage", lambda wire: wire.header("content-type") == "application/json"),
    ("stream-true-ignored", "FIM as stream", lambda wire: wire.header("content-type") == "application/json"),
    ("tool-choice-ignored", "no calls", lambda wire: len(wire.calls) == 2),
    ("tool-choice-thinking-status", "forced call while thinking", lambda wire: wire.status == 200 and bool(wire.calls)),
    ("response-format-ignored", "JSON", lambda wire: wire.status == 200 and "{" not in wire.text),
    ("stop-ignored", "stopped", lambda wire: "four" in wire.text),
    ("n-ignored", "chat for two", lambda wire: wire.status == 200 and len(wire.choices) == 1),
    ("suffix-ignored", "FIM with suffix", lambda wire: wire.usages[0]["prompt_tokens"] == 10),
    ("echo-ignored", "FIM with echo", lambda wire: not wire.text.startswith("def fib(a):")),
    ("thinking-ignored", "chat", lambda wire: bool(wire.messages[0].get("reasoning_content"))),
    ("user-id-ignored", "user id", lambda wire: wire.status == 200),
    (
        "reasoning-not-accepted-back",
        "history while thinking",
        lambda wire: wire.status == 400 and "reasoning" in wire.error["message"],
    ),
    ("max-tokens-exceeded", "story", lambda wire: wire.usages[0]["completion_tokens"] == 72),
    (
        "max-tokens-clamped",
        "negative length",
        lambda wire: wire.status == 200 and wire.usages[0]["completion_tokens"] == 1,
    ),
    ("status-404-missing", "chat without model", lambda wire: wire.status == 200),
    (
        "status-404-missing; model-echoed",
        "chat without model",
        lambda wire: wire.status == 200 and wire.json["model"] == "no-such-model",
    ),
    ("int-precision", "order", lambda wire: "9007199254740992" in wire.arguments),
    ("role-developer-accepted", "developer", lambda wire: wire.status == 200),
]


def test_on_the_wire(row, see):
    see(row)
