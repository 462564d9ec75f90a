"""A load run over time, from its samples: rates and latencies per interval, and the distribution of the gaps."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import floor, log2
from typing import Any

from echosounder.wire.exchange import TURNED_AWAY
from echosounder.wire.latency import complete, quantile

Sample = Mapping[str, Any]
MAX_POINTS = 60
ENOUGH = 20  # points that show a course
STEPS_PER_OCTAVE = 2
_FLOOR_MS = 0.125  # gaps below share the lowest row: reads that came together
_NS = 1e9


@dataclass(frozen=True, slots=True)
class Heat:
    """Counts of gaps: ``cells[row][column]``; a row spans from its entry in ``edges_ms`` to the next, a column ``width_s`` seconds."""

    width_s: float
    edges_ms: tuple[float, ...]
    cells: tuple[tuple[int, ...], ...]


def points(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Per interval: offered and achieved rate, TTFT p50 and p99 in ms by the time of sending, failed and rejected requests."""
    if not samples:
        return []
    start, width = _axis(samples, least=4)
    offered = Counter(_column(sample["t_scheduled"], start, width) for sample in samples)
    good = [sample for sample in samples if complete(sample) and "t_closed" in sample]
    achieved = Counter(_column(sample["t_closed"], start, width) for sample in good)
    failed = Counter(_column(_over(sample), start, width) for sample in samples if _failed(sample))
    rejected = Counter(
        _column(_over(sample), start, width) for sample in samples if sample.get("status") in TURNED_AWAY
    )
    ttft = _ttft(samples, start, width)
    return [
        {
            "t_s": column * width / _NS,
            "offered_per_s": offered[column] * _NS / width,
            "achieved_per_s": achieved[column] * _NS / width,
            "ttft_p50_ms": quantile(ttft.get(column, []), 0.5),
            "ttft_p99_ms": quantile(ttft.get(column, []), 0.99),
            "failed": failed[column],
            "rejected": rejected[column],
        }
        for column in range(max([*offered, *achieved]) + 1)
    ]


def heat(samples: Sequence[Sample]) -> Heat | None:
    """Gaps over time, in rows of a factor of the square root of two. None if no answer had two reads."""
    if not samples:
        return None
    start, width = _axis(samples)
    counts = Counter(cell for sample in samples for cell in _gaps(sample, start, width))
    if not counts:
        return None
    rows = [row for row, _ in counts]
    low, high, columns = min(rows), max(rows), 1 + max(column for _, column in counts)
    cells = tuple(tuple(counts[row, column] for column in range(columns)) for row in range(low, high + 1))
    return Heat(width / _NS, tuple(2 ** (row / STEPS_PER_OCTAVE) for row in range(low, high + 2)), cells)


def _axis(samples: Sequence[Sample], least: int = 0) -> tuple[int, int]:
    """When the first request was due, and the width of an interval: 1, 2 or 5 times a power of ten; ns.

    An interval has *least* requests on average, as long as that leaves enough of them: a rate of a few requests is a comb.
    """
    start = min(sample["t_scheduled"] for sample in samples)
    span = max(_over(sample) for sample in samples) - start
    fine = (width for width in _widths() if span / width <= MAX_POINTS)
    return start, next(width for width in fine if len(samples) * width >= least * span or span / width <= ENOUGH)


def _widths() -> Iterator[int]:
    scale = 100_000_000
    while True:
        yield from (scale, 2 * scale, 5 * scale)
        scale *= 10


def _column(stamp: int, start: int, width: int) -> int:
    """Of :func:`_axis`: what a log claims to be before or after it is at its end, for a column costs memory."""
    return min(max(0, (stamp - start) // width), MAX_POINTS)


def _over(sample: Sample) -> int:
    """When the request was over, as far as is known."""
    stamp: int = sample.get("t_closed") or sample.get("t_sent") or sample["t_scheduled"]
    return stamp


def _failed(sample: Sample) -> bool:
    return bool(sample.get("failure")) and sample.get("status") not in TURNED_AWAY


def _ttft(samples: Iterable[Sample], start: int, width: int) -> dict[int, list[float]]:
    columns: dict[int, list[float]] = {}
    for sample in samples:
        sent, token = sample.get("t_sent"), sample.get("t_first_token")
        if sent is not None and token is not None:
            columns.setdefault(_column(sent, start, width), []).append((token - sent) / 1e6)
    return {column: sorted(values) for column, values in columns.items()}


def _gaps(sample: Sample, start: int, width: int) -> Iterator[tuple[int, int]]:
    first, gaps = sample.get("t_first_token"), sample.get("gaps_us", ())
    if first is None:
        return
    for gap, since in zip(gaps, accumulate(gaps), strict=True):
        yield _row(gap / 1e3), _column(first + 1_000 * since, start, width)


def _row(gap_ms: float) -> int:
    return floor(STEPS_PER_OCTAVE * log2(max(gap_ms, _FLOOR_MS)))
