"""Every bound of the document, from both sides, without chance: at the bound and just outside of it, every value of an enum
and one that is none, every type and a wrong one, each required member missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
WRONG = {"string": 7, "integer": "seven", "number": "seven", "boolean": "yes", "array": {}, "object": []}


@dataclass(frozen=True, slots=True)
class Bound:
    """A value for a member of a body, and whether the document allows it. ``value`` is ``...`` if the member is omitted."""

    member: str
    rule: str
    value: Any
    legal: bool

    def on(self, body: dict[str, Any]) -> dict[str, Any]:
        rest = {name: value for name, value in body.items() if name != self.member}
        return rest if self.value is ... else {**rest, self.member: self.value}


def bounds(document: dict[str, Any], schema: str) -> Iterator[Bound]:
    """The bounds of the top-level members of ``components/schemas/<schema>``."""
    top = document["components"]["schemas"][schema]
    for name in top.get("required", ()):
        yield Bound(name, "required", ..., legal=False)
    for name, member in top.get("properties", {}).items():
        yield from _member(name, _resolved(document, member), document)


def _resolved(document: dict[str, Any], schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _member(name: str, schema: Schema, document: dict[str, Any]) -> Iterator[Bound]:
    kinds = schema.get("type", ())
    types = [kinds] if isinstance(kinds, str) else list(kinds)
    if types:
        yield from _typed(name, types)
    yield from _numbers(name, schema, integer="integer" in types)
    for value in schema.get("enum", ()):
        yield Bound(name, "enum", value, legal=True)
    if "enum" in schema:
        yield Bound(name, "not in enum", "echosounder", legal=False)
    if "maxItems" in schema and isinstance(item := _item(schema, document), str):
        yield Bound(name, "maxItems", [f"{item}{n}" for n in range(schema["maxItems"])], legal=True)
        yield Bound(name, "above maxItems", [f"{item}{n}" for n in range(schema["maxItems"] + 1)], legal=False)
    if "minItems" in schema:
        yield Bound(name, "below minItems", [], legal=False)
    for variant in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from (bound for bound in _member(name, _resolved(document, variant), document) if bound.legal)


def _item(schema: Schema, document: dict[str, Any]) -> str | None:
    return "stop " if _resolved(document, schema.get("items", {})).get("type") == "string" else None


def _typed(name: str, types: list[str]) -> Iterator[Bound]:
    if "null" in types:
        yield Bound(name, "null", None, legal=True)
    if wrong := next((WRONG[kind] for kind in types if kind in WRONG), None):
        yield Bound(name, "wrong type", wrong, legal=False)


def _numbers(name: str, schema: Schema, integer: bool) -> Iterator[Bound]:
    step: float = 1 if integer else 0.125
    for rule, sign in (("minimum", -1), ("maximum", 1)):
        if rule in schema:
            yield Bound(name, rule, schema[rule], legal=True)
            yield Bound(name, f"outside {rule}", schema[rule] + sign * step, legal=False)
    if "exclusiveMinimum" in schema:
        yield Bound(name, "exclusiveMinimum", schema["exclusiveMinimum"], legal=False)
        yield Bound(name, "above exclusiveMinimum", schema["exclusiveMinimum"] + step, legal=True)
