"""The highest rate, or number of users, at which a target still meets the objectives, found with as few requests as
possible.

:mod:`load.capacity.search` chooses the next level, :mod:`load.capacity.holding` decides whether a level meets the
objectives; both are pure. :mod:`load.capacity.hunting` sends the requests, and :func:`find` runs the search against a
real target.
"""

import re
from dataclasses import replace
from typing import Any

from echosounder.load.capacity.holding import judged, needed
from echosounder.load.capacity.hunting import LEAST, LOOKS, Hunt, hunt
from echosounder.load.capacity.report import capacity
from echosounder.load.capacity.search import Search
from echosounder.load.engine import LoadResult, Progress
from echosounder.load.experiment.run import ExperimentRun, WorstCase, perform, ready
from echosounder.load.experiment.script import Script, Stopped
from echosounder.load.figures import slo
from echosounder.load.inputs import items, worst
from echosounder.load.options import Options
from echosounder.load.worker.shape import MAX_LEVEL
from echosounder.load.worker.workload import Workload
from echosounder.wire.errors import UsageError
from echosounder.wire.header import RunKind
from echosounder.wire.prices import bill
from echosounder.wire.verdict import Result

MOST = 256.0  # requests per second, or users, if no maximum is given
SECONDS = 2 * LEAST  # of a level that is as high as is allowed, until it is told
LEVELS = 12  # that a search takes, if each has to be watched to its end
FAILURES = 500  # in a row, before the target counts as broken: beyond its capacity it may refuse many
_RANGE = re.compile(r"(\d+(?:\.\d+)?)(?:\.\.(\d+(?:\.\d+)?))?")

__all__ = ["find"]


def find(options: Options, progress: Progress = lambda step: None) -> LoadResult:
    """Find the capacity. ``options.rate`` or ``options.users``: ``LOW..HIGH``, the first and the highest level.

    Exit code 0: found; 1: even the lowest load misses the objectives; 3: not found; 4: the client was the bottleneck. The report's
    member ``capacity`` is described in :mod:`load.capacity.report`.

    Raises :class:`UsageError`, :class:`Unreachable` and :class:`KeyRefused`.
    """
    slos = tuple(judged(slo.parse(text)) for text in options.slo)
    if not slos:
        raise UsageError("a capacity search needs objectives: add --slo, for example --slo 'ttft_p95<500ms'")
    search = searched(options)
    asked = items(replace(options, scenario="streaming"))
    options = ready(replace(options, rate=None, users="1", breaker=FAILURES))
    workload = Workload(asked, options.model or "", options.seed)
    state = Hunt(search, slos, workload.job, search.whole, options.arrival == "poisson", options.seed)
    planned = plan(options, needed(slos), search.most, workload)

    def experiment(run: ExperimentRun) -> Script[Hunt]:
        return hunt(state, lambda level: run.tell(f"at {level} {'users' if search.whole else 'requests/s'}"))

    return perform(RunKind.LOAD, options, (options.api_key,), planned, experiment, _conclude, progress)


def searched(options: Options) -> Search:
    """Bounds of the search: those of ``users`` if given, else those of ``rate``. Raises :class:`UsageError`."""
    whole = options.users is not None
    text = options.users or options.rate or "1"
    match = _RANGE.fullmatch(text.replace(" ", ""))
    first, most = (float(match[1]), float(match[2] or max(MOST, float(match[1])))) if match else (0.0, 0.0)
    if not 0 < first <= most <= MAX_LEVEL or (whole and (first % 1 or most % 1)):
        name = "--users" if whole else "--rate"
        raise UsageError(f"cannot read {name} {text!r}; write the first and the highest level, like {name} 1..64")
    return Search(first, most, whole=whole)


def plan(options: Options, least: int, most: float, workload: Workload) -> WorstCase:
    """Worst case of a search: each level takes as many requests as a level can take, and each request costs the ceiling of the first."""
    requests = LEVELS * max(LOOKS[-1] * least, round(most * SECONDS))
    requests = min(requests, options.budget_requests or requests)
    job, known = workload.job(0), worst(options)
    ceiling = (
        None if known is None else bill(0, requests * job.most_tokens, requests * (job.max_tokens or 0), known).total
    )
    if ceiling is not None and options.budget is not None:
        ceiling = min(ceiling, options.budget)
    return WorstCase(requests, options.duration, ceiling)


def _conclude(
    run: ExperimentRun, state: Hunt, made: dict[str, Any]
) -> tuple[dict[str, Any], list[Result], Stopped | None]:
    found = capacity(state)
    low, high = found["interval"]
    answered = low is not None and high is not None
    made = {**made, "capacity": found, "slo": [] if low is not None else _missed(state)}
    if found["limit"] == "client":
        said = "the client sent late, so that the search could not go on" if answered else found["says"]
        made["measurement"] = {
            **made["measurement"],
            "verdict": "degraded" if answered else "invalid",
            "reasons": [said],
        }
    stopped = state.stopped if not answered else None
    if stopped is None and high is None and low is None:
        stopped = Stopped("unresolved", found["says"])
    return made, [], stopped


def _missed(state: Hunt) -> list[dict[str, Any]]:
    """The objectives that even the lowest load missed."""
    least = min(state.watched, key=lambda each: each.level, default=None)
    return [{"expr": row.expr, "value": None, "met": row.met} for row in (least.held if least else ())]
