"""Records of settings: each field is described once, and command line, validation, help and files are made from that.

    @dataclass(frozen=True, slots=True)
    class Options:
        users: str | None = setting(None, "Closed loop: this many at a time.")
        drain: float = setting(30.0, "How long streams in flight may take to end.", low=0, high=3600, unit="s")

This module is pure and knows no parser: ``echosounder.cli.described`` makes typer's options of a record, ``mock_server.__main__``
argparse's. It stands in wire because load and the mock, which must not import each other, describe themselves the same way.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from echosounder.wire.errors import UsageError

T = TypeVar("T")
_PLAIN: tuple[type, ...] = (bool, int, float, str, Path)


@dataclass(frozen=True, slots=True)
class Setting:
    """Description of a field. ``kind`` is its type, ``about`` its help text: empty if it is not a command-line option.

    ``flag`` replaces the option name derived from the field, ``aliases`` are further names. Numbers lie between ``low`` and ``high``,
    in ``unit``. ``later``: the default depends on other options. ``secret``: never written anywhere.
    """

    about: str = ""
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    flag: str = ""
    low: float | None = None
    high: float | None = None
    unit: str = ""
    metavar: str | None = None
    later: bool = False
    secret: bool = False
    name: str = ""
    kind: Any = None
    default: Any = None

    @property
    def option(self) -> str:
        """The option as written on a command line."""
        return self.flag or f"--{self.name.replace('_', '-')}"

    @property
    def plain(self) -> type:
        """The type of one value: bool, int, float, str or Path."""
        inner = [part for kind in (*get_args(self.kind), self.kind) for part in (kind, *get_args(kind))]
        return next(plain for plain in _PLAIN if plain in inner)

    @property
    def optional(self) -> bool:
        return type(None) in get_args(self.kind)

    @property
    def repeated(self) -> bool:
        """Whether it may be given several times."""
        return get_origin(self.kind) is tuple and Ellipsis in get_args(self.kind)

    @property
    def span(self) -> str:
        """The bounds in words."""
        if self.high is None:
            return f"at least {self.low:g}"
        return f"at most {self.high:g}" if self.low is None else f"between {self.low:g} and {self.high:g}"

    def within(self, value: Any) -> bool:
        """Whether a number is within the bounds; NaN never is."""
        low, high = self.low, self.high
        return value is None or ((low is None or value >= low) and (high is None or value <= high))


def setting(default: Any, about: str = "", *aliases: str, choices: Iterable[str] = (), **more: Any) -> Any:
    """A field of a record with its description; *more* are members of :class:`Setting`."""
    described = Setting(about, aliases, tuple(choices), **more)
    return field(default=default, repr=not described.secret, metadata={"setting": described})


def settings(record: type) -> tuple[Setting, ...]:
    """Every field of a record in its order, by name, type and default; one without a description has an empty one."""
    kinds = get_type_hints(record)
    return tuple(
        replace(each.metadata.get("setting", Setting()), name=each.name, kind=kinds[each.name], default=each.default)
        for each in fields(record)
    )


def bounded(record: Any) -> None:
    """Raises :class:`UsageError`, which names the option, for the first number out of bounds."""
    for each in settings(type(record)):
        value = getattr(record, each.name)
        if not each.within(value):
            unit = f" {each.unit}" if each.unit else ""
            raise UsageError(f"{each.option} must be {each.span}{unit}, not {value:g}{unit}")


def dump(record: Any) -> dict[str, Any]:
    """The values as JSON, for a file or a log; without secrets."""
    secret = {each.name for each in settings(type(record)) if each.secret}
    values: dict[str, Any] = msgspec.to_builtins(record, enc_hook=str)
    return {name: value for name, value in values.items() if name not in secret}


def load(record: type[T], values: dict[str, Any], **more: Any) -> T:
    """Inverse of :func:`dump`, with the omitted members. Raises ``ValueError`` for a member that is unknown or of another type."""
    known = {each.name for each in settings(record)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"unknown: {', '.join(unknown)}")
    try:
        return msgspec.convert(values | more, record, dec_hook=lambda kind, value: kind(value))
    except (msgspec.ValidationError, TypeError) as error:
        raise ValueError(str(error)) from None
