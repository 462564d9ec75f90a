"""One run: plan, send within the budget, write everything down, judge what was written.

The log is the run. Whatever ends it early (an unreachable target, a spent budget, Ctrl-C) ends it with a footer that says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from echosounder import specs
from echosounder.conformance import gate, provenance
from echosounder.conformance.ask import Ask, Send
from echosounder.conformance.budget import Budget
from echosounder.conformance.catalogue import PROBES
from echosounder.conformance.planner import Caps, Plan, budget_of, plan
from echosounder.conformance.probe import Probe
from echosounder.conformance.reducer import Reducer
from echosounder.conformance.runner import Bounds, Runner
from echosounder.judgement.answers import models
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.catalogue import known_patterns
from echosounder.judgement.report import report
from echosounder.judgement.score import score
from echosounder.judgement.setting import Setting, Suite
from echosounder.wire.errors import BudgetSpent, CannotJudge, UsageError
from echosounder.wire.exchange import Exchange
from echosounder.wire.header import Clock, Header, RunKind
from echosounder.wire.runlog import Run, RunWriter, read
from echosounder.wire.target import Target
from echosounder.wire.verdict import Result

GIVE_UP_AFTER = 5
"""So many legal requests in a row without any answer, and the target counts as gone."""


@dataclass(frozen=True)
class Options:
    """Everything that a run depends on, besides the target itself."""

    target: Target
    out: Path
    api_key: str | None = None
    profile: str = specs.DEFAULT_PROFILE
    suite: Suite = Suite.STANDARD
    only: tuple[str, ...] = ()
    policy: str = "interop"
    baseline: Path | None = None
    budget_usd: Decimal | None = None
    budget_requests: int | None = None
    prices: specs.Rates | None = None
    seed: int = 0
    bounds: Bounds = field(default_factory=Bounds)
    position: str = "server"
    repeat: int = 1

    @property
    def caps(self) -> Caps:
        return Caps(self.budget_requests, self.budget_usd, self.prices)


@dataclass(frozen=True)
class Progress:
    """What a run tells its front end while it goes: ``done`` of ``planned`` requests, and the probe under way."""

    done: int
    planned: int
    probe: str


@dataclass(frozen=True)
class Outcome:
    """What came of a run. ``stopped`` is why it ended early; ``exit_code`` is that of design section 6."""

    report: dict[str, Any]
    results: tuple[Result, ...]
    log: Path
    exit_code: int
    stopped: CannotJudge | None = None


Watch = Callable[[Progress], None]


def quiet(progress: Progress) -> None:
    pass


def check(options: Options, watch: Watch = quiet) -> Outcome:
    """Runs the suite against the target.

    Raises ``UsageError`` for options that make no sense, before anything is sent; KeyboardInterrupt passes through once
    the log is finished. A target that gives nothing to judge is an outcome with ``stopped`` set, not an exception.
    """
    _validate(options)
    baseline = Baseline.load(options.baseline) if options.baseline else Baseline()
    with Runner(options.target, options.api_key, options.bounds) as runner:
        stopped = _Session(options, runner, watch).run()
    run = read(options.out / "run.jsonl")
    results = score(run, PROBES)
    document = report(run, results, baseline)
    return Outcome(document, results, options.out / "run.jsonl", exit_code(document, stopped), stopped)


def exit_code(document: dict[str, Any], stopped: CannotJudge | None) -> int:
    """The exit code of design section 6, from the verdict of the report and from why the run ended early, if it did."""
    if stopped is not None and not isinstance(stopped, BudgetSpent):
        return stopped.exit_code
    return {"conforms": 0, "deviates": 1}.get(document["verdict"], 3)


def _validate(options: Options) -> None:
    try:
        specs.profile(options.profile)
    except specs.SpecError as error:
        raise UsageError(str(error)) from None
    known_patterns(options.only)
    if options.policy not in {"interop", "documented"}:
        raise UsageError(f"unknown policy {options.policy!r}: interop or documented")


class _Session:
    """The sending half of a run."""

    def __init__(self, options: Options, runner: Runner, watch: Watch) -> None:
        self._options, self._runner, self._watch = options, runner, watch
        self._exchanges: list[Exchange] = []
        self._silent = 0

    def run(self) -> CannotJudge | None:
        """Sends everything and writes the log. Returns why the run ended early, None where it did not."""
        clock = Clock(time.time(), time.monotonic_ns())
        first, interrupted = self._first()
        model = self._options.target.model or choose(first, self._options.profile)
        ask = Ask(self._options.profile, model, self._options.seed, salt=f"{clock.unix:.0f}")
        header = provenance.header(self._options, model, clock, RunKind.CHECK)
        with RunWriter(self._options.out / "run.jsonl", header) as log:
            if interrupted:
                raise interrupted
            return self._all(ask, log, first, header)

    def _first(self) -> tuple[Exchange | None, KeyboardInterrupt | None]:
        """The list of models, asked before there is a log: its header names the model."""
        try:
            send = next(PROBES["models.list"].steps(Ask(self._options.profile, "")))
            return self._runner.send(send, "1", "models.list"), None
        except KeyboardInterrupt as interrupt:
            return None, interrupt

    def _all(self, ask: Ask, log: RunWriter, first: Exchange | None, header: Header) -> CannotJudge | None:
        options = self._options
        unsent: dict[str, str] = {}
        log.footer["unsent"] = unsent
        planned = plan(ask, options.suite, datetime.now(UTC), options.only, options.repeat, options.caps)
        budget = budget_of(ask, planned.at, options.caps)
        unsent |= planned.left_out
        unsent |= {probe.name: "the run was stopped" for probe in planned.probes}
        if first is not None:
            self._record(first, log)
            budget.spent_requests += 1
        try:
            for number in range(self._options.repeat):
                asking = (
                    replace(ask, salt=f"{ask.salt}-{number}") if number else ask
                )  # prompts that are new to a cache again
                for probe in planned.probes:
                    self._probe(probe, asking, budget, log, planned, number)
                    unsent.pop(probe.name, None)
        except CannotJudge as reason:
            for name in unsent.keys() - planned.left_out.keys():
                unsent[name] = str(reason)
            log.footer["stopped"], log.footer["stopped_by"] = str(reason), type(reason).__name__
            return reason
        if planned.reduction:
            self._reduce(log, budget, header)
        log.footer["at_most_usd"] = None if budget.price(0, 0) is None else format(budget.spent_usd, "f")
        if planned.spent is not None:
            log.footer["stopped"], log.footer["stopped_by"] = str(planned.spent), "BudgetSpent"
        return planned.spent

    def _reduce(self, log: RunWriter, budget: Budget, header: Header) -> None:
        """Makes what generated requests found smaller. What the budget does not allow is left as it is."""
        run = Run(header, tuple(self._exchanges))

        def send(send: Send, probe: str) -> Exchange:
            budget.debit(send)
            self._watch(Progress(len(self._exchanges), len(self._exchanges), probe))
            exchange = self._runner.send(send, str(len(self._exchanges) + 1), probe)
            self._record(exchange, log)
            return exchange

        with suppress(BudgetSpent):
            Reducer(send, Setting.of(run)).run(run)

    def _probe(self, probe: Probe, ask: Ask, budget: Budget, log: RunWriter, planned: Plan, number: int) -> None:
        if probe.name == "models.list" and number == 0:  # sent already
            return
        self._watch(Progress(len(self._exchanges), planned.requests, probe.name))
        steps = probe.steps(ask)
        try:
            send = next(steps)
            while True:
                budget.debit(send)
                send = send.but(notes={"round": number}) if number else send
                exchange = self._runner.send(send, str(len(self._exchanges) + 1), probe.name)
                self._record(exchange, log)
                self._look(probe, exchange)
                send = steps.send(exchange)
        except StopIteration:
            return

    def _record(self, exchange: Exchange, log: RunWriter) -> None:
        self._exchanges.append(exchange)
        log.exchange(exchange)

    def _look(self, probe: Probe, exchange: Exchange) -> None:
        """Raises where going on makes no sense: no API here, or nobody at home any more."""
        if probe.name == gate.GATES[-1]:
            reason = gate.verdict([each for each in self._exchanges if each.probe in gate.GATES])
            if reason is not None:
                raise reason
        if "fault" not in exchange.notes:  # a target that hangs on bad requests alone is not gone
            self._silent = self._silent + 1 if exchange.status is None else 0
        if self._silent >= GIVE_UP_AFTER:
            raise CannotJudge(
                f"the target stopped answering: {GIVE_UP_AFTER} requests in a row got no answer ({exchange.error})"
            )


def choose(first: Exchange | None, profile: str) -> str:
    """The first model of the profile that the target lists, else the first that it lists, else the profile's first."""
    listed = models(first)
    known = [name for name in specs.models(profile) if name in listed]
    return (known or listed or [specs.models(profile)[0]])[0]
