"""Turns the fields of a settings record into options of a command; only this module uses typer for that."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from inspect import Parameter, Signature
from typing import Annotated, Any, TypeVar

import typer

from echosounder.cli.duration import UNITS, duration
from echosounder.wire.settings import Setting, settings

F = TypeVar("F", bound=Callable[..., Any])


def described(record: type, variables: str, completed: Mapping[str, Any] | None = None) -> Callable[[F], F]:
    """Add an option for each setting of *record* that has a help text to a command, which takes them as ``**given``.

    *variables* is the prefix of the names of their environment variables; *completed* are functions that complete values, by setting.
    :func:`values` converts the arguments of the command to those of the record.
    """
    options = [_option(each, variables, (completed or {}).get(each.name)) for each in settings(record) if each.about]

    def give(command: F) -> F:
        own = [
            each for each in Signature.from_callable(command).parameters.values() if each.kind is not each.VAR_KEYWORD
        ]
        command.__signature__ = Signature([*own, *options])  # type: ignore[attr-defined]  # where typer looks for options
        return command

    return give


def values(record: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Convert lists to tuples, and comma-separated texts too if the record has tuples."""
    kinds = {each.name: each for each in settings(record)}
    return {name: _value(kinds[name], value) for name, value in given.items()}


def _value(each: Setting, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return tuple(value.split(",")) if value and _parts(each) else value


def _option(each: Setting, variables: str, complete: Any) -> Parameter:
    unit = _unit(each)
    more: dict[str, Any] = {"parser": duration(unit=unit), "metavar": "DURATION"} if unit else {"metavar": each.metavar}
    if each.plain is int and not each.optional:
        more["min"] = each.low  # so that the help shows it
    option = typer.Option(
        each.option,
        *each.aliases,
        envvar=f"{variables}{each.name.upper()}",
        help=each.about,
        autocompletion=complete,
        **more,
    )
    return Parameter(
        each.name, Parameter.KEYWORD_ONLY, default=_default(each), annotation=Annotated[_kind(each), option]
    )


def _kind(each: Setting) -> Any:
    if each.repeated:
        return list[each.plain]  # type: ignore[name-defined]  # a type that is only known when the command is made
    kind: Any = (
        StrEnum(each.name.title(), {word.upper(): word for word in each.choices}) if each.choices else each.plain
    )
    return kind | None if each.optional or each.later else kind


def _default(each: Setting) -> Any:
    if each.later:
        return None
    if unit := _unit(each):
        return f"{each.default:g}{unit}"
    return list(each.default) if each.repeated else each.default


def _unit(each: Setting) -> str:
    """The unit of a duration, from the record or from the suffix of its name; empty for other settings."""
    suffix = each.name.rpartition("_")[2]
    return each.unit or (suffix if each.plain is float and suffix in UNITS else "")


def _parts(each: Setting) -> bool:
    return "tuple" in str(each.kind) and not each.repeated
