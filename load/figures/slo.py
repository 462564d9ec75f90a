"""Service level objectives: ``ttft_p95<500ms``, ``failures<1%``, ``goodput>20/s``. Parses them, and compares them with a report."""

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from echosounder.wire.errors import UsageError
from echosounder.wire.strict_json import at

LATENCIES = (
    "ttft",
    "ttft_from_schedule",
    "gap",
    "tpot",
    "e2e",
    "e2e_from_schedule",
    "dispatch_delay",
    "connect",
    "keepalive",
)
STATISTICS = ("mean", "p50", "p90", "p95", "p99", "p999", "max")
SHARES = {"failures": ("failed", "rejected", "truncated"), "rejected": ("rejected",), "truncated": ("truncated",)}
FIGURES: dict[str, tuple[str, ...]] = {
    "goodput": ("throughput", "goodput_per_s"),
    "requests": ("throughput", "requests_per_s"),
    "output_tokens": ("throughput", "output_tokens_per_s"),
    "hit_ratio": ("cache", "hit_ratio"),
    "usd": ("cost", "usd"),
}
_UNITS = {"ms": 1.0, "s": 1000.0, "us": 0.001}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_SYNTAX = re.compile(r"([a-z_0-9]+)\s*(<=|>=|<|>)\s*(\d+(?:\.\d+)?)\s*(ms|us|s|%|/s)?")


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective. ``limit`` is in ms for latencies, a share of one for shares, per second for rates."""

    expr: str
    name: str
    statistic: str
    compare: str
    limit: float

    @property
    def latency(self) -> bool:
        return self.name in LATENCIES

    def holds(self, value: float) -> bool:
        return _COMPARE[self.compare](value, self.limit)


def parse(text: str) -> Slo:
    """Parse an objective. Raises :class:`UsageError` that names the part that cannot be parsed."""
    match = _SYNTAX.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(
            f"cannot read the objective {text!r}; write it like ttft_p95<500ms, failures<1% or goodput>20/s"
        )
    name, compare, number, unit = match.groups()
    base, _, statistic = name.rpartition("_")
    if base in LATENCIES and statistic in STATISTICS:
        if unit not in _UNITS:
            raise UsageError(f"the objective {text!r} needs a unit of time: ms, s or us")
        return Slo(text, base, statistic, compare, float(number) * _UNITS[unit])
    if name in SHARES or name in FIGURES:
        return _figure(text, name, compare, float(number), unit)
    known = [f"{latency}_{each}" for latency in LATENCIES for each in STATISTICS] + [*SHARES, *FIGURES]
    near = difflib.get_close_matches(name, known, n=1)
    raise UsageError(
        f"unknown figure {name!r} in the objective {text!r}" + (f"; did you mean {near[0]}?" if near else "")
    )


def _figure(text: str, name: str, compare: str, number: float, unit: str | None) -> Slo:
    allowed = {"%", None} if name in SHARES or name == "hit_ratio" else {None} if name == "usd" else {"/s", None}
    if unit not in allowed:
        raise UsageError(f"the unit {unit!r} makes no sense in the objective {text!r}")
    limit = number / 100 if unit == "%" else number
    if (name in SHARES or name == "hit_ratio") and (limit > 1 or (limit == 1 and unit is None)):
        meant = f"; did you mean {name}{compare}{number:g}%?" if unit is None and number <= 100 else ""
        raise UsageError(f"{name} is a share, and none is more than 100%: {text!r}{meant}")
    return Slo(text, name, "", compare, limit)


Interval = Callable[[str, str], Sequence[float] | None]  # (latency, statistic) -> 95 % interval in ms


def evaluate(slo: Slo, report: dict[str, Any], interval: Interval | None = None) -> dict[str, Any]:
    """``{"expr", "value", "met"}``, with ``interval`` if it is known, and ``at_least`` if the value is only a lower bound.

    ``met`` is None (undecided) if the figure has no value or its 95 % confidence interval contains the limit: another run of the same
    length could have had the opposite result. Counted figures (shares, rates, cost) are exact and have no interval. ``interval``
    computes intervals that the report does not hold; without it, those of the report are used.
    """
    value, at_least = _latency(slo, report) if slo.latency else _figured(slo, report)
    around = (interval or _reported(report))(slo.name, slo.statistic) if slo.latency and not at_least else None
    low, high = around or (value, value)
    row = {
        "expr": slo.expr,
        "value": value,
        "met": None if value is None else _decided(slo, low, inf if at_least else high),
    }
    if around and value is not None:
        row["interval"] = [low, high]
    return row | ({"at_least": True} if at_least else {})


def _decided(slo: Slo, low: float, high: float) -> bool | None:
    ends = {slo.holds(low), slo.holds(high)}
    return ends.pop() if len(ends) == 1 else None


def _reported(report: dict[str, Any]) -> Interval:
    return lambda name, statistic: at(report, "metrics", f"{name}_ms", f"{statistic}_ci")


def _latency(slo: Slo, report: dict[str, Any]) -> tuple[Any, bool]:
    """The value, ms, and whether it is a lower bound. The value is None if too few requests resolve it."""
    figures = at(report, "metrics", f"{slo.name}_ms")
    return at(figures, slo.statistic), slo.statistic in (at(figures, "at_least") or ())


def _figured(slo: Slo, report: dict[str, Any]) -> tuple[Any, bool]:
    if slo.name in SHARES:
        ended = at(report, "counts", "sent") - at(report, "counts", "in_flight")
        counted = sum(at(report, "counts", member) for member in SHARES[slo.name])
        return counted / ended if ended else None, False
    value = at(report, *FIGURES[slo.name])
    return (
        (None, False) if value is None else (float(value), slo.name == "usd" and bool(at(report, "cost", "unpriced")))
    )
