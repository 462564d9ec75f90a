"""Numbers as people read them. What was not measured is a dash, never a zero."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DASH = "–"


@dataclass(frozen=True, slots=True)
class Metric:
    """A latency of the load report: its name for people, and how it is defined."""

    key: str
    name: str
    definition: str


METRICS = (
    Metric(
        "ttft_ms",
        "TTFT",
        "time to first token: the first content, reasoning or tool delta minus the request's send; a role chunk, a comment or an "
        "empty delta is no token",
    ),
    Metric(
        "ttft_from_schedule_ms",
        "TTFT from schedule",
        "the same, counted from when the request was due: what a user who does not wait for the client would see",
    ),
    Metric(
        "gap_ms",
        "Gap",
        "time between two reads of the socket that carry output; one read may carry several tokens, so this is no inter-token latency",
    ),
    Metric("tpot_ms", "TPOT", "(last token − first token) / (N − 1), with N from the answer's usage"),
    Metric("ttft_with_connect_ms", "TTFT with connect", "TTFT and the time to connect"),
    Metric("reasoning_ttft_ms", "First reasoning", "first reasoning delta minus the request's send"),
    Metric("headers_ms", "Headers", "header section of the answer minus the request's send"),
    Metric("e2e_ms", "E2E", "end of the answer minus the request's send"),
    Metric("e2e_from_schedule_ms", "E2E from schedule", "end of the answer minus when the request was due"),
    Metric("dispatch_delay_ms", "Dispatch delay", "send minus due time: the client's own lateness"),
    Metric("connect_ms", "Connect", "TCP and TLS set-up, for requests that opened a connection"),
    Metric("keepalive_ms", "Queue visible", "first event minus first keep-alive: how long the target said “wait”"),
)
PERCENTILES = ("mean", "p50", "p90", "p95", "p99", "p999", "max")


def percentile(name: str) -> str:
    """``p99.9`` of ``p999``."""
    return "p99.9" if name == "p999" else name


def number(value: Any, digits: int = 3) -> str:
    """*digits* significant digits with thousands separated; a decimal string is shown as it is."""
    if value is None or value == "":
        return DASH
    if isinstance(value, str):
        return value
    if isinstance(value, int) or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 or value == 0 else f"{value:.1e}"


def percent(value: float | None) -> str:
    return DASH if value is None else f"{100 * value:.1f} %"


def objective(slo: Mapping[str, Any]) -> str:
    """What an objective was measured at, in the unit in which it was set: a share is percent where the objective says so."""
    value = slo["value"]
    return percent(value) if value is not None and "%" in slo["expr"] else number(value)


def usd(value: Any) -> str:
    """Dollars to six places: one token of a cheap model costs less than a microdollar only when it is cached."""
    if value is None or value == "":
        return DASH
    return f"${float(value):.6f}".rstrip("0").rstrip(".") if float(value) else "$0"


def interval(metric: Mapping[str, Any] | None) -> str:
    """The 95 % confidence interval of p99, where there were enough samples to have one."""
    low, high = (metric or {}).get("p99_ci") or (None, None)
    return DASH if low is None or high is None else f"{number(low)} to {number(high)}"


def measured(report: Mapping[str, Any]) -> list[tuple[Metric, Mapping[str, Any]]]:
    """The metrics that have samples."""
    rows = ((metric, report["metrics"].get(metric.key)) for metric in METRICS)
    return [(metric, row) for metric, row in rows if row and row["count"]]
