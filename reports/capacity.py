"""The capacity result, for people: the outcome of each level."""

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from echosounder.reports import charts, precision
from echosounder.reports.figures import DASH, number
from echosounder.reports.text import line

GLYPHS = {"met": "✓", "missed": "✗", "undecided": "?", "client": "!"}
HEAD = ("", "done/s", "sent", "TTFT p50", "TTFT p95", "E2E p50", "why")


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Lines on billing; empty for a run that did not measure it."""
    if found := report.get("capacity"):
        yield f"by {', '.join(map(line, found['objectives']))}, with {number(found['requests'])} requests at {len(found['levels'])} levels"


def rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row per level, lowest first: :data:`HEAD`."""
    found = report.get("capacity") or {"levels": ()}
    return [_row(level, found["unit"]) for level in found["levels"]]


def _row(level: Mapping[str, Any], unit: str) -> tuple[str, ...]:
    latencies = (("ttft_ms", "p50"), ("ttft_ms", "p95"), ("e2e_ms", "p50"))
    told = [level["metrics"].get(name) for name, _ in latencies]
    return (
        f"{GLYPHS[level['verdict']]} {level['level']:g} {unit}",
        number(level["completed_per_s"]),
        number(level["sent"]),
        *(precision.value(row, name) if row else DASH for row, (_, name) in zip(told, latencies, strict=True)),
        f"{level['verdict']}: {line(level['why'], 200)}",
    )


def knee(report: Mapping[str, Any]) -> Markup:
    """Latency against throughput: each point is a level, at its completed requests per second."""
    levels = [level for level in (report.get("capacity") or {"levels": ()})["levels"] if level["completed_per_s"]]
    levels.sort(key=lambda level: float(level["completed_per_s"]))
    columns = {
        f"{name} {statistic}": [_point(level, key, statistic) for level in levels]
        for key, name in (("ttft_ms", "TTFT"), ("e2e_ms", "E2E"))
        for statistic in ("p50", "p95")
    }
    values = {name: column for name, column in columns.items() if any(column)}
    if len(levels) < 3 or not values:
        return Markup("")
    names = [f"{number(level['completed_per_s'])}/s {GLYPHS[level['verdict']]}{_limiter(level)}" for level in levels]
    caption = "The knee: latency, logarithmic, by the answers completed per second at each level. ✓ met the objectives, ✗ missed them."
    return charts.lines("knee", caption, "ms", names, values, logarithmic=True)


def _point(level: Mapping[str, Any], key: str, statistic: str) -> float | None:
    found: float | None = (level["metrics"].get(key) or {}).get(statistic)
    return found or None


def _limiter(level: Mapping[str, Any]) -> str:
    return f" {line(level['limiter'])}" if level["limiter"] else ""
