"""Numbers for people. A missing value is a dash, never a zero."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from echosounder.reports.text import line

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
        "time between two reads of the socket that carry output; one read may carry several tokens, so this is not the inter-token latency",
    ),
    Metric("tpot_ms", "TPOT", "(last token − first token) / (N − 1), with N from the answer's usage"),
    Metric("ttft_with_connect_ms", "TTFT with connect", "TTFT and the time to connect"),
    Metric("reasoning_ttft_ms", "First reasoning", "first reasoning delta minus the request's send"),
    Metric("headers_ms", "Headers", "header section of the answer minus the request's send"),
    Metric("e2e_ms", "E2E", "end of the answer minus the request's send"),
    Metric("e2e_from_schedule_ms", "E2E from schedule", "end of the answer minus when the request was due"),
    Metric(
        "dispatch_delay_ms",
        "Dispatch delay",
        "when the client took the request up minus when it was due: its own lateness",
    ),
    Metric("connect_ms", "Connect", "TCP and TLS set-up, for requests that opened a connection"),
    Metric("keepalive_ms", "Queue visible", "first event minus first keep-alive: how long the target sent keep-alives"),
    Metric("keepalive_interval_ms", "Keep-alive every", "time between keep-alives, on average over a request"),
)
PERCENTILES = ("mean", "p50", "p90", "p95", "p99", "p999", "max")


_UNITS = {"ms": "ms", "us": "µs", "s": "s"}
_ACRONYMS = {
    "ci": "CI",
    "ttft": "TTFT",
    "tpot": "TPOT",
    "itl": "ITL",
    "e2e": "End to end",
    "slo": "SLO",
    "usd": "USD",
    "url": "URL",
}


def heading(key: str) -> str:
    """A member's name as words: ``ttft_ms`` is ``TTFT (ms)``, ``ci`` is ``CI``, ``goodput_per_s`` is ``Goodput per s``."""
    *words, last = key.split("_")
    unit = _UNITS.get(last) if words and words[-1] != "per" else None
    named = [_ACRONYMS.get(word, word) for word in (words if unit else [*words, last])]
    text = " ".join(named)
    return f"{text[:1].upper()}{text[1:]}" + (f" ({unit})" if unit else "")


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
    """Measured value of an objective, in the unit in which it was set; a latency in ms, whatever the unit of the objective."""
    value, expr = slo["value"], slo["expr"]
    if value is None:
        return DASH
    bound = "≥ " if slo.get("at_least") else ""
    if "%" in expr:
        return bound + percent(value)
    if expr.startswith("usd"):
        return bound + usd(value)
    rate = expr.endswith("/s") or expr.startswith(("goodput", "requests", "output_tokens"))
    return bound + number(value, 4) + ("/s" if rate else " ms" if expr.endswith("s") else "") + _around(slo)


def _around(slo: Mapping[str, Any]) -> str:
    low, high = slo.get("interval") or (slo["value"], slo["value"])
    return f", 95 %: {number(low, 4)} to {number(high, 4)}" if low != high else ""


MET = {True: "✓ met", False: "✗ missed", None: "? undecided"}


def usd(value: Any, currency: str = "USD") -> str:
    """Dollars with six decimals: only a cached token of a cheap model costs less than a microdollar. The name of another currency comes
    after the amount."""
    if value is None or value == "":
        return DASH
    amount = f"{float(value):.6f}".rstrip("0").rstrip(".") if float(value) else "0"
    return f"${amount}" if currency == "USD" else f"{amount} {currency}"


def cost(report: Mapping[str, Any]) -> str:
    """Cost of the run, as far as the answers reported it."""
    found = report["cost"]
    silent = found.get("unpriced") or 0
    if silent and found["usd"] is None:
        return f"cost not known: {number(silent)} {_requests(silent)} reported no usage, or no price is known"
    spent = usd(found["usd"], found.get("currency", "USD"))
    least = f"at least {spent} ({number(silent)} {_requests(silent)} reported no usage)"
    warm_up = ", warm-up included" if report["counts"].get("warm_up") else ""
    return (least if silent else spent) + warm_up


def _requests(count: int) -> str:
    return "request" if count == 1 else "requests"


def outcome(report: Mapping[str, Any]) -> Iterator[str]:
    """Outcomes of the requests, unless all succeeded; empty for a report that predates this verdict."""
    found = report.get("outcome") or {}
    if found.get("verdict", "served") != "served":
        yield f"requests {found['verdict']}:"
    yield from (line(f"  {reason}", 300) for reason in found.get("reasons", ()))


def streams(report: Mapping[str, Any]) -> Iterator[str]:
    """Whether the run was steady, other events in the streams, and whether tokens arrived one at a time; only remarkable facts."""
    yield from (report.get("steady") or {}).get("says", ())
    yield from _limited(report.get("limited") or {})
    found = report.get("stream") or {}
    if kept := found.get("keepalives"):
        every = (report["metrics"].get("keepalive_interval_ms") or {}).get("p50")
        pace = f", one every {number(every)} ms (p50)" if every is not None else ""
        yield f"{number(kept)} keep-alives in {number(found['requests_with_keepalives'])} requests{pace}"
    events, reads = found.get("token_events") or 0, found.get("token_reads") or 0
    if events - reads > events / 100:
        yield f"{percent(1 - reads / events)} of the events with output came in one read with others: they have no gap of their own"
    if broken := found.get("malformed_events"):
        yield f"{number(broken)} events were malformed"


def _limited(found: Mapping[str, Any]) -> Iterator[str]:
    if found:
        told = "; --patience is used up, so users asked again earlier" if found["over"] else ""
        rested = f"users rested for {number(found['rested_s'])} s as told{told}"
        yield f"a limiter turned {number(found['turned_away'])} requests away, and {rested}"


def measured(report: Mapping[str, Any]) -> list[tuple[Metric, Mapping[str, Any]]]:
    """The metrics that have samples."""
    rows = ((metric, report["metrics"].get(metric.key)) for metric in METRICS)
    return [(metric, row) for metric, row in rows if row and row["count"]]
