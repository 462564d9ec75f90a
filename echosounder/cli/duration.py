"""Durations as people write them."""

import math
from collections.abc import Callable

import typer

from echosounder.wire.errors import UsageError

UNITS = {"us": 1e-6, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str | float) -> float:
    """``90``, ``90s``, ``2m``, ``500ms`` or ``1h`` in seconds. Raises :class:`UsageError` for anything else."""
    return measured(text, "s")


def measured(text: str | float, unit: str) -> float:
    """A duration in *unit*, which is also the unit of a bare number. Raises :class:`UsageError` for an infinite or negative one."""
    text = str(text)
    number = text.rstrip("umhs ")
    try:
        value = float(number) * UNITS[text[len(number) :].strip() or unit] / UNITS[unit]
    except (ValueError, KeyError):
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise UsageError(f"not a duration: {text!r}; write it like 30s, 2m or 500ms")
    return value


def duration(low: float = 0.0, unit: str = "s") -> Callable[[str], float]:
    """Parser of an option whose value is at least *low*, in *unit*."""

    def parse(text: str) -> float:
        try:
            value = measured(text, unit)
        except UsageError as error:
            raise typer.BadParameter(str(error)) from None
        if value < low:
            raise typer.BadParameter(f"{text} is shorter than {low:g}{unit}")
        return value

    return parse
