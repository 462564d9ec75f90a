"""Steadiness of a run, second by second: warm-up, trend, queue, cold cache. Pure.

Memory grows with time and not with requests. The warm-up is what has to be cut off so that the mean of the rest is known best
(MSER; White, An effective truncation heuristic for bias reduction in simulation output, 1997), if it is different from the rest.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from echosounder.load.figures.histogram import Histogram
from echosounder.load.sample import MEASURED, Sample

SECOND = 1_000_000_000
LEAST = 10  # parts of a run that can be looked at
PARTS = 40  # that it is cut into, if it is long enough
SURE = 4.0  # standard errors; a run is looked at in four ways
COUNTS = 0.1  # share of the latency, from which a difference is worth a sentence
NEARLY = 1.25  # times the least error: to cut less is as good
CACHE = 0.1  # of the prompt tokens
QUEUED = 0.5  # share of the time to the first token


@dataclass(slots=True)
class RunCourse:
    """Sums per second of the requests' due times: number of first tokens, their TTFT in ms, prompt tokens, cached tokens."""

    seconds: dict[int, list[float]] = field(default_factory=dict)

    def add(self, samples: Iterable[Sample]) -> None:
        for sample in samples:
            if sample.phase != MEASURED or sample.t_sent is None or sample.t_first_token is None:
                continue
            row = self.seconds.setdefault(sample.t_scheduled // SECOND, [0.0, 0.0, 0.0, 0.0])
            row[0] += 1
            row[1] += (sample.t_first_token - sample.t_sent) / 1e6
            if (usage := sample.usage) is not None and (
                hit := usage.hit if usage.hit is not None else usage.cached
            ) is not None:
                row[2] += usage.prompt or 0
                row[3] += hit

    def parts(self) -> tuple[float, list[list[float]]]:
        """Length of a part, s, and the sums of each, in order; empty for a run that is too short."""
        if not self.seconds:
            return 0.0, []
        first, last = min(self.seconds), max(self.seconds)
        width = max((last - first) // PARTS, 1)
        made = [[0.0] * 4 for _ in range((last - first) // width + 1)]
        for second, row in self.seconds.items():
            made[(second - first) // width] = [a + b for a, b in zip(made[(second - first) // width], row, strict=True)]
        whole = made[:-1] if len(made) > LEAST else made  # the last part is usually incomplete
        return float(width), whole


def steadiness(course: RunCourse, keepalive: Histogram, ttft: Histogram) -> dict[str, Any]:
    """``{"warmup_s", "trend", "says"}``: the warm-up in the data (0 for a steady run, None with too few seconds), the relative change
    of the time to first token after it, and sentences with the evidence.
    """
    width, rows = course.parts()
    parts = [row for row in rows if row[0]]
    if len(parts) < LEAST:
        return {"warmup_s": None, "trend": None, "says": list(_queue(keepalive, ttft))}
    means = [row[1] / row[0] for row in parts]
    cut = _warmup(means)
    trend = _trend(means[cut:])
    says = [*_warm(means, cut, width), *_drift(trend, means[cut:]), *_cold(parts), *_queue(keepalive, ttft)]
    return {"warmup_s": round(cut * width, 3), "trend": trend and round(trend, 4), "says": says}


def _warmup(means: Sequence[float]) -> int:
    """Number of parts at the beginning that differ from the rest; at most half of them."""
    errors = [_mser(means[first:]) for first in range(len(means) // 2 + 1)]
    cut = next(first for first, error in enumerate(errors) if error <= NEARLY * min(errors))
    if cut == 0:
        return 0
    begun, rest = means[:cut], means[cut:]
    shift = fmean(begun) - fmean(rest)
    real = abs(shift) > SURE * stdev(rest) * sqrt(1 / len(rest) + 1 / len(begun))
    return cut if real and abs(shift) > COUNTS * fmean(rest) else 0


def _mser(rest: Sequence[float]) -> float:
    middle = fmean(rest)
    return sum((value - middle) ** 2 for value in rest) / len(rest) ** 2


def _trend(means: Sequence[float]) -> float | None:
    """Relative change of the figure from the first part to the last; None if it may be due to chance."""
    count, middle = len(means), (len(means) - 1) / 2
    spread = sum((place - middle) ** 2 for place in range(count))
    mean = fmean(means)
    slope = sum((place - middle) * (value - mean) for place, value in enumerate(means)) / spread
    left = sum((value - mean - slope * (place - middle)) ** 2 for place, value in enumerate(means))
    error = sqrt(left / (count - 2) / spread)
    change = slope * (count - 1) / mean if mean else 0.0
    return change if abs(slope) > SURE * error and abs(change) > COUNTS else None


def _warm(means: Sequence[float], cut: int, width: float) -> Iterable[str]:
    if cut:
        yield (
            f"the first {cut * width:g} s were unlike the rest: TTFT {fmean(means[:cut]):.1f} ms on average, then "
            f"{fmean(means[cut:]):.1f} ms; `--warmup {cut * width:g}s` leaves them out"
        )


def _drift(trend: float | None, means: Sequence[float]) -> Iterable[str]:
    if trend is not None:
        quarter = max(len(means) // 4, 1)
        word = "grew" if trend > 0 else "fell"
        yield (
            f"TTFT {word} within the run, from {fmean(means[:quarter]):.1f} to {fmean(means[-quarter:]):.1f} ms on average: "
            "the figures are not those of a steady state"
        )


def _cold(parts: Sequence[Sequence[float]]) -> Iterable[str]:
    fifth = max(len(parts) // 5, 1)
    early, late = (_hits(rows) for rows in (parts[:fifth], parts[-fifth:]))
    if early is not None and late is not None and late - early > CACHE:
        yield f"the cache was cold: {early:.0%} of the prompt tokens were hits in the first fifth of the run, {late:.0%} in the last"


def _hits(rows: Sequence[Sequence[float]]) -> float | None:
    prompt = sum(row[2] for row in rows)
    return sum(row[3] for row in rows) / prompt if prompt else None


def _queue(keepalive: Histogram, ttft: Histogram) -> Iterable[str]:
    """Reports the time under keep-alive comments, if most requests had any."""
    waited, first = keepalive.quantile(0.5), ttft.quantile(0.5)
    if waited and first and keepalive.count > ttft.count / 2 and waited > QUEUED * first:
        yield f"requests waited in a queue: {waited:.0f} of {first:.0f} ms to the first token (medians) passed under keep-alives"
