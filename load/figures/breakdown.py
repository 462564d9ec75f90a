"""Members ``levels`` and ``items`` of ``report.json``: the figures of a run, for each level of its load and each item of its scenario."""

from collections.abc import Iterator
from typing import Any

from echosounder.load.figures import members
from echosounder.load.figures.course import steadiness
from echosounder.load.figures.levels import SECOND, Divided, Level
from echosounder.load.figures.slo import LATENCIES, SHARES, Slo
from echosounder.load.figures.tally import Tally
from echosounder.load.figures.validity import judge
from echosounder.load.options import Options
from echosounder.wire.strict_json import at

ITS_OWN = (*LATENCIES, *SHARES, "hit_ratio")  # figures that an objective may have for a part of the requests
RATES = ("goodput", "requests", "output_tokens")  # and for a part of the time


def breakdown(options: Options, tally: Tally, error: dict[str, Any], begin: int, end: int) -> dict[str, Any]:
    """Breakdown by ``levels`` and ``items``; empty if load and requests are constant."""
    parts = tally.parts
    if not isinstance(parts, Divided):
        return {}
    made = {
        "levels": list(_levels(options, tally, parts, error, begin, end)),
        "items": list(_items(parts, error, begin, end)),
    }
    return {name: rows for name, rows in made.items() if rows}


def steady(tally: Tally) -> dict[str, Any]:
    """Member ``steady``; empty if the load itself changes."""
    if isinstance(tally.parts, Divided) and tally.parts.stages:
        return {}
    found = steadiness(tally.course, tally.histograms["keepalive"], tally.histograms["ttft"])
    return {"steady": found}


def _levels(
    options: Options, tally: Tally, parts: Divided, error: dict[str, Any], begin: int, end: int
) -> Iterator[dict[str, Any]]:
    for stage, part in zip(parts.stages, parts.by_level, strict=True):
        low, high = (min(begin + round(seconds * SECOND), end) for seconds in (stage.begin, stage.end))
        signals = members.signals(options, part, 0, error, (high - low) / 1000 * len(tally.workers))
        verdict, reasons = judge(signals)
        made = _part(part, error, members.throughput(tally, low, high), (*ITS_OWN, *RATES))
        yield {**_named(stage), "measurement": {"verdict": verdict, "reasons": reasons}, **made} | _prefilled(
            stage, made
        )


def _named(stage: Level) -> dict[str, Any]:
    row = {"level": stage.name, "from_s": round(stage.begin, 3), "until_s": round(stage.end, 3), "load": stage.load}
    return row | ({"input_tokens": stage.input_tokens} if stage.input_tokens else {})


def _prefilled(stage: Level, made: dict[str, Any]) -> dict[str, Any]:
    """Prefill rate at the levels of a sweep, estimated from the time to first token."""
    if stage.input_tokens is None:
        return {}
    waited = at(made, "metrics", "ttft_ms", "p50")
    return {"prefill_tokens_per_s": round(stage.input_tokens / waited * 1000, 1) if waited else None}


def _items(parts: Divided, error: dict[str, Any], begin: int, end: int) -> Iterator[dict[str, Any]]:
    for name, part in parts.by_item.items():
        yield {"item": name, **_part(part, error, members.throughput(part, begin, end), ITS_OWN)}


def _part(part: Tally, error: dict[str, Any], passed: dict[str, Any], asked: tuple[str, ...]) -> dict[str, Any]:
    """Figures common to levels and items. ``slo``: the objectives that apply to a part of a run."""
    made = {
        "counts": {name: number for name, number in members.counts(part).items() if name in _COUNTS},
        "failures": dict(sorted(part.failures.items())),
        "metrics": members.metrics(part, error),
        "throughput": passed,
        "cache": members.cache(part),
        "cost": members.cost(part),
    }
    slos: tuple[Slo, ...] = tuple(slo for slo in part.slos if slo.name in asked)
    return {**made, "slo": members.objectives(slos, part, made)}


_COUNTS = ("sent", "completed", "failed", "rejected", "truncated", "in_flight")
