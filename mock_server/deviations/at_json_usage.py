"""Usage that is wrong, misplaced, repeated or missing."""

from collections.abc import Callable
from typing import Any

from echosounder.mock_server.deviations.asked import wants_usage
from echosounder.mock_server.deviations.edits import MS, Frames, edit
from echosounder.mock_server.deviations.forms import each_body, each_chunk, each_document
from echosounder.mock_server.deviations.registry import Context, Layer, deviation
from echosounder.mock_server.formats import Edits
from echosounder.mock_server.net.frames import Frame

Document = dict[str, Any]
SCHEMAS = {"chat.response-schema", "fim.response-schema", "response.document-valid"}


def add(usage: Document, edits: Edits, **amounts: int) -> None:
    """Increase the prompt and completion counts if the usage has them, and the total accordingly."""
    names = edits.counts
    for what, amount in amounts.items():
        if names.get(what) in usage:
            usage[names[what]] += amount
    if names.get("total") in usage:
        usage[names["total"]] = usage[names["prompt"]] + usage[names["completion"]]


# --- counts


@each_document("usage-sum-mismatch", {"usage.total-is-sum"})
def usage_sum_mismatch(document: Document, context: Context, *, by: int = 7) -> None:
    """``total_tokens`` is not the sum of its parts."""
    for usage in context.edits.usages(document):
        usage["total_tokens"] += by


@each_document(
    "completion-tokens-off-by-one", {"usage.completion-counted", "usage.within-max-tokens", "fim.length-finish"}
)
def completion_tokens_off_by_one(document: Document, context: Context, *, by: int = 1) -> None:
    """``completion_tokens`` is one too high."""
    for usage in context.edits.usages(document):
        add(usage, context.edits, completion=by)


@each_chunk("usage-stream-vs-nonstream", {"usage.modes-agree", "stream.equals-nonstream"})
def usage_stream_vs_nonstream(chunk: Document, context: Context, *, by: int = 3) -> None:
    """A stream counts more prompt tokens than a non-streaming response: an intermediary uses a different tokenizer."""
    for usage in context.edits.usages(chunk):
        add(usage, context.edits, prompt=by)
        usage["prompt_cache_miss_tokens"] = usage["prompt_tokens"] - usage.get("prompt_cache_hit_tokens", 0)


@each_document("cache-fields-missing", {"usage.cache-split", "stream.chunk-schema", *SCHEMAS})
def cache_fields_missing(document: Document, context: Context) -> None:
    """``usage`` has no context cache counts, or only OpenAI's."""
    for usage in context.edits.usages(document):
        usage.pop("prompt_cache_hit_tokens", None)
        usage.pop("prompt_cache_miss_tokens", None)


@each_document(
    "cache-details-null", {"usage.details-object", "usage.details-required", "stream.chunk-schema", *SCHEMAS}
)
def cache_details_null(document: Document, context: Context) -> None:
    """``prompt_tokens_details`` is null."""
    for usage in context.edits.usages(document):
        usage["prompt_tokens_details"] = None


@each_document("cached-tokens-float", {"usage.nonnegative", "usage.details-object"})
def cached_tokens_float(document: Document, context: Context) -> None:
    """The cached tokens of the prompt are counted in floating point."""
    for usage in context.edits.usages(document):
        details = usage.get("prompt_tokens_details") or {}
        details |= {name: float(count) for name, count in details.items() if count is not None}


@each_document("cache-negative", {"usage.nonnegative"})
def cache_negative(document: Document, context: Context) -> None:
    """A count that was derived by subtracting cached tokens twice is negative."""
    for usage in context.edits.usages(document):
        details = usage.get("prompt_tokens_details") or {}
        usage["prompt_tokens_details"] = details | {"text_tokens": -usage["prompt_tokens"]}


@each_document("cache-always-zero", {"cache.repeat-hits", "cache.prefix-hits", "cache.common-prefix-unit"})
def cache_always_zero(document: Document, context: Context) -> None:
    """No prompt ever hits the cache, according to the counts."""
    for usage in context.edits.usages(document):
        usage |= {"prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": usage["prompt_tokens"]}
        usage["prompt_tokens_details"] = {"cached_tokens": 0}


LENGTH = {"chat.length-finish", "fim.length-finish", "json.length-cut", "thinking.length"}


@each_document("length-overwritten", LENGTH)
def length_overwritten(document: Document, context: Context) -> None:
    """An answer truncated by ``max_tokens`` ends with ``stop``."""
    for choice in context.edits.choices(document):
        if choice.get("finish_reason") == "length":
            choice["finish_reason"] = "stop"


# --- places


def apart(
    frames: Frames, context: Context, change: Callable[[Document], object] = lambda extra: None, pause_ms: int = 0
) -> Frames:
    """Move the usage of a stream to a separate chunk without choices, after the one that ends the choice."""
    for frame in frames:
        chunk = frame.json or {}
        counts = chunk.get("usage")
        if not (context.stream and context.edits.finishes(chunk) and counts):
            yield frame
            continue
        if wants_usage(context.body):
            chunk["usage"] = None
        else:
            del chunk["usage"]
        yield frame
        extra = {**chunk, "choices": [], "usage": counts}
        change(extra)
        yield Frame(frame.at + pause_ms * MS, json=extra)


@deviation("usage-chunk-crashes-client", Layer.JSON)
def usage_chunk_crashes_client(frames: Frames, context: Context, *, pause_ms: int = 0) -> Frames:
    """Legal: the requested usage comes in a separate chunk, with empty ``choices``.

    This is the documented form; the real API puts it on the chunk with the finish_reason. Many clients index ``choices[0]``.
    """
    return apart(frames, context, pause_ms=pause_ms) if wants_usage(context.body) else frames


@deviation("usage-on-finish-chunk", Layer.JSON)
def usage_on_finish_chunk(frames: Frames, context: Context) -> Frames:
    """Legal: the usage comes with the chunk that ends the choice, not in a separate chunk."""
    held: Frame | None = None
    for frame in frames:
        chunk = frame.json or {}
        if held is not None and chunk.get("usage") and not chunk.get("choices"):
            held.json["usage"] = chunk["usage"]
            continue
        if held is not None:
            yield held
        held = frame if context.stream and context.edits.finishes(chunk) else None
        if held is None:
            yield frame
    if held is not None:
        yield held


@deviation(
    "usage-unsolicited",
    Layer.JSON,
    {"stream.usage-unsolicited-chunk", "stream.usage-chunk-asked-for", "stream.usage-on-finish"},
)
def usage_unsolicited(frames: Frames, context: Context) -> Frames:
    """A usage chunk with empty ``choices`` is sent without ``include_usage``."""
    return frames if wants_usage(context.body) else apart(frames, context)


@deviation("choices-missing-key", Layer.JSON, {"stream.choices-present", "stream.chunk-schema"})
def choices_missing_key(frames: Frames, context: Context) -> Frames:
    """The chunk that carries the usage has no ``choices`` at all."""
    return apart(frames, context, lambda extra: extra.pop("choices"))


@deviation("usage-missing-stream", Layer.JSON, {"stream.usage-present", "stream.usage-unasked", "fim.stream-usage"})
def usage_missing_stream(frames: Frames, context: Context) -> Frames:
    """A stream has no usage."""
    for frame in frames:
        chunk = frame.json or {}
        if context.stream and chunk.get("usage"):
            if not chunk.get("choices"):
                continue
            del chunk["usage"]
        yield frame


@each_body("usage-missing", {"usage.present"})
def usage_missing(document: Document, context: Context) -> None:
    """A non-streaming response has no usage."""
    document.pop("usage", None)


@deviation(
    "usage-after-finish-swallowed", Layer.JSON, {"stream.ends-with-done", "stream.complete", "proxy.usage-after-finish"}
)
def usage_after_finish_swallowed(frames: Frames, context: Context) -> Frames:
    """The stream ends after the chunk that ends the choice: no separate usage chunk, and no ``[DONE]``."""
    for frame in frames:
        yield frame
        if context.stream and frame.json and context.edits.finishes(frame.json):
            return


@deviation(
    "usage-every-chunk-cumulative",
    Layer.JSON,
    {"stream.usage-once", "stream.usage-null-before"},
)
def usage_every_chunk_cumulative(frames: Frames, context: Context) -> Frames:
    """Every chunk counts the tokens so far; clients that add the counts up bill a hundredfold."""
    made = 0
    prompt = len(context.request.body) // 4  # the true count is not known before the last chunk

    def change(chunk: Document) -> None:
        nonlocal made
        made += context.edits.speaks(chunk)
        counts = {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made}
        if not chunk.get("usage"):
            chunk["usage"] = counts | {"prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": prompt}

    return edit(frames, change) if context.stream else frames


@each_chunk("usage-null-missing", {"stream.usage-null-before"})
def usage_null_missing(chunk: Document, context: Context) -> None:
    """Chunks before the usage have no ``usage``, though it was requested."""
    if chunk.get("usage", 0) is None:
        del chunk["usage"]
