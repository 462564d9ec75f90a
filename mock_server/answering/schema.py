"""A value that is valid against a JSON Schema, shaped by hints from the prompt.

Walks the keywords that the API documents for tool parameters (fact sheet 6.3) and those others that clients send.
Unknown keywords are ignored, so that no schema accepted by the real API is refused.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from echosounder.wire.tokens import WORDS

DEEP = 6  # levels after which optional members are left out, so that recursive schemas end
ROOM = 1 << 16  # maximum number of characters and values in one answer; strings and arrays end there
LONGEST_PATTERN = 500
FORMATS = {
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "date": "2026-08-16",
    "time": "12:00:00Z",
    "date-time": "2026-08-16T12:00:00Z",
    "uri": "https://example.com/",
}


@dataclass(slots=True)
class Hints:
    """Values named in the prompt. Each is used once, in order, if it fits; afterwards the last one is repeated."""

    names: list[str] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    text: str = ""  # the whole prompt, for enums
    quoted: list[str] = field(default_factory=list)
    room: int = ROOM

    def spend(self, wanted: int) -> int:
        """Take the wanted amount from the room, or what is left of it, and return the amount taken."""
        got = max(min(wanted, self.room), 0)
        self.room -= got
        return got


def value(schema: Any, hints: Hints, root: Any = None, depth: int = 0) -> Any:
    """A value for *schema*; ``root`` resolves local references."""
    root = schema if root is None else root
    if not isinstance(schema, dict) or not hints.spend(1):
        return "value"
    if "$ref" in schema:
        return value(_resolve(schema["$ref"], root), hints, root, depth + 1) if depth < 4 * DEEP else None
    if "const" in schema:
        return _given(schema["const"], hints)
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return _given(_choice(schema["enum"], hints), hints)
    for keyword in ("anyOf", "oneOf"):
        if schema.get(keyword):
            return value(_simplest(schema[keyword], depth), hints, root, depth + 1)
    if schema.get("allOf"):
        return value(_merged(schema, root), hints, root, depth + 1)
    return _typed(schema, hints, root, depth)


def _given(item: Any, hints: Hints) -> Any:
    """A value given in the schema itself, if there is room left for it."""
    size = len(str(item))
    return item if hints.spend(size) == size else None


def _typed(schema: dict[str, Any], hints: Hints, root: Any, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    if kind == "object":
        return _object(schema, hints, root, depth)
    if kind == "array":
        return _array(schema, hints, root, depth)
    if kind in ("integer", "number"):
        return _number(schema, hints, kind)
    return {"boolean": True, "null": None}[kind] if kind in ("boolean", "null") else _string(schema, hints)


def _object(schema: dict[str, Any], hints: Hints, root: Any, depth: int) -> dict[str, Any]:
    properties = schema.get("properties") or {}
    required = dict.fromkeys(schema.get("required") or ())
    wanted = [name for name in properties if name in required or (not required and depth < DEEP)]
    wanted += [name for name in required if name not in properties]
    hints.spend(sum(map(len, wanted)))
    wanted = wanted[: hints.room]
    return {name: value(properties.get(name, {}), hints, root, depth + 1) for name in wanted}


def _array(schema: dict[str, Any], hints: Hints, root: Any, depth: int) -> list[Any]:
    fixed = [value(item, hints, root, depth + 1) for item in (schema.get("prefixItems") or ())[: hints.room]]
    least = max(schema.get("minItems") or 0, 1 if depth < DEEP else 0)
    most = schema.get("maxItems")
    size = max(least - len(fixed), 0) if most is None else max(min(least, most) - len(fixed), 0)
    made = fixed
    while size > 0 and hints.room > 0:
        made.append(value(schema.get("items") or {}, hints, root, depth + 1))
        size -= 1
    return made


def _number(schema: dict[str, Any], hints: Hints, kind: str) -> float:
    step = schema.get("multipleOf") or (1 if kind == "integer" else 0)
    low, high = _bounds(schema, step or 0.5)
    for number in hints.numbers:
        if low <= number <= high and _multiple(number, step):
            if len(hints.numbers) > 1:
                hints.numbers.remove(number)
            return int(number) if kind == "integer" or number == int(number) else number
    start = low if low > float("-inf") else min(high, 1)
    if step:
        start = -(-start // step) * step
    return int(start) if kind == "integer" or start == int(start) else start


def _bounds(schema: dict[str, Any], step: float) -> tuple[float, float]:
    low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(above, (int, float)) and not isinstance(above, bool):
        low = max(low, above + step)
    if isinstance(below, (int, float)) and not isinstance(below, bool):
        high = min(high, below - step)
    return low, high


def _multiple(number: float, step: float) -> bool:
    return not step or abs(number / step - round(number / step)) < 1e-9


def _string(schema: dict[str, Any], hints: Hints) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    pattern = schema.get("pattern")
    if pattern:
        fitting = next((name for name in (*hints.quoted, *hints.names) if _matches(pattern, name)), None)
        text = fitting or sample(pattern)
        return text[: hints.spend(len(text))]
    text = _take(hints.quoted) or _take(hints.names) or "value"
    least, most = schema.get("minLength") or 0, schema.get("maxLength")
    return text[: hints.room].ljust(hints.spend(max(least, len(text))), "x")[: most if most is not None else None]


def _take(values: list[str]) -> str | None:
    if not values:
        return None
    return values.pop(0) if len(values) > 1 else values[0]


def _choice(options: list[Any], hints: Hints) -> Any:
    said = hints.text.lower()
    return next((option for option in options if isinstance(option, str) and option.lower() in said), options[0])


def _simplest(options: list[Any], depth: int) -> Any:
    """The first alternative; at great depth, one that cannot recurse."""
    flat = [
        option for option in options if isinstance(option, dict) and option.get("type") not in ("object", "array", None)
    ]
    return flat[0] if depth >= DEEP and flat else options[0]


def _merged(schema: dict[str, Any], root: Any) -> dict[str, Any]:
    result = {key: item for key, item in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        resolved = _resolve(part["$ref"], root) if isinstance(part, dict) and "$ref" in part else part
        for key, item in resolved.items() if isinstance(resolved, dict) else ():
            if key == "properties":
                result[key] = {**(result.get(key) or {}), **item}
            elif key == "required":
                result[key] = [*(result.get(key) or ()), *item]
            else:
                result.setdefault(key, item)
    return result


def _resolve(reference: Any, root: Any) -> Any:
    """A JSON pointer into the schema. ``$def`` and ``$defs`` both occur in the wild (fact sheet 6.3)."""
    found = root
    for escaped in str(reference).removeprefix("#").strip("/").split("/"):
        step = escaped.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = (
                found.get(step, found.get("$defs", {}) if step in ("$def", "definitions") else {}) if step else found
            )
    return found


def _matches(pattern: str, text: str) -> bool:
    """Whether a text fits; False for a pattern that might take long to find out."""
    try:
        return _quick(_parsed(pattern)) and re.search(pattern, text) is not None
    except (re.error, OverflowError, RecursionError):
        return False


def _parsed(pattern: str) -> Any:
    if len(pattern) > LONGEST_PATTERN:
        raise OverflowError
    return re._parser.parse(pattern)  # type: ignore[attr-defined]  # the only parser of this syntax that is at hand


def _quick(tree: Any) -> bool:
    """Whether a pattern has at most two unbounded repetitions, none nested, so that a search takes polynomial time."""
    return _repeats(tree) <= 2


def _repeats(tree: Any) -> int:
    """Number of repetitions without a fixed count; nested ones count more than tenfold."""
    found = 0
    for operation, argument in tree:
        parts = [part for part in _nested(argument) if part]
        within = sum(map(_repeats, parts))
        if str(operation) in REPEATS and argument[0] != argument[1]:
            found += 1 + 10 * within
        else:
            found += within
    return found


def _nested(argument: Any) -> list[Any]:
    """Return the sequences of nodes within a node."""
    if isinstance(argument, re._parser.SubPattern):  # type: ignore[attr-defined]
        return [argument]
    return [each for part in argument for each in _nested(part)] if isinstance(argument, (tuple, list)) else []


def sample(pattern: str) -> str:
    """A string that the pattern matches, from its syntax tree; a plain word if there is none."""
    try:
        tree = _parsed(pattern)
        text = "".join(_sample(item, {}) for item in tree)
    except (re.error, OverflowError, KeyError, ValueError, RecursionError):
        return WORDS[0]
    return text if not _quick(tree) or _matches(pattern, text) else WORDS[0]


REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")


def _sample(item: Any, groups: dict[int, str]) -> str:
    """One node of :mod:`re`'s syntax tree: repetitions at their least (once if that is none), sets by their first member."""
    operation, argument = str(item[0]), item[1]
    if operation == "LITERAL":
        return chr(argument)
    if operation == "ANY":
        return "a"
    if operation == "IN":
        return _member(argument)
    if operation in REPEATS:
        low, high, body = argument
        text, times = "".join(_sample(part, groups) for part in body), int(min(max(low, 1), high))
        if len(text) * times > ROOM:
            raise OverflowError
        return text * times
    if operation == "SUBPATTERN":
        text = "".join(_sample(part, groups) for part in argument[3])
        groups[argument[0]] = text
        return text
    if operation == "BRANCH":
        return "".join(_sample(part, groups) for part in argument[1][0])
    return groups[argument] if operation == "GROUPREF" else ""


def _member(members: Any) -> str:
    allowed = (chr(code) for code in (*range(97, 123), *range(48, 58), *range(65, 91), *range(32, 48), *range(58, 127)))
    source = "".join(_set_source(member) for member in members)
    if str(members[0][0]) == "LITERAL":
        return chr(members[0][1])
    inner = re.compile(f"[{source}]")
    return next(character for character in allowed if inner.match(character))


def _set_source(member: Any) -> str:
    operation, argument = str(member[0]), member[1]
    if operation == "NEGATE":
        return "^"
    if operation == "RANGE":
        return f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}"
    if operation == "LITERAL":
        return re.escape(chr(argument))
    classes = {"DIGIT": r"\d", "NOT_DIGIT": r"\D", "WORD": r"\w", "NOT_WORD": r"\W", "SPACE": r"\s", "NOT_SPACE": r"\S"}
    return classes[str(argument).removeprefix("CATEGORY_")]
