"""One run: plan, send within the budget, record everything, judge the record.

The log is the run. Whatever ends it early (an unreachable target, a spent budget, Ctrl-C) ends it with a footer that says so.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from echosounder import specs
from echosounder.conformance.ask import Send
from echosounder.conformance.http_sender import HttpSender
from echosounder.conformance.options import CheckOptions, Progress, Watch, quiet
from echosounder.conformance.planner import Plan
from echosounder.conformance.positions import Direct
from echosounder.conformance.probe_choice import PROBES
from echosounder.conformance.probe_sender import ProbeSender, probe_sender
from echosounder.conformance.reducer import Reducer
from echosounder.judgement.absence import absent
from echosounder.judgement.assigned import known_patterns
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.checks.served import dead
from echosounder.judgement.report import report
from echosounder.judgement.score import score
from echosounder.judgement.setting import RunSetting
from echosounder.wire.errors import BudgetSpent, CannotJudge, UsageError
from echosounder.wire.exchange import Exchange
from echosounder.wire.header import RunKind
from echosounder.wire.runlog import Run, read
from echosounder.wire.verdict import Result


@dataclass(frozen=True)
class CheckOutcome:
    """Result of a run. ``stopped`` is why it ended early, or without a verdict; ``exit_code`` is that of design section 6."""

    report: dict[str, Any]
    results: tuple[Result, ...]
    log: Path
    exit_code: int
    stopped: CannotJudge | None = None


def check(options: CheckOptions, watch: Watch = quiet) -> CheckOutcome:
    """Runs the suite against the target.

    Raises ``UsageError`` for invalid options before anything is sent; KeyboardInterrupt propagates once the log is finished. A target
    that cannot be judged is an outcome with ``stopped`` set, not an exception.
    """
    _validate(options)
    baseline = Baseline.load(options.baseline) if options.baseline else Baseline()
    with (
        HttpSender(options.target, options.api_key, options.bounds) as http,
        probe_sender(options, RunKind.CHECK, Direct(http)) as sender,
    ):
        stopped = CheckRun(options, sender, watch).send()
    run = read(options.out / "run.jsonl")
    results = score(run, PROBES)
    document = report(run, results, baseline)
    if stopped is None and document["verdict"] == "inconclusive" and document["reason"]:
        stopped = CannotJudge(document["reason"])
    return CheckOutcome(document, results, options.out / "run.jsonl", exit_code(document, stopped), stopped)


def exit_code(document: dict[str, Any], stopped: CannotJudge | None) -> int:
    """The exit code of design section 6, from the verdict of the report and from why the run ended early, if it did."""
    if stopped is not None and not isinstance(stopped, BudgetSpent):
        return stopped.exit_code
    return {"conforms": 0, "deviates": 1}.get(document["verdict"], 3)


def _validate(options: CheckOptions) -> None:
    try:
        specs.profile(options.profile)
    except specs.SpecError as error:
        raise UsageError(str(error)) from None
    known_patterns(options.only)
    if options.policy not in {"interop", "documented"}:
        raise UsageError(f"unknown policy {options.policy!r}: interop or documented")


class CheckRun:
    """The sending part of a check: the probes of the plan, repeated as requested, then reduced requests for their findings."""

    def __init__(self, options: CheckOptions, sender: ProbeSender, watch: Watch) -> None:
        self._options, self._sender, self._watch = options, sender, watch

    def send(self) -> CannotJudge | None:
        """Sends all probes. Returns the reason if it ends early, else None."""
        sender, planned = self._sender, self._sender.planned(self._options.repeat)
        try:
            self._rounds(planned)
        except CannotJudge as reason:
            return sender.stop(reason)
        if planned.reduction:
            self._reduce()
        sender.bill()
        return None if planned.spent is None else sender.stop(planned.spent)

    def _rounds(self, planned: Plan) -> None:
        waiting = list(product(range(self._options.repeat), planned.probes))
        while waiting:
            round, probe = waiting.pop(0)
            self._watch(Progress(len(self._sender.exchanges), planned.requests, probe.name))
            if not absent(probe.format, self._sender.exchanges):
                self._sender.send(probe, round)
            self._sender.done(probe.name)
            if dead(self._sender.exchanges):  # what may show that it lives comes first
                waiting.sort(key=lambda each: each[1].features != {"chat"})

    def _reduce(self) -> None:
        """Makes what generated requests found smaller. What the budget does not allow is left as it is."""
        run = Run(self._sender.header, tuple(self._sender.exchanges))
        with suppress(BudgetSpent):
            Reducer(self._smaller, RunSetting.of(run)).run(run)

    def _smaller(self, send: Send, probe: str) -> Exchange:
        done = len(self._sender.exchanges)
        self._watch(Progress(done, done, probe))
        [answered] = self._sender.deliver([send], probe)
        return answered.exchanges[0]
