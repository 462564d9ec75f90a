"""The part of the schedule assigned to a worker."""

from collections.abc import Iterator

from echosounder.load.inputs import Due, trace
from echosounder.load.options import Options
from echosounder.load.worker import arrivals, shape

SECOND = 1_000_000_000


def due(options: Options, worker: int, lines: list[Due] | None) -> Iterator[tuple[int, int]] | None:
    """``(global index, ns from the start)`` of the requests of *worker*; None in the closed loop. *lines*: those of the trace."""
    if lines is not None:
        times = arrivals.replay(line.offset for line in lines)
    elif options.rate is None:
        return None
    else:
        level = shape.parse(options.rate, options.duration, options.warmup)
        times = arrivals.poisson(level, options.seed) if options.arrival == "poisson" else arrivals.constant(level)
    return arrivals.share(times, worker, options.workers)


def planned(options: Options, worker: int, until: int) -> int:
    """Number of requests that *worker* was to send in the first *until* ns; 0 in the closed loop, which has no schedule."""
    found = due(options, worker, trace(options.trace) if options.trace else None)
    return 0 if found is None else sum(1 for _, offset in found if offset < until)
