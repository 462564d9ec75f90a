"""The figures of a load report: percentiles with error bars, and the course of the run."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from echosounder.reports import charts
from echosounder.reports.figures import measured, percentile

_PERCENTILES = ("p50", "p90", "p95", "p99", "p999")
_LATENCIES = ("ttft_ms", "gap_ms", "tpot_ms", "e2e_ms")
Points = Sequence[Mapping[str, Any]]


def latency(report: Mapping[str, Any]) -> Markup:
    """Percentiles of the main latencies on a logarithmic axis; ``p99_ci`` (or that of another percentile) is an error bar."""
    rows = [(metric, row) for metric, row in measured(report) if metric.key in _LATENCIES and row["p50"]]
    values = {metric.name: [_point(row, name) for name in _PERCENTILES] for metric, row in rows}
    values = {name: column for name, column in values.items() if any(column)}
    if not values:
        return Markup("")
    caption = "Latency by percentile, on a logarithmic axis. The bars are 95 % confidence intervals."
    return charts.lines(
        "percentiles", caption, "ms", [percentile(name) for name in _PERCENTILES], values, logarithmic=True
    )


def by_level(levels: Points) -> Markup:
    """Latency by level, in order; empty for fewer than three."""
    columns = {
        f"{name} {statistic}": [_measured(level, key, statistic) for level in levels]
        for key, name in (("ttft_ms", "TTFT"), ("e2e_ms", "E2E"))
        for statistic in ("p50", "p95")
    }
    values = {name: column for name, column in columns.items() if any(column)}
    if len(levels) < 3 or not values:
        return Markup("")
    caption = "Latency from level to level, on a logarithmic axis. The bars are 95 % confidence intervals."
    names = [str(level["level"]) for level in levels]
    return charts.lines("levels", caption, "ms", names, values, logarithmic=True)


def _measured(level: Mapping[str, Any], key: str, statistic: str) -> Any:
    row = level["metrics"].get(key)
    return _point(row, statistic) if row and row[statistic] else None


def _point(row: Mapping[str, Any], name: str) -> Any:
    """Nothing where only a lower bound is known: a line that goes through it would say that the target is so fast."""
    return None if name in row.get("at_least", ()) else charts.with_interval(row[name], row.get(f"{name}_ci"))


def timeline(points: Points) -> Markup:
    """One figure per unit, over the same seconds: rates (``*_per_s``), latencies (``*_ms``), and counts (all else)."""
    if len(points) < 2:
        return Markup("")
    labels = [f"{point['t_s']:g} s" for point in points]
    rates, latencies, counts = (_columns(points, group) for group in ("rate", "latency", "count"))
    made = [
        rates
        and charts.lines("rates", "Requests per second: due (offered) and completed (achieved).", "1/s", labels, rates),
        latencies
        and charts.lines("latencies", "Latency, by the time at which requests were sent.", "ms", labels, latencies),
        counts and charts.stack("counts", "Failed requests by the time of their end.", "requests", labels, counts),
    ]
    return Markup("").join(chart for chart in made if chart)


def _columns(points: Points, group: str) -> dict[str, list[Any]]:
    keys = [key for key in dict.fromkeys(key for point in points for key in point) if _group(key) == group]
    columns = {key: [_number(point.get(key)) for point in points] for key in keys}
    return {_title(key): _filled(group, column) for key, column in columns.items() if any(column)}


def _filled(group: str, column: list[float | None]) -> list[float | None]:
    """No event is a count of zero; no latency is a gap in the line."""
    return [value or 0 for value in column] if group == "count" else column


def _group(key: str) -> str:
    if key == "t_s":
        return ""
    return "rate" if key.endswith("_per_s") else "latency" if key.endswith("_ms") else "count"


def _title(key: str) -> str:
    return key.removesuffix("_per_s").removesuffix("_ms").replace("_", " ").replace("ttft", "TTFT")


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
