"""Wrong counts, in the wrong place, too often or not at all."""


def only(wire):
    """The usage of a document or stream that has just one."""
    (usage,) = wire.usages
    return usage


def total(usage):
    return usage["prompt_tokens"] + usage["completion_tokens"]


def apart(wire):
    """The usage in a chunk of its own, the last."""
    return [chunk["choices"] for chunk in wire.chunks if chunk.get("usage")] == [[]] and bool(wire.chunks[-1]["usage"])


ROWS = [
    ("usage-sum-mismatch", "chat", lambda wire: only(wire)["total_tokens"] == total(only(wire)) + 7),
    ("usage-sum-mismatch", "stream", lambda wire: only(wire)["total_tokens"] == total(only(wire)) + 7),
    ("completion-tokens-off-by-one", "story", lambda wire: only(wire)["completion_tokens"] == 9),
    ("completion-tokens-off-by-one:by=-1", "FIM as stream", lambda wire: only(wire)["completion_tokens"] == 5),
    ("usage-stream-vs-nonstream", "stream", lambda wire: only(wire)["prompt_tokens"] == 16),
    ("cache-fields-missing", "chat", lambda wire: "prompt_cache_hit_tokens" not in only(wire)),
    ("cache-fields-missing", "FIM as stream", lambda wire: "prompt_cache_miss_tokens" not in only(wire)),
    ("cache-details-null", "chat", lambda wire: only(wire)["prompt_tokens_details"] is None),
    ("cached-tokens-float", "chat", lambda wire: type(only(wire)["prompt_tokens_details"]["cached_tokens"]) is float),
    ("cache-negative", "chat", lambda wire: only(wire)["prompt_tokens_details"].get("text_tokens", 0) < 0),
    ("cache-always-zero", "cached", lambda wire: only(wire)["prompt_cache_hit_tokens"] == 0),
    ("length-overwritten", "story", lambda wire: wire.finishes == ["stop"]),
    ("length-overwritten", "long stream", lambda wire: wire.finishes == ["stop"]),
    ("length-overwritten", "FIM", lambda wire: wire.finishes == ["stop"]),
    ("usage-chunk-crashes-client", "stream with usage", apart),
    (
        "usage-chunk-crashes-client:pause_ms=90",
        "stream with usage",
        lambda wire: apart(wire) and wire.due[-1] - wire.due[-2] > 0.08,
    ),
    (
        "usage-on-finish-chunk",
        "stream of OpenAI",
        lambda wire: wire.chunks[-1]["choices"] != [] and bool(wire.chunks[-1]["usage"]),
    ),
    ("usage-unsolicited", "stream", apart),
    ("choices-missing-key", "stream", lambda wire: "choices" not in wire.chunks[-1]),
    ("choices-missing-key", "FIM as stream", lambda wire: "choices" not in wire.chunks[-1]),
    ("usage-missing-stream", "stream with usage", lambda wire: not wire.usages and wire.data[-1] == "[DONE]"),
    ("usage-missing-stream", "stream of OpenAI", lambda wire: not wire.usages and wire.chunks[-1]["choices"] != []),
    ("usage-missing", "chat", lambda wire: not wire.usages),
    ("usage-after-finish-swallowed", "stream of OpenAI", lambda wire: not wire.usages and wire.data[-1] != "[DONE]"),
    (
        "usage-every-chunk-cumulative",
        "stream",
        lambda wire: [each["completion_tokens"] for each in wire.usages][:4] == [0, 1, 2, 3],
    ),
    ("usage-every-chunk-cumulative", "FIM as stream", lambda wire: len(wire.usages) > 6),
    ("usage-null-missing", "stream with usage", lambda wire: "usage" not in wire.chunks[0]),
]


def test_on_the_wire(row, see):
    see(row)
