"""Reading another request than the one that was sent."""

ROWS = [
    ("stop-ignored-while-thinking", "stopped thinking", lambda wire: "four" in wire.text),
    ("prefix-ignored", "prefix", lambda wire: wire.text == "one four"),
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
    ("effort-none-ignored", "effort none", lambda wire: bool(wire.messages[0].get("reasoning_content"))),
    ("user-id-in-characters", "user id in umlauts", lambda wire: wire.status == 200),
    ("user-id-ignored", "user id", lambda wire: wire.status == 200),
    (
        "reasoning-not-accepted-back",
        "history while thinking",
        lambda wire: wire.status == 400 and "reasoning" in wire.error["message"],
    ),
    ("max-tokens-exceeded", "story", lambda wire: wire.usages[0]["completion_tokens"] == 72),
    ("max-completion-tokens-ignored", "four of OpenAI", lambda wire: wire.usages[0]["completion_tokens"] == 6),
    ("echo-always", "FIM", lambda wire: wire.text.startswith("def fib(a):")),
    ("thinking-never", "thinking", lambda wire: "reasoning_content" not in wire.messages[0]),
    ("parallel-tool-calls-false-ignored", "two in one", lambda wire: len(wire.calls) == 2),
    ("int-precision", "order", lambda wire: "9007199254740992" in wire.arguments),
    ("role-developer-accepted", "developer", lambda wire: wire.status == 200),
]


def test_on_the_wire(row, see):
    see(row)
