"""Figures of the last seconds of a running load, because figures of the whole run hide the present."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from echosounder.load.figures.histogram import Histogram
from echosounder.load.figures.tally import Tally

SECONDS = 10.0
SHOWN = ("ttft", "gap", "e2e")
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
WRONG = ("failed", "rejected", "truncated")


@dataclass(frozen=True, slots=True)
class Before:
    """The run as it was at a time, s."""

    at: float
    completed: int
    wrong: int
    tokens: int
    histograms: dict[str, Histogram]


@dataclass(slots=True)
class LastSeconds:
    """Keeps the state of a run in each of its last seconds; ``take`` gives the difference to now."""

    kept: deque[Before] = field(default_factory=deque)

    def take(self, tally: Tally, at: float) -> dict[str, Any]:
        """Length in ``seconds``, latencies (``ttft_ms`` and others, None if no request ended in it), and rates per second."""
        now = _state(tally, at)
        while len(self.kept) > 1 and at - self.kept[1].at >= SECONDS:
            self.kept.popleft()
        before = self.kept[0] if self.kept else Before(0.0, 0, 0, 0, {name: Histogram() for name in SHOWN})
        self.kept.append(now)
        return _between(before, now)


def _state(tally: Tally, at: float) -> Before:
    wrong = sum(tally.counts[name] for name in WRONG)
    histograms = {name: tally.histograms[name].copy() for name in SHOWN}
    return Before(at, tally.counts["completed"], wrong, tally.tokens["output"], histograms)


def _between(before: Before, now: Before) -> dict[str, Any]:
    seconds = now.at - before.at
    rates = {
        "completed": now.completed - before.completed,
        "failed": now.wrong - before.wrong,
        "output_tokens": now.tokens - before.tokens,
    }
    return {
        "seconds": round(seconds, 1),
        **{f"{name}_per_s": round(count / seconds, 2) if seconds > 0 else None for name, count in rates.items()},
        **{f"{name}_ms": _quantiles(now.histograms[name].since(before.histograms[name])) for name in SHOWN},
    }


def _quantiles(values: Histogram) -> dict[str, float | None]:
    return {label: values.quantile(share) for label, share in QUANTILES.items()}
