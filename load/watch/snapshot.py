"""The current figures of a run: the data for the page, Prometheus and OpenTelemetry. Pure except for writing the file."""

import json
from pathlib import Path
from typing import Any

from echosounder.load.figures import members
from echosounder.load.figures.analysis import window
from echosounder.load.figures.distribution import figures
from echosounder.load.figures.tally import Tally
from echosounder.load.options import Options
from echosounder.load.watch import metrics
from echosounder.load.watch.window import SHOWN, LastSeconds

LATENCIES = tuple(metric.member for metric in metrics.LATENCIES)
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
FILE = "live.json"
MAX_POINTS = 600


def snapshot(options: Options, tally: Tally, now: int) -> dict[str, Any]:
    """Counts, latencies in ms, tokens and money at *now* (ns on the workers' clock); counters only grow."""
    begins = [int(worker["begin"]) for worker in tally.workers.values()]
    spent = tally.money.spent()
    tokens = tally.tokens
    ended = ("completed", "failed", "rejected", "truncated")
    return {
        "scenario": options.scenario,
        "model": options.model,
        "elapsed_s": round(max(now - min(begins), 0) / 1e9, 1) if begins else 0.0,
        "planned_s": options.seconds,
        "sent": _sent(tally),
        **{name: tally.counts[name] for name in ended},
        "in_flight": tally.in_flight,
        "failures": dict(tally.failures),
        **{f"{name}_ms": latency(tally, name) for name in LATENCIES},
        **{f"{name}_seconds": distribution(tally, name) for name in LATENCIES},
        "prompt_tokens": tokens["prompt"],
        "output_tokens": tokens["output"],
        "hit_tokens": tokens["hit"],
        "hit_ratio": round(tokens["hit"] / tokens["prompt"], 4) if tokens["split"] and tokens["prompt"] else None,
        "usd": format(spent.usd, "f") if spent else None,
    }


def latency(tally: Tally, name: str) -> dict[str, float | None]:
    histogram = tally.histograms[name]
    return {label: histogram.quantile(share) for label, share in QUANTILES.items()}


def distribution(tally: Tally, name: str) -> dict[str, Any]:
    """Cumulative counts up to each bound, total count, and sum in seconds: values that can be added across instances."""
    histogram = tally.histograms[name]
    upto = histogram.up_to([round(bound * 1_000_000) for bound in metrics.BOUNDS_S])
    return {"up_to": upto, "count": histogram.count, "sum": histogram.total / 1000}


def _sent(tally: Tally) -> int:
    """Number of requests sent, by the workers' own counts, because ended requests are read later than those in flight."""
    ticks = tally.ticks.values()
    return sum(int(tick[name]) for tick in ticks for name in ("completed", "failed", "in_flight"))


class Live:
    """Keeps the snapshots of a run, one per second, and writes them where the page reads them."""

    def __init__(self, options: Options) -> None:
        self._options, self._path = options, options.out / "parts" / FILE
        self._points: list[dict[str, Any]] = []
        self._last, self._window = 0, LastSeconds()
        self._watched = options.web is not None or options.prometheus is not None or options.otel
        self.now: dict[str, Any] = {}

    def take(self, tally: Tally, now: int, last: bool = False) -> None:
        """A snapshot, at most once a second except for the last, and only if a page is open: it reads whole histograms."""
        if not self._watched or (now - self._last < 1_000_000_000 and not last):
            return
        self._last = now
        self.now = snapshot(self._options, tally, now)
        self.now["window"] = self._window.take(tally, self.now["elapsed_s"])
        self.now["slo"] = held(self._options, tally, now)
        self._points = [*self._points, _point(self.now)][-MAX_POINTS:]
        if self._options.web is not None:
            _replace(self._path, json.dumps({**self.now, "points": self._points}))


def held(options: Options, tally: Tally, now: int) -> list[dict[str, Any]]:
    """The objectives, evaluated with the current figures."""
    if not tally.slos or not tally.workers:
        return []
    begin, _ = window(options, tally)
    found = {
        f"{slo.name}_ms": figures(tally.histograms[slo.name], tally.ages.get(slo.name))
        for slo in tally.slos
        if slo.latency
    }
    passed = members.throughput(tally, begin, max(now, begin))
    made = {"metrics": found, "counts": members.counts(tally), "throughput": passed}
    return members.objectives(tally.slos, tally, made | {"cache": members.cache(tally), "cost": members.cost(tally)})


def _point(state: dict[str, Any]) -> dict[str, Any]:
    """A point of the live curves: figures of the last seconds, not of the whole run."""
    last = state["window"]
    figures = {f"{name}_{label}": last[f"{name}_ms"][label] for name in SHOWN for label in ("p50", "p99")}
    rates = {name: last[name] for name in ("completed_per_s", "failed_per_s")}
    return {"t_s": state["elapsed_s"], "output_tokens": state["output_tokens"], **rates, **figures}


def _replace(path: Path, text: str) -> None:
    """Replace a file atomically, so that a reader never sees a part of it."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
