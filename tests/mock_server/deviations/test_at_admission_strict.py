"""Servers that are stricter than the API: each row is served by an honest mock and refused here."""


def refused(wire):
    return wire.status == 400 and wire.error["message"] == "This is not supported."


ROWS = [
    ("system-role-rejected", "with system", refused),
    ("max-tokens-required", "chat", refused),
    ("sdk-blocked", "chat by an SDK", refused),
    ("late-system-rejected", "late system", refused),
    ("schema-keywords-rejected", "tool with a pattern", refused),
    ("message-name-rejected", "with name", refused),
    ("content-parts-rejected", "in parts", refused),
    ("history-rejected", "after a turn", refused),
    ("user-id-rejected", "user", refused),
    ("temperature-rejected", "hot", refused),
    ("thinking-switch-rejected", "not thinking", refused),
    ("temperature-two-rejected", "hot", refused),
    ("top-p-one-rejected", "top_p 1", refused),
    ("penalties-rejected", "penalty", refused),
    ("four-stops", "five stops", refused),
    ("beta-8k-rejected", "8k", refused),
    ("json-mode-rejected", "JSON", refused),
    ("json-word-in-lower-case", "JSON in capitals", refused),
    ("text-format-rejected", "text format", refused),
    ("prefix-rejected", "prefix", refused),
    ("prefix-reasoning-rejected", "prefix with reasoning", refused),
    ("sixty-four-tools", "65 tools", refused),
    ("tool-parameters-required", "tool without parameters", refused),
    ("strict-rejected", "strict tool", refused),
    ("tool-history-rejected", "history", refused),
    ("thinking-with-tools-rejected", "call while thinking", refused),
    ("effort-rejected", "effort", refused),
    ("effort-names-rejected", "effort ultra", refused),
    ("tool-name-long-rejected", "long function name", refused),
    ("tool-parts-rejected", "result in parts", refused),
    ("v1-missing", "v1", refused),
]


def test_on_the_wire(row, see):
    see(row)
