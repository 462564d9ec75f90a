"""The result of verifying a bill, for people: in sentences, the bill as a waterfall, and each request's cache hits beside the
expected.

The members ``cost``, ``cache`` and ``requirements`` of a load report; only what the design names must be in them.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from math import sqrt
from typing import Any

from markupsafe import Markup

from echosounder.reports import page
from echosounder.reports.figures import number, percent
from echosounder.reports.text import line

Report = Mapping[str, Any]
WIDTH, LEFT, RIGHT, ROW = 760, 210, 120, 30  # of the waterfall
TALL, AXIS, BELOW = 240, 46, 104  # of the hits
TICKS = (0, 64, 256, 1024, 2048, 4096, 8192, 16384, 65536)
CELLS = {
    "as-expected-hit": "hit as promised",
    "as-expected-miss": "missed as expected",
    "withheld": "missed against the rules",
    "partly": "hit less than promised",
    "more": "hit more than promised",
    "invented": "hit more than can be",
}
SKEW = 60  # s between two clocks that are worth a word


def verified(report: Report) -> bool:
    """Whether this run verified a bill."""
    return "waterfall" in report["cost"]


def lines(report: Report) -> Iterator[str]:
    """For terminal, Markdown and page: one fact per line, faults first."""
    if not verified(report):
        return
    cost, cache = report["cost"], report["cache"]
    yield from _wrong(report)
    yield _bill(cost)
    yield _balance(cost)
    if cost.get("coarse"):
        yield f"The balance shows no amount below {cost['unit']}: within that, nothing can be verified"
    if cost.get("hang_ups"):
        yield line(cost["hang_ups"]["says"], 400)
    if cache["hit_tokens"] is not None:
        yield _hits(cache)
    if cache.get("latency"):
        yield _sooner(cache["latency"])
    if abs(cost.get("clock_skew_s") or 0) > SKEW:
        word = "ahead of" if cost["clock_skew_s"] > 0 else "behind"
        yield f"The target's clock is {number(abs(cost['clock_skew_s']))} s {word} ours; prices are taken by either"


def _wrong(report: Report) -> Iterator[str]:
    """Each cause, and each broken requirement that no cause speaks of."""
    causes = report["cost"]["causes"]
    for cause in causes:
        where = f" ({len(cause['entries'])} of {len(report['cost']['entries'])} groups)" if cause["entries"] else ""
        yield f"✗ {cause['name']}, {cause['requirement']}: {line(cause['says'], 500)}{where}"
    named = {cause["requirement"] for cause in causes} | {"load.bill-adds-up"}
    for row in report.get("requirements", []):
        if row["findings"] and row["id"] not in named:
            more = f" (and {len(row['findings']) - 1} more)" if len(row["findings"]) > 1 else ""
            yield f"✗ {row['id']}: {line(row['findings'][0]['message'], 300)}{more}"


def _bill(cost: Report) -> str:
    paid, plain = Decimal(cost["usd"]), Decimal(cost["usd_without_cache"])
    saved = f", {percent(float(1 - paid / plain))} less than without the cache ({amount(plain, cost)})" if plain else ""
    return f"The bill: {amount(paid, cost)}{saved}"


def _balance(cost: Report) -> str:
    if cost["unverified"]:
        return f"Not verified: {line(cost['unverified'], 300)}"
    taken, rest = amount(cost["balance_delta"], cost), amount(cost["unexplained"], cost)
    said = "the bill does not explain it" if Decimal(cost["unexplained"]) else "the bill explains it to the last digit"
    return f"Taken from the balance: {taken}; unexplained: {rest}; {said}"


def _hits(cache: Report) -> str:
    counts = (cache.get("confusion") or {}).get(cache.get("model")) or {}
    cells = ", ".join(f"{count} {CELLS.get(name, name)}" for name, count in counts.items() if count)
    leaks = len(cache.get("leaks") or [])
    settle = f", {number(cache['settle_s'])} s after the answer" if cache.get("settle_s") is not None else ""
    unit = f" in multiples of {cache['granularity']}" if cache.get("granularity") else ""
    found = f"{leaks} leaked from another user or account" if leaks else "none leaked"
    hits = f"Cache: {number(cache['hit_tokens'])} of {number(cache['prompt_tokens'])} tokens hit{unit}{settle}"
    return "; ".join(filter(None, (hits, cells, found)))


def _sooner(latency: Report) -> str:
    low, high = latency["saved_ci"]
    facts = [f"95 % CI {number(low)} to {number(high)}"] if low is not None else []
    facts += [f"p = {number(latency['p'])}"] if latency["p"] is not None else []
    known = f" ({', '.join(facts)})" if facts else ""
    if low is not None and low <= 0:
        return f"No significant effect of cache hits on TTFT: {number(latency['saved_ms'])} ms{known}"
    return f"Cache hits cut TTFT by {number(latency['saved_ms'])} ms{known}"


def amount(value: Any, cost: Report) -> str:
    """Exact, to the last digit that the balance shows: ``0.000000000 USD`` states nine digits."""
    exact = Decimal(value)
    digits = max(-int(Decimal(cost.get("unit") or "0.000001").as_tuple().exponent), 2)
    shown = (
        exact if -int(exact.normalize().as_tuple().exponent) > digits else exact.quantize(Decimal(1).scaleb(-digits))
    )
    return f"{shown:f} {cost.get('currency', 'USD')}"


def section(report: Report) -> Markup:
    """The section of the page; empty if no bill was verified."""
    if not verified(report):
        return Markup("")
    cost = report["cost"]
    groups = [
        (row["name"], number(row["requests"]), row["billed"], row["fell"] or "–", row["unexplained"] or "–")
        for row in cost["entries"]
    ]
    return page.part(
        "bill.html.j2",
        said=list(lines(report)),
        waterfall=waterfall(cost),
        hits=hits(report["cache"]),
        groups=groups,
        currency=cost["currency"],
    )


def waterfall(cost: Report) -> Markup:
    """Each step begins where the one before it ended; the last is the sum."""
    steps = [(row["label"], Decimal(row["amount"])) for row in cost["waterfall"]]
    ends = [Decimal(0)]
    for _, step in steps[:-1]:
        ends.append(ends[-1] + step)
    most = max(*ends, *(value for _, value in steps), Decimal("1e-30"))
    wide = WIDTH - LEFT - RIGHT
    bars = []
    for index, (label, step) in enumerate(steps):
        begin = Decimal(0) if index == len(steps) - 1 else ends[index]
        low, high = sorted((begin, begin + step))
        x, width = LEFT + float(low / most) * wide, max(float((high - low) / most) * wide, 1.0)
        bars.append((index * ROW, x, width, label, amount(step, cost), _tone(label, step)))
    return page.part("waterfall.svg.j2", width=WIDTH, height=ROW * len(steps), row=ROW, left=LEFT, bars=bars)


def _tone(label: str, step: Decimal) -> str:
    if label == "unexplained":
        return "bad" if step else "idle"
    return "good" if step < 0 else "c1"


def hits(cache: Report) -> Markup:
    """A column per request: the band shows the allowed hits, the mark the reported ones."""
    points = cache.get("points") or []
    if not points:
        return Markup("")
    most = max(max(point["most"], point["reported"]) for point in points)
    step = (WIDTH - AXIS) / len(points)
    columns = [(AXIS + step * (index + 0.5), *_column(point, most)) for index, point in enumerate(points)]
    ticks = [(_height(tick, most), number(tick)) for tick in TICKS if tick <= most]
    return page.part(
        "hits.svg.j2", width=WIDTH, height=TALL + BELOW, plot=TALL, left=AXIS, step=step, columns=columns, ticks=ticks,
        names=list(_names(points, step)),
    )  # fmt: skip


def _column(point: Report, most: int) -> tuple[float, float, float, str, str]:
    """Heights of the least and the most that is expected and of what was reported, how good that is, and in words."""
    expected, allowed, reported = (_height(point[name], most) for name in ("expected", "most", "reported"))
    return expected, allowed, reported, _verdict(point), _told(point)


def _height(tokens: int, most: int) -> float:
    """On a square root scale: prompts are of very different lengths."""
    return TALL - 8 - (TALL - 16) * sqrt(tokens / max(most, 1))


def _verdict(point: Report) -> str:
    if point["reported"] > point["most"]:
        return "bad"
    return "warn" if point["reported"] < point["expected"] else "good"


def _told(point: Report) -> str:
    words = {"bad": "more than can be", "warn": "less than promised", "good": "as it may be"}[_verdict(point)]
    return f"{line(point['name'])}: {point['reported']} reported, {point['expected']} promised, at most {point['most']}: {words}"


def _names(points: Sequence[Report], step: float) -> Iterator[tuple[float, str]]:
    """Where each group begins."""
    groups = groupby(enumerate(points), key=lambda each: each[1]["name"].partition(":")[0])
    for name, members in groups:
        yield AXIS + step * (next(members)[0] + 0.5), line(name)
