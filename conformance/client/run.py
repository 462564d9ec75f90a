"""One run in the client position: honest scenes first, then those that fit the client's features and formats, several at a time.

scenario ── a mock of its own ──> command ──> journal + outputs = records of the log ──> score ──> report
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from echosounder.conformance import provenance
from echosounder.conformance.check_run import CheckOutcome, exit_code
from echosounder.conformance.client.launch import found
from echosounder.conformance.client.options import ClientOptions
from echosounder.conformance.client.player import Player, Stage
from echosounder.conformance.client.scenarios import HONEST, Scenario, chosen
from echosounder.conformance.options import Progress, Watch, quiet
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.client.report import report
from echosounder.judgement.client.scene import Scene, scenes
from echosounder.judgement.client.score import rows, score
from echosounder.wire.command import ClientRun
from echosounder.wire.errors import BudgetSpent, CannotJudge, UsageError
from echosounder.wire.exchange import Exchange
from echosounder.wire.header import ClockReading, RunKind
from echosounder.wire.runlog import RunWriter, read


def check(options: ClientOptions, stage: Stage, watch: Watch = quiet) -> CheckOutcome:
    """Judges the client ``options.command``.

    Raises ``UsageError`` for invalid options before anything is started; KeyboardInterrupt propagates once every command is stopped and
    the log is finished. A client that cannot be judged is an outcome with ``stopped`` set.
    """
    found(options.command)
    if not rows(options.profile, options.only):
        raise UsageError(
            "--only matches no requirement of clients; see `echosounder list requirements --feature client`"
        )
    baseline = Baseline.load(options.baseline) if options.baseline else Baseline()
    clock = ClockReading(time.time(), time.monotonic_ns())
    header = provenance.header(options.as_check(), options.asked, clock, RunKind.CLIENT)
    with RunWriter(options.out / "run.jsonl", header) as log:
        stopped = _Tour(options, stage, log, watch).stopped()
    run = read(options.out / "run.jsonl")
    results = score(run)
    document = report(run, results, baseline)
    return CheckOutcome(document, results, options.out / "run.jsonl", exit_code(document, stopped), stopped)


class _Tour:
    """All scenarios of one client, and the log of what came of them."""

    def __init__(self, options: ClientOptions, stage: Stage, log: RunWriter, watch: Watch) -> None:
        self._options, self._log, self._watch = options, log, watch
        self._player, self._begun = Player(options, stage), time.monotonic()
        self._numbers, self._unsent = 0, dict[str, str]()
        self._clients, self._exchanges = list[ClientRun](), list[Exchange]()
        log.footer["unsent"] = self._unsent

    def stopped(self) -> CannotJudge | None:
        """Runs all scenarios. Returns the reason if it ends early, else None."""
        wanted = {name for row in rows(self._options.profile, self._options.only) for name in row.probes}
        honest = chosen(self._options.suite, (), {HONEST})
        try:
            self._play(honest)
            seen = scenes(self._clients, self._exchanges)
            if reason := nothing(seen, self._options.limit_s):
                raise reason
            self._play(list(_possible(chosen(self._options.suite, _formats(seen), wanted - {HONEST}), seen)))
        except CannotJudge as reason:
            self._log.footer["stopped"], self._log.footer["stopped_by"] = str(reason), type(reason).__name__
            return reason
        return None

    def _play(self, chosen: Sequence[Scenario]) -> None:
        """Raises ``BudgetSpent`` where there was no time for all of them."""
        due = list(chosen)
        self._unsent.update((each.family, "the run was stopped") for each in due)
        with ThreadPoolExecutor(self._options.parallel) as lanes:
            try:
                self._all(lanes, due, len(due))
            except BaseException:
                lanes.shutdown(wait=False, cancel_futures=True)
                self._player.stop()
                raise
        for family in {each.family for each in chosen}:
            self._unsent.pop(family, None)

    def _all(self, lanes: ThreadPoolExecutor, due: list[Scenario], planned: int) -> None:
        running: set[Future[tuple[ClientRun, list[Exchange]]]] = set()
        done = 0
        while due or running:
            while due and len(running) < self._options.parallel:
                self._within_budget(due)
                self._numbers += 1
                scenario = due.pop(0)
                self._watch(Progress(done, planned, scenario.name))
                running.add(lanes.submit(self._player.play, scenario, self._numbers))
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                self._record(*future.result())
                done += 1

    def _within_budget(self, due: Sequence[Scenario]) -> None:
        budget, spent = self._options.budget_s, time.monotonic() - self._begun
        if budget is not None and spent > budget:
            why = f"the time of {budget:g} s is spent"
            self._unsent.update((each.family, why) for each in due)
            raise BudgetSpent(f"{why}; {len(due)} scenarios were not run; raise --budget-time, or --parallel")

    def _record(self, command: ClientRun, exchanges: Iterable[Exchange]) -> None:
        self._clients.append(command)
        self._log.client(command)
        for exchange in exchanges:
            self._exchanges.append(exchange)
            self._log.exchange(exchange)


def nothing(seen: Sequence[Scene], limit_s: float) -> CannotJudge | None:
    """Why a client cannot be judged by its requests to an honest server; None if it can."""
    used = [scene for scene in seen if not scene.command.declined]
    if not used:
        return CannotJudge("the command declined every use of the API (exit status 64); it has to make one of ECHO_USE")
    first = used[0].command
    said = (first.stderr.strip() or first.stdout.strip() or "it printed nothing").splitlines()[-1]
    if not any(scene.exchanges for scene in used):
        how = f"ran for {limit_s:g} s" if first.hung else f"ended with status {first.status}"
        return CannotJudge(
            f"the command {how} and sent no request to the mock ({said[:150]}); it has to take the base URL from {{base_url}} in its"
            " arguments, or from OPENAI_BASE_URL, DEEPSEEK_BASE_URL, ANTHROPIC_BASE_URL or ECHO_BASE_URL"
        )
    if not any(scene.asked for scene in used):
        paths = sorted({f"{each.request.method} {each.request.path}" for scene in used for each in scene.exchanges})
        return CannotJudge(f"the command sent no model request, only {', '.join(paths[:4])}; is the base URL right?")
    if all(scene.command.hung for scene in used):
        return CannotJudge(
            f"the command was still running after {limit_s:g} s at an honest server; raise --timeout if it is only slow"
        )
    return None


def _formats(seen: Iterable[Scene]) -> set[str]:
    """The wire formats that the client speaks."""
    return {exchange.format for scene in seen for exchange in scene.asked}


def _possible(chosen: Iterable[Scenario], seen: Sequence[Scene]) -> Iterator[Scenario]:
    """Without the uses that the client does not make, or comes to no result with at an honest server."""
    works = {scene.command.use for scene in seen if scene.made and scene.command.succeeded}
    heeds = len({_bodies(scene) for scene in seen if scene.asked}) > 1
    more = {"parallel", "abort"} if heeds and "stream" in works else set()
    return (each for each in chosen if each.use in works | more)


def _bodies(scene: Scene) -> frozenset[bytes]:
    return frozenset(exchange.request.body for exchange in scene.asked)
