"""Observed traffic in sentences and tables, from the member ``traffic`` of a report."""

from collections.abc import Iterator, Mapping
from typing import Any

from echosounder.reports.figures import number, percent, usd
from echosounder.reports.text import line

HEAD = (
    "client",
    "model",
    "requests",
    "failed",
    "TTFT p50",
    "p99",
    "gap p50",
    "p99",
    "tokens in",
    "out",
    "cache hits",
    "cost",
    "saved",
)
MAX_RATES, MAX_GROUPS = 20, 30


def of(report: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = report.get("traffic")
    return found if isinstance(found, Mapping) else None


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Amount of traffic, the part that could not be judged, and failure rates; empty for a run that sent its own requests."""
    traffic = of(report)
    if traffic is None:
        return
    yield (
        f"{number(traffic['requests'])} requests passed, {number(traffic['streams'])} of them streams; "
        f"{number(traffic['judged'])} could be judged, {number(traffic['broken'])} break something"
    )
    yield from _unjudged(traffic)
    yield from map(rate, traffic["rates"][:MAX_RATES])
    if len(traffic["rates"]) > MAX_RATES:
        yield f"and {len(traffic['rates']) - MAX_RATES} more requirements are broken, in report.json"
    retries = traffic["retries"]
    if retries["requests"]:
        yield f"{number(retries['requests'])} requests repeat one that had failed; they cost {usd(retries['usd'])}"
    if added := _added(traffic):
        yield added


def _unjudged(traffic: Mapping[str, Any]) -> Iterator[str]:
    said = {
        "cancelled": "were given up by their clients, and are not judged",
        "open": "were under way at the end",
        "not_kept": "passed, but came faster than they could be written down",
        "not_http": "connections spoke something else than HTTP",
        "unreached": "connections found no upstream",
        "unread": "entries of the recording could not be read",
        "parts_dropped": "parts of the log went to make room (--keep): latencies of what is left only",
        "unwritten": "records could not be written",
    }
    for name, words in said.items():
        if traffic.get(name):
            yield f"{number(traffic[name])} {words}"


def _added(traffic: Mapping[str, Any]) -> str:
    added = (traffic.get("relay") or {}).get("added_ms")
    if not added or not added["count"]:
        return ""
    return (
        f"added latency, at most: p50 {added['p50']} ms, p99 {added['p99']} ms, largest {added['max']} ms, "
        f"over {number(added['count'])} reads"
    )


def rate(row: Mapping[str, Any]) -> str:
    """``stream.ends-with-done is broken in 1 of 4,310: 0.06 to 12.9 in 10,000; most by model deepseek-flash``"""
    worst = max(
        (each for each in row["groups"] if each["failed"]),
        key=lambda each: each["failed"] / each["judged"],
        default=None,
    )
    where = ""
    if worst is not None and worst["failed"] * row["judged"] > row["failed"] * worst["judged"]:
        where = (
            f"; most with {worst['by']} {line(worst['value'] or 'unnamed', 60)}: {worst['failed']} of {worst['judged']}"
        )
    return f"{row['requirement']} is broken in {row['failed']:,} of {row['judged']:,}: {share(row)}{where}"


def share(row: Mapping[str, Any]) -> str:
    low, high = row["low"], row["high"]
    if high < 0.02:
        return f"{low * 1e4:.{2 if low < 1e-4 else 1}f} to {high * 1e4:.1f} in 10,000"
    return f"{low:.1%} to {high:.1%}"


def rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row per client and model, with the columns of :data:`HEAD`."""
    traffic = of(report)
    return [_row(group) for group in traffic["groups"][:MAX_GROUPS]] if traffic else []


def _row(group: Mapping[str, Any]) -> tuple[str, ...]:
    counts, tokens = group["counts"], group["tokens"]
    failed = counts.get("sent", 0) - counts.get("completed", 0) - counts.get("in_flight", 0)
    times = [_ms(group, name, which) for name in ("ttft_ms", "gap_ms") for which in ("p50", "p99")]
    money = (percent(group["hit_ratio"]), usd(group["usd"]), usd(group["saved_usd"]))
    counted = (number(counts.get("sent", 0)), number(failed))
    names = (line(group["client"], 40), line(group["model"] or "–", 40))
    return (*names, *counted, *times, number(tokens["prompt"]), number(tokens["output"]), *money)


def _ms(group: Mapping[str, Any], name: str, which: str) -> str:
    value = (group["latency"].get(name) or {}).get(which)
    return "–" if value is None else f"{value:.1f} ms"
