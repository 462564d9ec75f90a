"""Client-visible differences between two OpenAPI documents, in words.

Documents say the same in many ways, so what is compared is what a schema comes to: references followed, ``allOf`` joined, the
branches of ``anyOf`` and ``oneOf`` laid together. Conditions (``if``) and rules in prose are not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
BASES = ("/v1", "/beta")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
DEPTH = 12  # of members: a schema that holds itself ends there


class Kind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    NARROWED = "narrowed"  # fewer values are legal
    WIDENED = "widened"  # more values are legal


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. ``where`` is an operation and a side of it; ``says`` a sentence about the other document."""

    kind: Kind
    where: str
    says: str

    @property
    def contradicts(self) -> bool:
        """Whether the second document contradicts the first. Additions do not."""
        return self.kind is not Kind.ADDED


@dataclass
class SchemaShape:
    """Resolved schema. ``values`` None: any; ``types`` empty: any."""

    types: set[str] = field(default_factory=set)
    values: set[str] | None = None
    required: set[str] = field(default_factory=set)
    bounds: dict[str, float] = field(default_factory=dict)
    members: dict[str, SchemaShape] = field(default_factory=dict)
    items: SchemaShape | None = None


def drift(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[Drift]:
    """Differences of *theirs* from *ours*, operation by operation."""
    mine, others = dict(_operations(ours)), dict(_operations(theirs))
    found = [Drift(Kind.REMOVED, name, "the operation is gone") for name in mine if name not in others]
    found += [Drift(Kind.ADDED, name, "the operation is new") for name in others if name not in mine]
    for name in mine:
        if name in others:
            found += _operation(name, (ours, mine[name]), (theirs, others[name]))
    return found


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for path, item in document.get("paths", {}).items():
        plain = next((path.removeprefix(base) for base in BASES if path.startswith(f"{base}/")), path)
        for method in METHODS:
            if method in item and (plain == path or plain not in document["paths"]):
                yield f"{method.upper()} {plain}", item[method]


def _operation(name: str, mine: tuple[Any, Any], other: tuple[Any, Any]) -> Iterator[Drift]:
    yield from _sides(f"{name}, request", _body(*mine), _body(*other))
    statuses, theirs = mine[1].get("responses", {}), other[1].get("responses", {})
    for status in sorted(statuses.keys() - theirs.keys()):
        yield Drift(Kind.REMOVED, name, f"status {status} is not described")
    for status in sorted(theirs.keys() - statuses.keys()):
        yield Drift(Kind.ADDED, name, f"status {status} is described")
    yield from _sides(f"{name}, answer", _answer(*mine), _answer(*other))


def _sides(where: str, mine: SchemaShape | None, other: SchemaShape | None) -> Iterator[Drift]:
    if mine is not None and other is not None:
        yield from _compared(where, "", mine, other)


def _body(document: Any, operation: Any) -> SchemaShape | None:
    return _of_content(document, _resolved(document, operation.get("requestBody", {})))


def _answer(document: Any, operation: Any) -> SchemaShape | None:
    return _of_content(document, _resolved(document, operation.get("responses", {}).get("200", {})))


def _of_content(document: Any, holder: Any) -> SchemaShape | None:
    schema = holder.get("content", {}).get("application/json", {}).get("schema")
    return None if schema is None else shape(document, schema)


def _resolved(document: Any, node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        found: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        node = found
    return node


def shape(document: Any, schema: Any, depth: int = 0) -> SchemaShape:
    """Resolves a schema of a document. Raises KeyError for a reference that leads nowhere."""
    node = _resolved(document, schema)
    made = SchemaShape()
    if not isinstance(node, dict) or depth > DEPTH:
        return made
    types = node.get("type", [])
    made.types = set([types] if isinstance(types, str) else types) | ({"null"} if node.get("nullable") else set())
    if "enum" in node or "const" in node:
        made.values = set(map(repr, node.get("enum", [node.get("const")])))
    made.required = set(node.get("required", ()))
    made.bounds = {name: node[name] for name in (*UPPER, *LOWER) if type(node.get(name)) in {int, float}}
    made.members = {name: shape(document, each, depth + 1) for name, each in node.get("properties", {}).items()}
    made.items = shape(document, node["items"], depth + 1) if "items" in node else None
    for part in node.get("allOf", ()):
        _join(made, shape(document, part, depth + 1), both=True)
    branches = [shape(document, part, depth + 1) for key in ("anyOf", "oneOf") for part in node.get(key, ())]
    made.required |= set.intersection(*(branch.required for branch in branches)) if branches else set()
    for branch in branches:
        _join(made, branch, both=False)
    return made


def _join(made: SchemaShape, part: SchemaShape, both: bool) -> None:
    """*both* must hold: what either demands is demanded. Else either may hold: what only one says is only possible."""
    made.types |= part.types
    if part.values is not None:
        made.values = (made.values or set()) | part.values
    made.required |= part.required if both else set()
    made.bounds |= part.bounds if both else {}
    made.items = made.items or part.items
    for name, member in part.members.items():
        if name in made.members:
            _join(made.members[name], member, both)
        else:
            made.members[name] = member


def _compared(where: str, at: str, mine: SchemaShape, other: SchemaShape) -> Iterator[Drift]:
    name = at or "the body"
    yield from _of_types(where, name, mine, other)
    yield from _of_values(where, name, mine, other)
    yield from _of_bounds(where, name, mine, other)
    for member in sorted(mine.required - other.required):
        if member in other.members:
            yield Drift(Kind.WIDENED, where, f"{_under(at, member)} may be left out")
    for member in sorted(other.required - mine.required):
        yield Drift(Kind.NARROWED, where, f"{_under(at, member)} must be there")
    for member in sorted(mine.members.keys() | other.members.keys()):
        if member not in other.members:
            yield Drift(Kind.REMOVED, where, f"{_under(at, member)} is gone")
        elif member not in mine.members:
            yield Drift(Kind.ADDED, where, f"{_under(at, member)} is new")
        else:
            yield from _compared(where, _under(at, member), mine.members[member], other.members[member])
    if mine.items is not None and other.items is not None:
        yield from _compared(where, f"{at}[]", mine.items, other.items)


def _under(at: str, member: str) -> str:
    return f"{at}.{member}" if at else member


def _of_types(where: str, name: str, mine: SchemaShape, other: SchemaShape) -> Iterator[Drift]:
    if mine.types and other.types:
        for kind, types, says in (
            (Kind.NARROWED, mine.types - other.types, "may no longer be"),
            (Kind.WIDENED, other.types - mine.types, "may also be"),
        ):
            for each in sorted(types - ({"integer"} if "number" in mine.types | other.types else set())):
                yield Drift(kind, where, f"{name} {says} {each}")


def _of_values(where: str, name: str, mine: SchemaShape, other: SchemaShape) -> Iterator[Drift]:
    if mine.values is not None and other.values is not None:
        for each in sorted(mine.values - other.values):
            yield Drift(Kind.NARROWED, where, f"{name} has no value {each}")
        for each in sorted(other.values - mine.values):
            yield Drift(Kind.WIDENED, where, f"{name} has the further value {each}")
    elif mine.values is None and other.values is not None:
        yield Drift(Kind.NARROWED, where, f"{name} is one of {', '.join(sorted(other.values))}")


def _of_bounds(where: str, name: str, mine: SchemaShape, other: SchemaShape) -> Iterator[Drift]:
    for bound in (*UPPER, *LOWER):
        old, new = mine.bounds.get(bound), other.bounds.get(bound)
        if old == new:
            continue
        narrower = old is None or (new is not None and ((new < old) == (bound in UPPER)))
        kind = Kind.NARROWED if narrower else Kind.WIDENED
        yield Drift(kind, where, f"{name} has {bound} {_said(new)}, not {_said(old)}")


def _said(bound: float | None) -> str:
    return "none" if bound is None else f"{bound:g}" if isinstance(bound, float) else str(bound)
