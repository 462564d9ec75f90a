"""Schedule of the events: offsets in nanoseconds after the start, all known before the first byte.

Text form: ``constant``, ``list:400,100`` (pauses in ms after the first token, repeated), ``normal:cv=0.2``, ``lognormal:cv=0.5``,
``gamma:cv=1``, ``trace:FILE`` (a JSON array of token offsets in ms per line; a request takes the next line).
The random distributions have ``ttft`` and ``itl`` as their means and the given coefficient of variation.
"""

import json
import math
from collections.abc import Callable
from itertools import accumulate, cycle, islice
from pathlib import Path
from random import Random

from echosounder.wire.errors import UsageError

MS = 1_000_000
Draw = Callable[[Random, float], float]  # draws a value; the argument is the mean
Offsets = Callable[[int, int, float, float], list[int]]  # request number, steps, ttft ns, gap ns -> offset of each step


def parse(text: str, seed: int = 0) -> Offsets:
    """Raises :class:`UsageError` for an unknown schedule."""
    kind, _, rest = text.partition(":")
    if kind == "constant" and not rest:
        return constant
    if kind == "list":
        return _list(rest)
    if kind == "trace":
        return _trace(rest)
    if kind in DRAWS:
        return _random(DRAWS[kind], rest, seed)
    raise UsageError(
        f"unknown schedule {text!r}: constant, list:400,100, normal:cv=0.2, lognormal:cv=0.5, gamma:cv=1, trace:FILE"
    )


def constant(number: int, steps: int, first: float, gap: float) -> list[int]:
    if gap == int(gap) and first == int(first):
        return list(range(int(first), int(first) + steps * int(gap), int(gap))) if gap else [int(first)] * steps
    return [round(first + gap * step) for step in range(steps)]


def _list(text: str) -> Offsets:
    try:
        pauses = [round(float(part) * MS) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"schedule list:{text}: give pauses in milliseconds, such as list:400,100") from None
    if min(pauses) < 0:
        raise UsageError(f"schedule list:{text}: a pause cannot be negative")
    return lambda number, steps, first, gap: list(
        accumulate(islice(cycle(pauses), max(steps - 1, 0)), initial=round(first))
    )[:steps]


def _trace(path: str) -> Offsets:
    try:
        lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
        traces = [[round(float(offset) * MS) for offset in line] for line in lines]
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"schedule trace:{path}: {error}; give a file with a JSON array of milliseconds per line"
        ) from None
    if not traces or any(not trace or trace != sorted(trace) for trace in traces):
        raise UsageError(f"schedule trace:{path}: each line needs ascending offsets, and there must be one")

    def offsets(number: int, steps: int, first: float, gap: float) -> list[int]:
        trace = traces[(number - 1) % len(traces)]
        return trace[:steps] + [trace[-1] + round(gap * more) for more in range(1, steps - len(trace) + 1)]

    return offsets


def _normal(cv: float) -> Draw:
    return lambda rng, mean: max(0.0, rng.gauss(mean, cv * mean))


def _lognormal(cv: float) -> Draw:
    variance = math.log(1 + cv * cv)
    return lambda rng, mean: (
        rng.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance)) if mean >= 1 else 0.0
    )


def _gamma(cv: float) -> Draw:
    return lambda rng, mean: rng.gammavariate(1 / cv**2, mean * cv**2) if mean >= 1 else 0.0


DRAWS: dict[str, Callable[[float], Draw]] = {"normal": _normal, "lognormal": _lognormal, "gamma": _gamma}


def _random(kind: Callable[[float], Draw], text: str, seed: int) -> Offsets:
    name, _, value = text.partition("=")
    try:
        cv = float(value)
    except ValueError:
        cv = -1.0
    if name != "cv" or not 0 < cv < 100:
        raise UsageError(f"schedule parameter {text!r}: give the coefficient of variation, such as cv=0.5")
    draw = kind(cv)

    def offsets(number: int, steps: int, first: float, gap: float) -> list[int]:
        rng = Random(f"{seed} schedule {number}")
        gaps = (draw(rng, gap) for _ in range(steps - 1))
        return [round(offset) for offset in accumulate(gaps, initial=draw(rng, first))][:steps]

    return offsets


def stream(tokens: list[int], lead: int, tail: int, gap: int) -> list[int]:
    """Offsets of all events of a stream: *lead* events one gap before the first token, *tail* events after the last
    one.

    The events of the tail are due one nanosecond apart: they are sent at once, but each in its own write. Events due
    at the same instant share one write.
    """
    first = tokens[0] if tokens else 0
    last = tokens[-1] + gap if tokens else gap
    step = 1 if last else 0
    return [max(0, first - gap)] * lead + tokens + [last + step * number for number in range(tail)]


def spread(events: list[int], tokens: list[int], offsets: list[int]) -> tuple[list[int], list[int]]:
    """Token count and offset of each event, from those of each step; *events* gives the step of each event, ascending.

    The first event of a step carries its tokens; the others follow a nanosecond apart, each in its own write.
    """
    counted: list[int] = []
    due: list[int] = []
    before = -1
    for step in events:
        counted.append(tokens[step] if step != before else 0)
        due.append(offsets[step] if step != before else due[-1] + 1)
        before = step
    return counted, due
