"""Token usage as an API reports it, and the arithmetic that must hold in it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from echosounder.wire.strict_json import at


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts in tokens; None where the member is absent or no integer. ``hit`` and ``miss`` split the prompt by the context cache."""

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    hit: int | None = None
    miss: int | None = None
    cached: int | None = None
    reasoning: int | None = None


# In the order of Usage's members.
PATHS: dict[str, tuple[str, ...]] = {
    "prompt": ("prompt_tokens",),
    "completion": ("completion_tokens",),
    "total": ("total_tokens",),
    "hit": ("prompt_cache_hit_tokens",),
    "miss": ("prompt_cache_miss_tokens",),
    "cached": ("prompt_tokens_details", "cached_tokens"),
    "reasoning": ("completion_tokens_details", "reasoning_tokens"),
}


def usage(value: Any) -> Usage | None:
    """The ``usage`` object of a response or chunk as counts; None when it is no object."""
    if not isinstance(value, dict):
        return None
    return Usage(*[_count(at(value, *path) if len(path) > 1 else value.get(path[0])) for path in PATHS.values()])


def disagreements(counts: Usage) -> Iterator[tuple[str, str]]:
    """``(JSON pointer, sentence)`` for every sum that does not add up; members that are absent take part in no sum."""
    for name, path in PATHS.items():
        value = getattr(counts, name)
        if value is not None and value < 0:
            yield "/" + "/".join(path), f"{path[-1]} is negative: {value}"
    yield from _sum(
        counts.total, (counts.prompt, counts.completion), "/total_tokens", "prompt_tokens + completion_tokens"
    )
    yield from _sum(
        counts.prompt, (counts.hit, counts.miss), "/prompt_tokens", "prompt_cache_hit_tokens + prompt_cache_miss_tokens"
    )
    if None not in (counts.cached, counts.hit) and counts.cached != counts.hit:
        yield (
            "/prompt_tokens_details/cached_tokens",
            f"cached_tokens {counts.cached} is not prompt_cache_hit_tokens {counts.hit}",
        )
    if counts.reasoning is not None and counts.completion is not None and counts.reasoning > counts.completion:
        yield (
            "/completion_tokens_details/reasoning_tokens",
            f"reasoning_tokens {counts.reasoning} exceeds completion_tokens {counts.completion}",
        )


def _sum(whole: int | None, parts: tuple[int | None, ...], pointer: str, formula: str) -> Iterator[tuple[str, str]]:
    known = [part for part in parts if part is not None]
    if whole is not None and len(known) == len(parts) and sum(known) != whole:
        yield pointer, f"{pointer[1:]} is {whole}, but {formula} is {' + '.join(map(str, known))} = {sum(known)}"


def _count(value: Any) -> int | None:
    return value if type(value) is int else None  # a bool is no count
