"""Type checks with the error messages of serde_json, which the real server visibly uses.

A check raises :class:`Malformed` with serde's phrase. Unknown fields are ignored.
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any], None]


@dataclass(frozen=True, slots=True)
class Shape:
    """Fields of an object and the check of each. ``null`` counts as absent for optional fields."""

    checks: Mapping[str, Check]
    needed: tuple[str, ...] = ()

    @classmethod
    def of(cls, needed: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> "Shape":
        return cls({**needed, **(optional or {})}, tuple(needed))

    def without(self, names: Collection[str]) -> "Shape":
        return Shape({name: check for name, check in self.checks.items() if name not in names}, self.needed)


class Malformed(Exception):
    """A type error at ``path``, which grows outwards as the exception propagates: ``messages[0].role``."""

    def __init__(self, what: str, path: str = "") -> None:
        super().__init__(what)
        self.what, self.path = what, path

    def under(self, step: str) -> "Malformed":
        separator = "." if self.path and not self.path.startswith("[") else ""
        return Malformed(self.what, step + separator + self.path)


def named(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"boolean `{str(value).lower()}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{value}`"
        case str():
            return f"string {json.dumps(value, ensure_ascii=False)}"
        case list():
            return "sequence"
    return "map"


def expect(value: Any, good: bool, wanted: str) -> None:
    if not good:
        raise Malformed(f"invalid type: {named(value)}, expected {wanted}")


def string(value: Any) -> None:
    if not isinstance(value, str):
        expect(value, False, "a string")


def boolean(value: Any) -> None:
    if value is not True and value is not False:
        expect(value, False, "a boolean")


def number(value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        expect(value, False, "f32")


def integer(bits: int, signed: bool = False) -> Check:
    low, high = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    name = f"{'i' if signed else 'u'}{bits}"

    def check(value: Any) -> None:
        expect(value, isinstance(value, int) and not isinstance(value, bool), name)
        if not low <= value < high:
            raise Malformed(f"invalid value: integer `{value}`, expected {name}")

    return check


def anything(value: Any) -> None:
    """Accepts any value: checked later, or not at all."""


def mapping(value: Any) -> None:
    expect(value, isinstance(value, dict), "a map")


def sequence(check: Check) -> Check:
    def check_all(value: Any) -> None:
        if not isinstance(value, list):
            expect(value, False, "a sequence")
        for index, item in enumerate(value):
            try:
                check(item)
            except Malformed as error:
                raise error.under(f"[{index}]") from None

    return check_all


def one_of(*names: str) -> Check:
    known = frozenset(names)
    shown = [f"`{name}`" for name in names]
    listed = f"expected one of {', '.join(shown)}" if len(names) > 2 else f"expected {' or '.join(shown)}"

    def check(value: Any) -> None:
        if not isinstance(value, str):
            expect(value, False, "a string")
        if value not in known:
            raise Malformed(f"unknown variant `{value}`, {listed}")

    return check


def struct(name: str, needed: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    shape = Shape.of(needed, optional)

    def check(value: Any) -> None:
        expect(value, isinstance(value, dict), f"struct {name}")
        check_fields(value, shape)

    return check


def check_fields(value: dict[str, Any], shape: Shape) -> None:
    for name, member in value.items():  # in the order of the JSON text, as serde reads it
        check = shape.checks.get(name)
        if check is not None and (member is not None or name in shape.needed):
            try:
                check(member)
            except Malformed as error:
                raise error.under(name) from None
    for name in shape.needed:
        if name not in value:
            raise Malformed(f"missing field `{name}`")


def tagged(name: str, variants: dict[str, Shape]) -> Check:
    """An object whose ``type`` determines its kind."""
    tag = one_of(*variants)

    def check(value: Any) -> None:
        expect(value, isinstance(value, dict), f"internally tagged enum {name}")
        if "type" not in value:
            raise Malformed("missing field `type`")
        try:
            tag(value["type"])
        except Malformed as error:
            raise error.under("type") from None
        check_fields(value, variants[value["type"]])

    return check
