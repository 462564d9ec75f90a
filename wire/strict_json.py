"""JSON as a conformance harness must read it: what a lenient parser lets through is reported, not lost."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON value and what RFC 8259 or common sense forbids about its text (``duplicate key "id"``, ``NaN literal``)."""

    value: Any
    problems: tuple[str, ...] = ()


def parse(text: str) -> Parsed:
    """Raises ``ValueError`` (with line and column) when *text* is no single JSON value; NaN and Infinity only count as problems."""
    problems: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(items)
        if len(seen) < len(items):
            names = [name for name, _ in items]
            problems.extend(f"duplicate key {name!r}" for name in seen if names.count(name) > 1)
        return seen

    def constant(name: str) -> float:
        problems.append(f"{name} literal")
        return float(name.replace("Infinity", "inf"))

    try:
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return Parsed(value, tuple(problems))


def compact(value: Any) -> str:
    """The shortest text of *value*, characters left as they are: how DeepSeek writes its bodies."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def at(value: Any, *path: str | int) -> Any:
    """The member of *value* at *path*, or None where anything on the way is missing or of another type."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
    return value
