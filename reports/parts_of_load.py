"""The parts of a load run as tables: its levels, or lengths of input, and the items of its scenario."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from echosounder.reports import precision, sessions
from echosounder.reports.figures import DASH, MET, number
from echosounder.reports.part_table import PartTable
from echosounder.reports.verdicts import face

Part = Mapping[str, Any]
_LATENCIES = (("ttft_ms", "TTFT", ("p50", "p95")), ("gap_ms", "gap", ("p50",)), ("e2e_ms", "E2E", ("p50", "p95")))


def tables(report: Mapping[str, Any]) -> Iterator[PartTable]:
    """Latencies in ms; empty for a run with a constant load."""
    levels, items = report.get("levels") or (), report.get("items") or ()
    if levels and any("input_tokens" in level for level in levels):
        yield _table("lengths", "By length of input", "prompt", levels, sweep=True)
    elif levels:
        yield _table("levels", "By level of load", _unit(report), levels)
    if items:
        yield _table("items", "By item of the scenario", "item", items)
    yield from sessions.tables(report)


def named(part: Part) -> str:
    """Label of a part: ``16`` (requests per second, users), ``4k`` or the item's name."""
    return str(part["item"] if "item" in part else part["level"])


def _unit(report: Mapping[str, Any]) -> str:
    return "requests/s" if (report.get("load") or {}).get("rate") else "users"


def _table(id: str, title: str, first: str, parts: Sequence[Part], sweep: bool = False) -> PartTable:
    latencies = tuple(f"{name} {statistic}" for _, name, statistics in _LATENCIES for statistic in statistics)
    extra = ("prefill tokens/s",) if sweep else ()
    judged = any(part["slo"] for part in parts)
    head = (first, "sent", "failed", "done/s", "tokens/s", *extra, *latencies, *(("objectives",) if judged else ()))
    return PartTable(id, title, head, tuple(_row(part, sweep, judged) for part in parts), judged)


def _row(part: Part, sweep: bool, judged: bool) -> tuple[str, ...]:
    counts, rate = part["counts"], part["throughput"]
    cells = [
        named(part) + _doubt(part),
        number(counts["sent"]),
        number(counts["failed"] + counts["rejected"] + counts["truncated"]),
        number(rate["requests_per_s"]),
        number(rate["output_tokens_per_s"]),
    ]
    cells += [number(part.get("prefill_tokens_per_s"))] if sweep else []
    for name, _, statistics in _LATENCIES:
        latency = part["metrics"].get(name)
        cells += [precision.value(latency, statistic) if latency else DASH for statistic in statistics]
    return (*cells, objectives(part)) if judged else tuple(cells)


def _doubt(part: Part) -> str:
    verdict = (part.get("measurement") or {}).get("verdict", "valid")
    return "" if verdict == "valid" else f" {face(verdict).glyph} {verdict}"


def objectives(part: Part) -> str:
    """``✓ met``, or the missed ones: ``✗ missed ttft_p95<500ms``."""
    for met in (False, None):
        if found := [slo["expr"] for slo in part["slo"] if slo["met"] is met]:
            return f"{MET[met]} {', '.join(found)}"
    return MET[True] if part["slo"] else DASH
