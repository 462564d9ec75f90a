"""The sessions of a load run as tables: one row per item, and one per place of a request in its session."""

from collections.abc import Iterator, Mapping
from typing import Any

from echosounder.reports import precision
from echosounder.reports.figures import DASH, number, percent
from echosounder.reports.part_table import PartTable

HEAD = (
    "session",
    "complete",
    "failed",
    "cut",
    "requests",
    "tool calls",
    "sub-agents",
    "time p50",
    "time p95",
    "answering p50",
    "cache hits p50",
)
PLACES = ("request", "sent", "prompt tokens", "cache hits", "TTFT p50", "TTFT p95")
MOST = 10  # rows by place


def tables(report: Mapping[str, Any]) -> Iterator[PartTable]:
    """Times in ms; the requests and calls are means per complete session. Empty for a load without sessions."""
    found = report.get("sessions") or ()
    if found:
        yield PartTable("sessions", "Sessions", HEAD, tuple(map(_row, found)))
    for each in found:
        if len(each["requests"]) > 1:
            rows = tuple(map(_place, _shortened(each["requests"])))
            yield PartTable(f"session-{each['item']}", f"Requests of a session: {each['item']}", PLACES, rows)


def _row(each: Mapping[str, Any]) -> tuple[str, ...]:
    counts, mean, hits = each["counts"], each["per_session"], each["hit_ratio"]
    return (
        each["item"],
        *(number(counts[name]) for name in ("complete", "failed", "cut")),
        *(number(mean[name]) for name in ("requests", "calls", "subagents")),
        _time(each["time_ms"], "p50"),
        _time(each["time_ms"], "p95"),
        _time(each["answering_ms"], "p50"),
        percent(hits and hits["p50"]),
    )


def _place(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        row["request"],
        number(row["sent"]),
        number(row["prompt_tokens"]),
        percent(row["hit_ratio"]),
        _time(row["ttft_ms"], "p50"),
        _time(row["ttft_ms"], "p95"),
    )


def _shortened(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first places and the last ones: report.json has them all."""
    return rows if len(rows) <= MOST else [*rows[: MOST - 2], *rows[-2:]]


def _time(latency: Any, statistic: str) -> str:
    return precision.value(latency, statistic) if latency else DASH
