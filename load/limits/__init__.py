"""Identifies a target's rate limiter and its behavior, with as few requests as possible.

The experiments are scripts (:mod:`load.experiment.script`), pure estimators draw conclusions from the times of
accepted and refused requests (:mod:`load.limits.seen`), and :func:`discover` runs them against a real target.
"""

from dataclasses import replace
from typing import Any

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.engine import LoadResult, Progress
from echosounder.load.experiment.run import ExperimentRun, WorstCase, perform, ready
from echosounder.load.experiment.script import Script, Stopped
from echosounder.load.inputs import worst
from echosounder.load.limits.bench import HOLD_TOKENS, Bench
from echosounder.load.limits.discovery import Discovery
from echosounder.load.limits.discovery import discover as script
from echosounder.load.limits.goal import PROMPT_TOKENS, LimiterGoal, LimiterJobs
from echosounder.load.limits.judge import results
from echosounder.load.limits.report import rate_limit
from echosounder.load.options import Options
from echosounder.load.preflight import preflight
from echosounder.wire.errors import KeyRefused, UsageError
from echosounder.wire.header import RunKind
from echosounder.wire.prices import bill
from echosounder.wire.verdict import Result

MOST_IN_FLIGHT = 10_000
PATIENCE = 0.4  # fraction of the maximum duration for which nothing may be accepted
REQUESTS_PER_PLACE = 16  # requests allowed per place of a cap; finding and examining a cap takes fewer

__all__ = ["LimiterGoal", "discover"]


def discover(
    options: Options,
    progress: Progress = lambda step: None,
    goal: LimiterGoal | None = None,
    other_key: str | None = None,
) -> LoadResult:
    """Find the limits of the target: kind, numbers, scope, and whether Retry-After is correct.

    The report's member ``rate_limit`` is described in :mod:`load.limits.report`. ``options.users``: maximum number in flight, 256 by
    default; ``options.duration``: maximum duration, s. ``other_key``: a second API key, to test whether both share a limit. Exit code 3
    if no kind of limiter explains the observations.

    Raises :class:`UsageError`, :class:`Unreachable`, :class:`KeyRefused`, and :class:`CannotJudge` if no request is ever served.
    """
    goal = goal or _goal(options)
    options = ready(replace(options, users=str(goal.in_flight)))
    if other_key is not None:
        _accepted(replace(options, api_key=other_key))
    keys = (options.api_key, other_key) if other_key else (options.api_key,)
    planned = plan(options, goal)
    bench = Bench(
        replace(goal, keys=len(keys), requests=planned.requests), LimiterJobs(options.model or "", options.profile)
    )

    def experiment(run: ExperimentRun) -> Script[Discovery]:
        return script(bench, run.sender.wall, run.tell)

    return perform(RunKind.RATE_LIMIT, options, keys, planned, experiment, _conclude, progress)


def _goal(options: Options) -> LimiterGoal:
    """The goal from the options: ``users`` is the maximum number in flight, up to which a cap is searched for;
    ``duration`` is the maximum duration.
    """
    usual = LimiterGoal(seed=options.seed, seconds=options.duration, patience=PATIENCE * options.duration)
    if options.users is None:
        return usual
    if not options.users.isdecimal() or not 0 < int(options.users) <= MOST_IN_FLIGHT:
        raise UsageError(
            f"--users {options.users}: give the maximum number of requests in flight for the search, 1 to {MOST_IN_FLIGHT}"
        )
    most = int(options.users)
    return replace(usual, in_flight=most, requests=max(usual.requests, REQUESTS_PER_PLACE * most))


def _accepted(options: Options) -> None:
    """Check the second key before spending money on the first. Raises :class:`KeyRefused` if the target does not accept it."""
    try:
        preflight(options)
    except KeyRefused:
        hint = "it does not accept the second API key; check the variable that --other-api-key-env names"
        raise KeyRefused(f"{options.target.shown}: {hint}") from None


def plan(options: Options, goal: LimiterGoal) -> WorstCase:
    """Worst case of a run. The price assumes answers of maximum length; most are one token long."""
    known, requests = worst(options), min(goal.requests, options.budget_requests or goal.requests)
    ceiling = None if known is None else bill(0, requests * PROMPT_TOKENS, requests * HOLD_TOKENS, known).total
    if ceiling is not None and options.budget is not None:
        ceiling = min(ceiling, options.budget)
    return WorstCase(requests, goal.seconds, ceiling)


def _conclude(
    run: ExperimentRun, found: Discovery, made: dict[str, Any]
) -> tuple[dict[str, Any], list[Result], Stopped | None]:
    made = {**made, "rate_limit": rate_limit(found)}
    stopped = found.stopped
    if found.identified.fit.kind is LimiterKind.UNRESOLVED:
        stopped = (
            stopped
            if stopped and stopped.kind == "interrupted"
            else Stopped("unresolved", "; ".join(found.identified.needs))
        )
    return made, results(found, run.options.profile), stopped
