"""Arrival times of requests: iterators of offsets in ns from the start, on an absolute schedule computed from a seed.

Every worker computes the whole schedule and takes its share of it, so the load is the same whatever the number of workers.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate, count, islice, repeat
from random import Random

from echosounder.load.worker.shape import LoadShape

SECOND = 1_000_000_000


def constant(shape: LoadShape) -> Iterator[int]:
    """Evenly spaced if the level is constant; request i is due when the area under the shape reaches i."""
    return _due(shape, map(float, count()))


def poisson(shape: LoadShape, seed: int) -> Iterator[int]:
    """A Poisson process whose intensity is the shape: unit exponential gaps, scaled by the level."""
    draw = Random(f"arrivals {seed}")
    return _due(shape, accumulate(draw.expovariate(rate) for rate in repeat(1.0)))


def replay(offsets_s: Iterable[float]) -> Iterator[int]:
    """The offsets of a trace, in seconds, unchanged but sorted, because a log may be in order of completion."""
    return iter(sorted(round(offset * SECOND) for offset in offsets_s))


def share(due: Iterator[int], worker: int, workers: int) -> Iterator[tuple[int, int]]:
    """``(global index, due time)`` of the requests that *worker* of *workers* sends."""
    return islice(enumerate(due), worker, None, workers)


def _due(shape: LoadShape, areas: Iterator[float]) -> Iterator[int]:
    area = next(areas)
    begin, gathered = 0.0, 0.0
    for segment in shape.segments:
        while area - gathered < segment.area:
            yield round((begin + segment.time_of(area - gathered)) * SECOND)
            area = next(areas)
        begin, gathered = begin + segment.seconds, gathered + segment.area
