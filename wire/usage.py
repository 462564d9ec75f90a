"""Token usage as an API reports it, and its arithmetic rules. The format knows the place of each count."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from echosounder.wire.outside import count
from echosounder.wire.strict_json import at

Pointers = Mapping[str, tuple[str | int, ...]]  # members of Usage -> where they stand in a usage object


class Usage(msgspec.Struct, frozen=True):
    """Counts in tokens; None if the member is absent or not an integer. ``hit`` and ``miss`` split the prompt by the context cache.

    A struct, not a dataclass, because one is made per request while others are being measured.
    """

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    hit: int | None = None
    miss: int | None = None
    cached: int | None = None
    reasoning: int | None = None


def usage(value: Any, pointers: Pointers) -> Usage | None:
    """The ``usage`` object of a response or chunk as counts; None when it is not an object."""
    if not isinstance(value, dict):
        return None
    get = value.get
    return Usage(
        **{name: count(get(path[0]) if len(path) == 1 else at(value, *path)) for name, path in pointers.items()}
    )


def disagreements(counts: Usage, pointers: Pointers) -> Iterator[tuple[str, str]]:
    """``(JSON pointer, sentence)`` of each negative count, wrong sum, inconsistent repeated count, and part larger than its whole;
    absent members are ignored.
    """
    for name, path in pointers.items():
        value = getattr(counts, name)
        if value is not None and value < 0:
            yield written(path), f"{path[-1]} is negative: {value}"
    yield from _sum(counts, pointers, "total", ("prompt", "completion"))
    yield from _sum(counts, pointers, "prompt", ("hit", "miss"))
    if None not in (counts.cached, counts.hit) and counts.cached != counts.hit:
        yield _pair(counts, pointers, "cached", "is not", "hit")
    if counts.reasoning is not None and counts.completion is not None and counts.reasoning > counts.completion:
        yield _pair(counts, pointers, "reasoning", "exceeds", "completion")


def written(path: tuple[str | int, ...]) -> str:
    """A pointer as text (RFC 6901)."""
    return "".join(f"/{step}" for step in path)


def _sum(counts: Usage, pointers: Pointers, whole: str, parts: tuple[str, str]) -> Iterator[tuple[str, str]]:
    total, known = getattr(counts, whole), [getattr(counts, part) for part in parts]
    if total is None or None in known or sum(known) == total:
        return
    formula = " + ".join(str(pointers[part][-1]) for part in parts)
    yield (
        written(pointers[whole]),
        f"{pointers[whole][-1]} is {total}, but {formula} is {' + '.join(map(str, known))} = {sum(known)}",
    )


def _pair(counts: Usage, pointers: Pointers, one: str, verb: str, other: str) -> tuple[str, str]:
    left, right = (f"{pointers[name][-1]} {getattr(counts, name)}" for name in (one, other))
    return written(pointers[one]), f"{left} {verb} {right}"
