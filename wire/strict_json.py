"""Strict JSON for a conformance harness: what a lenient parser accepts silently is reported."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from echosounder.wire.outside import LONGEST

MOST_PROBLEMS = 100
"""Of one text; whoever has so many has more."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON value and problems of its text, by RFC 8259 or common sense (``duplicate key "id"``, ``NaN literal``)."""

    value: Any
    problems: tuple[str, ...] = ()


def parse(text: str) -> Parsed:
    """Raises ``ValueError`` (with line and column) if *text* is not a single JSON value; NaN and Infinity are reported as problems
    only.
    """
    problems: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(items)
        if len(seen) < len(items):
            times = Counter(name for name, _ in items)
            problems.extend(f"duplicate key {_told(name)}" for name in seen if times[name] > 1)
            del problems[MOST_PROBLEMS:]
        return seen

    def constant(name: str) -> float:
        problems.append(f"{name} literal")
        return float(name.replace("Infinity", "inf"))

    def whole(digits: str) -> int | float:
        if len(digits) <= LONGEST:
            return int(digits)
        problems.append(f"a number of {len(digits)} digits")
        return float("-inf" if digits.startswith("-") else "inf")  # as one with so large an exponent

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant, parse_int=whole)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return Parsed(value, tuple(problems))


def _told(name: str) -> str:
    return repr(name if len(name) <= 80 else name[:79] + "…")


def compact(value: Any) -> str:
    """The shortest text of *value*, with unescaped characters, as DeepSeek writes its bodies."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def at(value: Any, *path: str | int) -> Any:
    """The member of *value* at *path*; None if a step is missing or of another type."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
    return value


def entries(value: Any) -> list[Any]:
    """*value* if it is an array, else empty: a target may send any type."""
    return value if isinstance(value, list) else []
