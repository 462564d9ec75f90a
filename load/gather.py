"""Collects the records of the workers into the run's log and the tally, during the run or after it."""

import os
from collections.abc import Callable
from pathlib import Path

from echosounder.load.figures.tally import Tally
from echosounder.load.log import Log
from echosounder.load.options import Options
from echosounder.load.parts import Parts, blocks, entered, is_sample, lines, parse
from echosounder.load.worker.schedule import planned

SECOND = 1_000_000_000
Reader = Callable[[Parts, Log, Tally], None]


def reader(options: Options) -> Reader:
    """Return the reader for use during the run. If the workers need every core, counting is deferred unless figures are
    displayed live.
    """
    watched = options.web is not None or options.prometheus is not None or options.otel
    return read if watched or options.master is not None or _cores() > options.workers else keep


def read(parts: Parts, log: Log, tally: Tally) -> None:
    """Read new records of the workers into the log and the tally; stamps of other machines are converted to the first one's clock."""
    for new in parts.new():
        log.append(entered(new, tally))


def keep(parts: Parts, log: Log, tally: Tally) -> None:
    """Like :meth:`read`, but samples go to the log only: :func:`fold` counts them when the run is over."""
    for new in parts.new():
        tally.enter([parse(line) for line in new if not is_sample(line)])
        log.append(new)


def fold(path: Path, tally: Tally) -> None:
    """Count the samples of a log."""
    for block in blocks(path):
        tally.enter([parse(line) for line in lines(block) if is_sample(line)])


def bury(options: Options, log: Log, tally: Tally) -> int:
    """Record workers that ended early, with the unsent rest of their schedules; return their number."""
    expected = list(tally.workers) if options.worker else range(options.workers)
    dead = [worker for worker in expected if worker not in tally.ended]
    for worker in dead:
        record = {"dead": worker, "unscheduled": _left(options, tally, worker)}
        log.write("lost", record)
        tally.enter([{"kind": "lost", **record}])
    if not tally.ended and all(
        stop["kind"] != "disk" for stop in tally.stopped
    ):  # a full disk cannot take the end record either
        reason = "every worker died before the end; the figures are of what they had written"
        tally.stopped.append({"kind": "worker", "reason": reason, "worker": None})
    return len(dead)


def _left(options: Options, tally: Tally, worker: int) -> int:
    """Number of requests that a dead worker did not send, up to the time when the others stopped."""
    begin = min(int(record["begin"]) for record in tally.workers.values())
    stopped = max(tally.ended.values()) - begin if tally.ended else round(options.seconds * SECOND)
    begun = int(tally.ticks[worker]["scheduled"]) if worker in tally.ticks else 0
    return max(planned(options, worker, stopped) - begun, 0)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
