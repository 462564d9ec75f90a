"""A load run in the parent process: check the options, start Locust, read the workers' records, analyse. Never imports Locust."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from echosounder import __version__
from echosounder.load.calibration import machine, saved
from echosounder.load.child import PATIENCE, close, hush, last_words, start, stop
from echosounder.load.demands import checked, sworn
from echosounder.load.figures import slo
from echosounder.load.figures.analysis import exit_code, report
from echosounder.load.figures.levels import Divided, levels
from echosounder.load.figures.money import Money
from echosounder.load.figures.tally import Tally
from echosounder.load.gather import bury, fold, keep, reader
from echosounder.load.inputs import beyond, items, prices, worst
from echosounder.load.interrupt import held_back
from echosounder.load.log import Log
from echosounder.load.options import Options, told
from echosounder.load.parts import Parts
from echosounder.load.preflight import preflight
from echosounder.load.watch.otel import exporting
from echosounder.load.watch.prometheus import serving
from echosounder.load.watch.snapshot import Live
from echosounder.load.worker.recorder import UNWRITTEN
from echosounder.wire.errors import CannotJudge, UsageError
from echosounder.wire.header import Aimed, ClockReading, Header, RunKind

POLL = 0.2  # s
OVERDUE = "a worker did not end in time and was killed; the figures cover what it had written"


@dataclass(frozen=True, slots=True)
class Step:
    """Progress of the run: seconds ``done`` of ``planned`` (drain excluded), and a status line."""

    done: float
    planned: float
    said: str


Progress = Callable[[Step], None]


@dataclass(frozen=True)
class LoadResult:
    """Result of a run: the report (``echosounder/load/1``), the exit code, and the path of the log."""

    report: dict[str, Any]
    exit_code: int
    log: Path


def run(options: Options, progress: Progress = lambda step: None) -> LoadResult:
    """Run the load and analyse it. ``progress`` is called a few times a second.

    Ctrl-C stops the load and keeps the measurements so far. Raises :class:`UsageError` for invalid options; :class:`Unreachable` and
    :class:`KeyRefused` before anything is sent; :class:`CannotJudge` if no worker started.
    """
    options = checked(options)
    sworn(options)
    names = tuple(dict.fromkeys(item.name for item in items(options)))
    options = replace(options, beyond=beyond(options))
    clock = ClockReading(time.time(), time.monotonic_ns())
    try:
        with Log(options.out / "run.jsonl", header(options, clock)) as log:
            options = _ready(options)
            log.write("options", {"machine": machine(), "options": told(options), "items": names})
            tally, lost = _measure(options, new_tally(options, names), log, progress)
            log.footer["stopped"] = tally.stopped
    except OSError as error:
        raise CannotJudge(
            f"cannot write to {options.out}: {error.strerror or error}; earlier measurements are kept there"
        ) from None
    made = report(options, tally, clock.started, lost, saved())
    return LoadResult(made, exit_code(made), options.out / "run.jsonl")


def _ready(options: Options) -> Options:
    """The options with the model they are for; raises what :func:`preflight` raises, and where a budget could not be kept."""
    if options.worker:
        return options  # the master has checked the target and chooses the requests
    options = preflight(options)
    if options.budget_usd is not None and worst(options) is None:
        raise UsageError(
            f"no price of {options.model!r} is known, so no budget can be kept; give prices with --price HIT,MISS,OUTPUT"
        )
    return options


def header(options: Options, clock: ClockReading, kind: RunKind = RunKind.LOAD) -> Header:
    """The header of the run's log. A model that is unknown before the target is queried is in the record ``options`` instead."""
    return Header(
        kind_of_run=kind,
        started=clock.started,
        target=Aimed(
            options.target.shown,
            options.model,
            options.target.beta_url,
            access=options.access.shown,
            seal=options.target.seal(options.api_key),
        ),
        profile=options.profile,
        seed=options.seed,
        version=__version__,
        versions={"python": platform.python_version()},
        clock=clock,
        scenario=options.scenario,
    )


def new_tally(options: Options, names: Sequence[str] = ()) -> Tally:
    """An empty tally with the objectives and prices of the options, and its parts: levels, and items by *names*."""
    known = worst(options) is not None
    tally = Tally(tuple(map(slo.parse, options.slo)), Money(prices(options) if known else None))
    tally.parts = Divided(tally, levels(options), tuple(names), options.warmup)
    return tally


def _measure(options: Options, tally: Tally, log: Log, progress: Progress) -> tuple[Tally, int]:
    """Run Locust until it ends; everything the workers wrote is in the log and in the tally afterwards."""
    parts, live = Parts(options.out / "parts"), Live(options)
    read = reader(options)
    with (
        held_back() as interrupted,
        serving(options.prometheus, lambda: live.now),
        exporting(options.otel, lambda: live.now),
    ):
        process = start(options)
        try:
            until = _deadline(options, tally)
            while process.poll() is None and not interrupted.wait(POLL):
                read(parts, log, tally)
                live.take(tally, time.monotonic_ns())
                progress(_step(options, tally))
                if any(
                    stop["kind"] != "budget" for stop in tally.stopped
                ):  # a worker that has spent its share waits for answers
                    close(process)
                if time.monotonic() > until():
                    tally.stopped.append({"kind": "worker", "reason": OVERDUE, "worker": None})
                    break
        finally:
            stop(process)
            hush(options)
        read(parts, log, tally)
        progress(_step(options, tally))
        live.take(tally, time.monotonic_ns(), last=True)
    if read is keep:
        fold(log.path, tally)
    if process.returncode == UNWRITTEN:
        reason = f"the samples could not all be written to {options.out}; is the disk full? The figures are of those that were"
        tally.stopped.append({"kind": "disk", "reason": reason, "worker": None})
    if interrupted.is_set():
        tally.stopped.append({"kind": "interrupted", "reason": "interrupted by the user", "worker": None})
        log.footer["interrupted"] = "KeyboardInterrupt"
    if not tally.workers:
        raise CannotJudge(
            "interrupted before anything was sent"
            if interrupted.is_set()
            else f"no worker came up: {last_words(options.out)}"
        )
    parts.remove()
    return tally, bury(options, log, tally)


def _deadline(options: Options, tally: Tally) -> Callable[[], float]:
    """When the run must be over, s on the monotonic clock, so that a suspended or hanging worker does not block it."""
    begun = time.monotonic()

    def at() -> float:
        if not tally.workers:
            return begun + 2 * PATIENCE
        return max(begun, _began(tally)) + options.longest

    return at


def _began(tally: Tally) -> float:
    """When the last worker on this machine began; workers elsewhere have other clocks."""
    own = [int(record["begin"]) for record in tally.workers.values() if record.get("host") == platform.node()]
    return max(own, default=0) / 1e9


def _step(options: Options, tally: Tally) -> Step:
    begins = [int(worker["begin"]) for worker in tally.workers.values()]
    elapsed = (time.monotonic_ns() - min(begins)) / 1e9 if begins else 0.0
    completed, failed = (sum(int(tick[name]) for tick in tally.ticks.values()) for name in ("completed", "failed"))
    said = f"{completed} completed, {failed} failed, {tally.in_flight} in flight" if begins else "starting"
    return Step(min(max(elapsed, 0.0), options.seconds), options.seconds, said)
