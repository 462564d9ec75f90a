"""A figure and how far to trust it: ``412 ±18``, with the client's own error and the number of requests beside it.

Two errors that have nothing to do with each other. Sampling: another run of the same length would give another figure. The
client: it may have read the bytes late. What was given up before it was known is a third: then the figure is a lower bound.
"""

from collections.abc import Iterator, Mapping
from math import ceil, floor, log10
from typing import Any

from echosounder.reports.figures import DASH, Metric, measured, number

SHOWN = ("p50", "p95", "p99")
_ALWAYS = ("ttft_ms", "gap_ms", "e2e_ms")
_OPEN_LOOP = ("ttft_from_schedule_ms", "e2e_from_schedule_ms")  # where requests are due whatever the target does
Row = Mapping[str, Any]


def main(report: Mapping[str, Any]) -> list[tuple[Metric, Row]]:
    """The main latencies of a run."""
    load = report.get("load") or {}
    names = _ALWAYS + (_OPEN_LOOP if load.get("rate") or load.get("arrival") == "trace" else ())
    return [(metric, row) for metric, row in measured(report) if metric.key in names]


def others(report: Mapping[str, Any]) -> list[tuple[Metric, Row]]:
    shown = {metric.key for metric, _ in main(report)}
    return [(metric, row) for metric, row in measured(report) if metric.key not in shown]


def value(row: Row, name: str) -> str:
    """A figure, marked if it is a lower bound."""
    return ("≥" if _bound(row, name) else "") + number(row[name])


def sampled(row: Row, name: str) -> str:
    """A figure with its sampling error, that of the wider side: ``412 ±18``; ``±?`` if there are too few requests to estimate it.

    The error is rounded up to the figure's last digit: neither is known more precisely.
    """
    figure = row[name]
    if figure is None or _bound(row, name):
        return value(row, name)
    last = max(floor(log10(figure)) - 2, -3) if figure > 0 else -3  # of three digits, and never below a microsecond
    places = max(-last, 0)
    low, high = row.get(f"{name}_ci") or (None, None)
    if low is None or high is None:
        return f"{figure:,.{places}f} ±?"
    wider = max(high - figure, figure - low, 10.0**last)
    return f"{figure:,.{places}f} ±{ceil(round(wider * 10**places, 6)) / 10**places:,.{places}f}"


def _bound(row: Row, name: str) -> bool:
    return name in row.get("at_least", ()) and row[name] is not None


def interval(row: Row, name: str) -> str:
    """The complete 95 % confidence interval."""
    low, high = row.get(f"{name}_ci") or (None, None)
    return DASH if low is None or high is None else f"{number(low)} to {number(high)}"


def client(row: Row) -> str:
    """The client's own error, at p99: ``+0/−3`` if it can only have made the figure too large."""
    error = row.get("client_ms")
    if not error:
        return DASH
    plus, minus = (number(error[side], 2) for side in ("plus", "minus"))
    return f"±{plus}" if plus == minus else f"+{plus}/−{minus}"


def counted(row: Row) -> str:
    """Number of values; after the plus, the number known only by a lower bound."""
    return number(row["count"]) + (f"+{number(row['censored'])}" if row.get("censored") else "")


def cells(row: Row) -> list[str]:
    """A row of the table: :data:`HEAD` without the name."""
    return [*(sampled(row, name) for name in SHOWN), value(row, "max"), client(row), counted(row)]


HEAD = ("ms", *SHOWN, "max", "client", "n")


def legend(report: Mapping[str, Any]) -> Iterator[str]:
    """Legend of the marks that occur in the table."""
    rows = [row for _, row in main(report)]
    if not rows:
        return
    unknown = any("±?" in sampled(row, name) for row in rows for name in SHOWN)
    yield "± is the 95 % confidence interval of sampling" + ("; ±? too few requests" if unknown else "")
    if any(client(row) != DASH for row in rows):
        yield "client, p99: a late read makes TTFT and E2E too long, a gap either way"
        source = report["client_error_ms"].get("source")
        if source:
            yield f"client error from {source}"
    if any(row.get("censored") for row in rows):
        yield "+ in n: given up before the figure was known; ≥ it may be higher"
