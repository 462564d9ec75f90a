"""Servers that are laxer than the API: each row is refused by an honest mock and served here."""


def served(wire):
    return wire.status == 200 and bool(wire.choices)


ROWS = [
    ("max-tokens-clamped", "negative length", lambda wire: served(wire) and wire.usages[0]["completion_tokens"] == 1),
    ("max-tokens-cast", "text as length", lambda wire: served(wire) and wire.usages[0]["completion_tokens"] == 8),
    ("temperature-clamped", "bad", served),
    ("temperature-clamped", "cold", served),
    ("top-p-clamped", "top_p 0", served),
    ("penalties-clamped", "penalty 3", served),
    ("top-logprobs-clamped", "21 alternatives", served),
    ("effort-unknown-served", "unknown effort", served),
    ("top-logprobs-alone-served", "alternatives alone", served),
    ("stream-options-alone-served", "stream options alone", served),
    ("model-defaulted", "no model", served),
    ("messages-defaulted", "no messages", served),
    ("prompt-defaulted", "no prompt", served),
    ("thinking-type-defaulted", "odd thinking", served),
    ("messages-wrapped", "one message", served),
    ("roles-mapped", "narrator", served),
    ("tool-history-unchecked", "orphan", served),
    ("tool-history-unchecked", "unanswered", served),
    ("reasoning-missing-served", "history without reasoning", served),
    ("tools-cut-off", "129 tools", served),
    ("tool-names-unchecked", "bad names", served),
    ("tool-parameters-unchecked", "bad parameters", served),
    ("logprobs-of-reasoner-dropped", "logprobs of reasoner", served),
    ("status-404-missing", "chat without model", served),
    (
        "status-404-missing; model-echoed",
        "chat without model",
        lambda wire: served(wire) and wire.json["model"] == "no-such-model",
    ),
    ("any-key-served", "no key", served),
    ("any-key-served", "bad key", served),
    ("any-media-type-served", "text", served),
    ("beta-everywhere", "FIM off beta", served),
]


def test_on_the_wire(row, see):
    see(row)
