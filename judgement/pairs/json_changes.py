"""Differences between two JSON texts, where the second should be the first, passed on.

Numbers keep their spelling and members their order, because a proxy that reads into doubles or maps loses just these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from echosounder.wire.strict_json import compact, parse


class ChangeKind(StrEnum):
    DROPPED = "dropped"
    ADDED = "added"
    RENAMED = "renamed"
    CHANGED = "changed"
    NUMBER = "number"  # another number where a number was, or one of another type
    REORDERED = "reordered"  # the members of an object came in another order
    RESPELT = "respelt"  # the same number in other digits: 1e2 for 100.0


@dataclass(frozen=True, slots=True)
class Change:
    """``pointer`` is a JSON pointer into the first text; ``before`` and ``after`` are values, None if absent."""

    kind: ChangeKind
    pointer: str
    before: Any = None
    after: Any = None

    @property
    def place(self) -> str:
        """The pointer with ``*`` for every index: the same fault in every element has one cause."""
        return "/".join("*" if part.isdigit() else part for part in self.pointer.split("/"))

    @property
    def sentence(self) -> str:
        match self.kind:
            case ChangeKind.DROPPED:
                return f"{self.place} was dropped (it was {brief(self.before)})"
            case ChangeKind.ADDED:
                return f"{self.place} was added: {brief(self.after)}"
            case ChangeKind.RENAMED:
                return f"{self.place} was renamed to {self.after}"
            case ChangeKind.REORDERED:
                where = self.place or "the document"
                return f"the members of {where} were reordered: {', '.join(self.before)} became {', '.join(self.after)}"
        return f"{self.place} was {brief(self.before)}, and became {brief(self.after)}"


class Number(str):
    """A number as written."""

    __slots__ = ()


def read(text: str) -> Any:
    """A JSON value whose numbers are :class:`Number`. Raises ``ValueError``."""
    try:
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=Number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def changes(before: Any, after: Any, pointer: str = "") -> Iterator[Change]:
    """Every change from *before* to *after*, two values of :func:`read`, in the order of the first."""
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _members(before, after, pointer)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _elements(before, after, pointer)
    elif isinstance(before, Number) and isinstance(after, Number):
        if before != after:
            kind = (
                ChangeKind.RESPELT
                if _value(before) == _value(after) and _typed_alike(before, after)
                else ChangeKind.NUMBER
            )
            yield Change(kind, pointer, before, after)
    elif before != after or type(before) is not type(after):
        yield Change(ChangeKind.CHANGED, pointer, before, after)


def _members(before: dict[str, Any], after: dict[str, Any], pointer: str) -> Iterator[Change]:
    gone = [name for name in before if name not in after]
    new = [name for name in after if name not in before]
    for name in gone:
        twin = next((other for other in new if _renamed(before[name], after[other])), None)
        if twin is None:
            yield Change(ChangeKind.DROPPED, _at(pointer, name), before[name])
        else:
            new.remove(twin)
            yield Change(ChangeKind.RENAMED, _at(pointer, name), before[name], twin)
    for name in new:
        yield Change(ChangeKind.ADDED, _at(pointer, name), None, after[name])
    kept = [name for name in before if name in after]
    order = [name for name in after if name in before]
    if kept != order:
        yield Change(ChangeKind.REORDERED, pointer, kept, order)
    for name in kept:
        yield from changes(before[name], after[name], _at(pointer, name))


def _renamed(before: Any, after: Any) -> bool:
    """Null, empty texts and flags say too little to tell a new name from a new member."""
    return before == after and before not in (None, "", True, False) and type(before) is type(after)


def _elements(before: list[Any], after: list[Any], pointer: str) -> Iterator[Change]:
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        yield from changes(old, new, f"{pointer}/{index}")
    for index, old in enumerate(before[len(after) :], len(after)):
        yield Change(ChangeKind.DROPPED, f"{pointer}/{index}", old)
    for index, new in enumerate(after[len(before) :], len(before)):
        yield Change(ChangeKind.ADDED, f"{pointer}/{index}", None, new)


def _typed_alike(before: Number, after: Number) -> bool:
    """12 that became 12.0 is not an integer any more to a client with types; 1.0 that became 1 may still be read as a fraction."""
    return not (_whole(before) and not _whole(after))


def _whole(number: Number) -> bool:
    return number.removeprefix("-").isdigit()


def _value(number: Number) -> Decimal | str:
    try:
        return Decimal(number)
    except InvalidOperation:
        return str(number)


def _at(pointer: str, name: str) -> str:
    """RFC 6901, section 3."""
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"


def _plain(value: Any) -> Any:
    match value:
        case Number():
            return parse(value).value
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
    return value


def brief(value: Any, room: int = 60) -> str:
    """A value as JSON text, cut in its middle."""
    text = str(value) if isinstance(value, Number) else compact(_plain(value))
    return text if len(text) <= room else f"{text[: room - 20]} … {text[-12:]}"
