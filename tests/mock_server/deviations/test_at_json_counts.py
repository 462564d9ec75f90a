"""Counts in the right place that cannot be true."""


def counts(wire):
    return wire.usages[0]


def hits(wire):
    return counts(wire)["prompt_cache_hit_tokens"]


def cached(wire):
    return counts(wire)["prompt_tokens_details"]["cached_tokens"]


def reasoning(wire):
    return (counts(wire).get("completion_tokens_details") or {}).get("reasoning_tokens")


ROWS = [
    ("prompt-count-varies", "chat", lambda wire: counts(wire)["prompt_tokens"] == 13 + wire.entry["number"]),
    ("prompt-count-constant", "stream", lambda wire: counts(wire)["prompt_tokens"] == 16),
    ("prompt-count-tenfold", "chat", lambda wire: counts(wire)["prompt_tokens"] == 130),
    ("completion-count-zero", "FIM", lambda wire: counts(wire)["completion_tokens"] == 0),
    ("reasoning-overcounted", "thinking", lambda wire: reasoning(wire) > counts(wire)["completion_tokens"]),
    ("reasoning-uncounted", "thinking as stream", lambda wire: reasoning(wire) is None),
    ("reasoning-counted-anyway", "chat", lambda wire: reasoning(wire) == 1),
    ("cached-tokens-disagree", "chat", lambda wire: cached(wire) == hits(wire) + 1),
    ("cached-beyond-prompt", "chat", lambda wire: cached(wire) == counts(wire)["prompt_tokens"] + 1),
    ("cache-always-hits:unit=8", "chat", lambda wire: hits(wire) == 8),
    ("cache-odd-units", "cached", lambda wire: hits(wire) % 2 == 1),
    ("cache-whole-prompt", "cached", lambda wire: counts(wire)["prompt_cache_miss_tokens"] == 0),
    ("cache-changes-shape", "cached", lambda wire: "from_cache" in wire.json),
]


def test_on_the_wire(row, see):
    see(row)
