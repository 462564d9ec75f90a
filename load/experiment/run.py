"""Runs a script as a whole experiment: checks the options, finds the model, opens the log, sends, and builds the report."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from echosounder import specs
from echosounder.judgement.rule import unmet
from echosounder.load.calibration import machine
from echosounder.load.demands import checked
from echosounder.load.engine import LoadResult, Progress, Step, header, new_tally
from echosounder.load.experiment.script import Script, Stopped
from echosounder.load.experiment.sender import RunBounds, Sender
from echosounder.load.figures.analysis import exit_code, report
from echosounder.load.figures.tally import Tally
from echosounder.load.inputs import paid, worst
from echosounder.load.log import Log
from echosounder.load.options import Options, told
from echosounder.load.parts import count
from echosounder.load.preflight import preflight
from echosounder.load.worker.assembly import endpoint
from echosounder.load.worker.budget import LoadBudget
from echosounder.wire.errors import CannotJudge, KeyRefused, UsageError
from echosounder.wire.header import ClockReading, RunKind
from echosounder.wire.verdict import Result

T = TypeVar("T")
ENOUGH = frozenset({"time", "patience", "budget"})
"""Reasons to end an experiment early that do not invalidate its result."""


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Worst case of a run: requests, seconds, and the maximum price (None if no price is known); ``note`` explains it."""

    requests: int
    seconds: float
    ceiling: Decimal | None
    note: str = ""

    @property
    def says(self) -> str:
        cost = "at a price that is not known" if self.ceiling is None else f"for at most ${self.ceiling:.4f}"
        return f"at most {self.requests} requests {cost}, at most {self.seconds:.0f} s{self.note and f'; {self.note}'}"


@dataclass(slots=True)
class ExperimentRun:
    """A run in progress: ``log`` receives records, ``tell`` the name of the current stage; ``wall`` converts script time to time of
    day.
    """

    options: Options
    log: Log
    tally: Tally
    sender: Sender
    plan: WorstCase
    progress: Progress
    stage: str = ""

    def tell(self, stage: str) -> None:
        self.stage = stage
        self.progress(Step(self.sender.now, self.plan.seconds, f"{stage}: {self.sender.sent} requests"))

    def note(self, kind: str, record: dict[str, Any]) -> None:
        self.log.write(kind, record)
        count(self.tally, {"kind": kind, **record})


def ready(options: Options) -> Options:
    """The options, checked, with a model in them. Raises the errors of :func:`load.engine.run` before anything is sent."""
    options = preflight(checked(options))
    if options.budget_usd is not None and worst(options) is None:
        raise UsageError(
            f"no price of {options.model!r} is known, so no budget can be kept; give prices with --price HIT,MISS,OUTPUT"
        )
    return options


def perform(
    kind: RunKind,
    options: Options,
    keys: tuple[str | None, ...],
    plan: WorstCase,
    script: Callable[[ExperimentRun], Script[T]],
    conclude: Callable[[ExperimentRun, T, dict[str, Any]], tuple[dict[str, Any], list[Result], Stopped | None]],
    progress: Progress,
) -> LoadResult:
    """Run *script*; *conclude* turns its result and the usual load report into the final report and the verdicts."""
    clock = ClockReading(time.time(), time.monotonic_ns())
    progress(Step(0.0, plan.seconds, plan.says))
    try:
        with Log(options.out / "run.jsonl", header(options, clock, kind)) as log:
            log.write("options", {"machine": machine(), "options": told(options), "asks_next": True})
            return _perform(options, keys, plan, script, conclude, progress, log, clock.started)
    except OSError as error:
        reason = error.strerror or error
        raise CannotJudge(f"cannot write to {options.out}: {reason}; earlier measurements are kept there") from None


def _perform(
    options: Options,
    keys: tuple[str | None, ...],
    plan: WorstCase,
    script: Callable[[ExperimentRun], Script[T]],
    conclude: Callable[[ExperimentRun, T, dict[str, Any]], tuple[dict[str, Any], list[Result], Stopped | None]],
    progress: Progress,
    log: Log,
    started: str,
) -> LoadResult:
    most = min(plan.requests, options.budget_requests or plan.requests)
    budget = LoadBudget(worst(options), options.budget, most, paid=paid(options))
    bounds = RunBounds(plan.seconds, options.breaker)
    sender = Sender(options.target, keys, endpoint(options), budget, bounds)
    run = ExperimentRun(options, log, new_tally(options), sender, plan, progress)
    sender.note = run.note
    found = sender.run(script(run))
    made, results, stopped = conclude(run, found, report(options, run.tally, started))
    for result in results:
        log.result(result)
    if stopped is not None:
        made["stopped"] = [{"kind": stopped.kind, "reason": stopped.reason, "worker": None}]
        if stopped.kind == "interrupted":
            log.footer["interrupted"] = "KeyboardInterrupt"
        if stopped.kind == "key-refused":
            raise KeyRefused(f"{options.target.shown}: {stopped.reason}")
    del made["outcome"]  # refusals are the purpose of a search for a limit
    made["requirements"] = [_requirement(result) for result in results]
    return LoadResult(made, code(made), log.path)


def _requirement(result: Result) -> dict[str, Any]:
    """A requirement's result, as in a report of ``check``."""
    row = specs.requirement(result.requirement)
    sources = [{"page": source.page, "section": source.section, "date": source.date} for source in row.sources]
    record = result.record()
    return {
        "id": row.id,
        "level": row.level,
        "verdict": str(result.verdict),
        "title": row.title,
        "sources": sources,
        **_found(record),
    }


def _found(record: dict[str, Any]) -> dict[str, Any]:
    return {"findings": list(record["findings"]), "note": record["note"]}


def code(made: dict[str, Any]) -> int:
    """The exit code of any load run, and 1 if a MUST requirement is broken. Exhausted time or patience is an answer, not a failure."""
    judged = {
        **made,
        "stopped": [stop for stop in made["stopped"] if stop["kind"] not in ENOUGH],
    }
    broken = any(unmet(row["level"], row["verdict"]) for row in made["requirements"])
    return exit_code(judged) or int(broken)
