"""Token counts in the right place with impossible values."""

from typing import Any

from echosounder.mock_server.deviations.at_json_usage import add
from echosounder.mock_server.deviations.forms import each_document
from echosounder.mock_server.deviations.registry import Context
from echosounder.mock_server.formats import Edits

Document = dict[str, Any]
Usage = dict[str, Any]


def recount(usage: Usage, edits: Edits, prompt: int, hit: int = 0) -> None:
    """Change the number of prompt tokens and every count that depends on it."""
    usage |= {"prompt_tokens": prompt, "prompt_cache_hit_tokens": hit, "prompt_cache_miss_tokens": prompt - hit}
    usage["prompt_tokens_details"] = {"cached_tokens": hit}
    add(usage, edits)


# --- the prompt


@each_document("prompt-count-varies", {"usage.repeatable", "usage.modes-agree"})
def prompt_count_varies(document: Document, context: Context) -> None:
    """The same prompt is counted differently each time."""
    for usage in context.edits.usages(document):
        recount(usage, context.edits, usage["prompt_tokens"] + context.number)


@each_document("prompt-count-constant", {"usage.prompt-grows", "fim.suffix-counted"})
def prompt_count_constant(document: Document, context: Context) -> None:
    """Every prompt has the same token count."""
    for usage in context.edits.usages(document):
        recount(usage, context.edits, 16)


@each_document("prompt-count-tenfold", {"usage.plausible", "usage.prompt-within-bytes"})
def prompt_count_tenfold(document: Document, context: Context) -> None:
    """Prompts are counted with ten times their tokens."""
    for usage in context.edits.usages(document):
        recount(usage, context.edits, usage["prompt_tokens"] * 10)


# --- the answer


@each_document("completion-count-zero", {"usage.answer-counted", "usage.completion-counted"})
def completion_count_zero(document: Document, context: Context) -> None:
    """``completion_tokens`` is 0."""
    for usage in context.edits.usages(document):
        add(usage, context.edits, completion=-usage[context.edits.counts["completion"]])


@each_document("reasoning-overcounted", {"usage.reasoning-within-completion"})
def reasoning_overcounted(document: Document, context: Context) -> None:
    """``reasoning_tokens`` exceeds ``completion_tokens``."""
    for usage in context.edits.usages(document):
        if usage.get("completion_tokens_details"):
            usage["completion_tokens_details"] = {"reasoning_tokens": usage["completion_tokens"] + 1}


@each_document("reasoning-uncounted", {"usage.reasoning-reported"})
def reasoning_uncounted(document: Document, context: Context) -> None:
    """Reasoning is not counted in ``reasoning_tokens``."""
    for usage in context.edits.usages(document):
        usage.pop("completion_tokens_details", None)


@each_document("reasoning-counted-anyway", {"usage.reasoning-absent", "fim.not-thinking"})
def reasoning_counted_anyway(document: Document, context: Context) -> None:
    """Reasoning tokens are counted although there was no reasoning."""
    for usage in context.edits.usages(document):
        usage.setdefault("completion_tokens_details", {"reasoning_tokens": min(1, usage["completion_tokens"])})


# --- the cache


@each_document("cached-tokens-disagree", {"usage.cached-tokens-agree"})
def cached_tokens_disagree(document: Document, context: Context) -> None:
    """The two counts of cached tokens differ."""
    for usage in context.edits.usages(document):
        usage["prompt_tokens_details"] = {"cached_tokens": usage.get("prompt_cache_hit_tokens", 0) + 1}


@each_document("cached-beyond-prompt", {"usage.cached-within-prompt", "usage.cached-tokens-agree"})
def cached_beyond_prompt(document: Document, context: Context) -> None:
    """More tokens were cached than the prompt has."""
    for usage in context.edits.usages(document):
        usage["prompt_tokens_details"] = {"cached_tokens": usage["prompt_tokens"] + 1}


@each_document("cache-always-hits", {"cache.first-misses", "cache.middle-misses"})
def cache_always_hits(document: Document, context: Context, *, unit: int = 128) -> None:
    """Every long prompt hits the cache, even one that was never sent before."""
    for usage in context.edits.usages(document):
        recount(usage, context.edits, usage["prompt_tokens"], (usage["prompt_tokens"] - 1) // unit * unit)


@each_document("cache-odd-units", {"cache.unit-128", "cache.unit-64"})
def cache_odd_units(document: Document, context: Context) -> None:
    """Hits are not a multiple of the cache unit."""
    for usage in context.edits.usages(document):
        if usage.get("prompt_cache_hit_tokens"):
            recount(usage, context.edits, usage["prompt_tokens"], usage["prompt_cache_hit_tokens"] - 1)


@each_document("cache-whole-prompt", {"cache.not-whole-prompt", "cache.unit-128", "cache.unit-64"})
def cache_whole_prompt(document: Document, context: Context) -> None:
    """If a prompt hits the cache, all its tokens count as cached."""
    for usage in context.edits.usages(document):
        if usage.get("prompt_cache_hit_tokens"):
            recount(usage, context.edits, usage["prompt_tokens"], usage["prompt_tokens"])


@each_document("cache-changes-shape", {"cache.no-effect-on-shape"})
def cache_changes_shape(document: Document, context: Context) -> None:
    """Answers that hit the cache have an extra member."""
    for usage in context.edits.usages(document):
        if usage.get("prompt_cache_hit_tokens"):
            document["from_cache"] = True
