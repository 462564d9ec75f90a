"""The registry of checks on scenes, next to the one of :mod:`judgement.check`: a requirement's id beside a pure function.

    @check("client.key-in-header")
    def key_in_header(scene: Scene, case: Case) -> Problems:
        ...

The scenes are those of the requirement's families in which the client made the use that it was asked for and the mock did as it was told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from echosounder.judgement.check import Case, Inconclusive, Problem, Problems
from echosounder.judgement.client.scene import Scene
from echosounder.wire.exchange import Exchange

SceneJudge = Callable[[Scene, Case], Problems]
Where = Callable[[Scene], bool]
RequestJudge = Callable[[Exchange, Case], Problems]


@dataclass(frozen=True, slots=True)
class SceneCheck:
    """``judge`` yields the problems of all scenes, each with its exchange; ``where`` selects the scenes in which its case occurs."""

    requirement: str
    judge: Callable[[Sequence[Scene], Case], Problems]
    name: str
    where: Where


CHECKS: dict[str, SceneCheck] = {}


def always(scene: Scene) -> bool:
    return True


def check(*requirements: str, where: Where = always) -> Callable[[SceneJudge], SceneJudge]:
    """Registers a judge of single scenes for each of *requirements*. If none can be judged, the last reason counts."""

    def register(judge: SceneJudge) -> SceneJudge:
        def each(scenes: Sequence[Scene], case: Case) -> Problems:
            yield from _all(scenes, lambda scene: (_at(scene, problem) for problem in judge(scene, case)))

        for id in requirements:
            _add(SceneCheck(id, each, judge.__name__, where))
        return judge

    return register


def check_requests(*requirements: str) -> Callable[[RequestJudge], RequestJudge]:
    """Registers a judge of the requests for answers, one at a time; the same problem in several requests is reported once."""

    def register(judge: RequestJudge) -> RequestJudge:
        def each(scenes: Sequence[Scene], case: Case) -> Problems:
            requests = [exchange for scene in scenes for exchange in scene.asked]
            yield from once(
                problem if problem.exchange else replace(problem, exchange=exchange)
                for exchange in requests
                for problem in judge(exchange, case)
            )

        for id in requirements:
            _add(SceneCheck(id, each, judge.__name__, always))
        return judge

    return register


def once(problems: Problems) -> Problems:
    """The first problem of each kind, with the number of affected requests."""
    alike: dict[str, list[Problem]] = {}
    for problem in problems:
        alike.setdefault(problem.message, []).append(problem)
    for first, *more in alike.values():
        yield replace(first, message=f"{first.message} (in {len(more) + 1} requests)") if more else first


def _all(scenes: Sequence[Scene], judge: Callable[[Scene], Problems]) -> Problems:
    judged, reason = False, None
    for scene in scenes:
        try:
            yield from judge(scene)
            judged = True
        except Inconclusive as cannot:
            reason = cannot
    if reason is not None and not judged:
        raise reason


def _at(scene: Scene, problem: Problem) -> Problem:
    shown = problem if problem.exchange else replace(problem, exchange=scene.exchanges[-1] if scene.exchanges else None)
    return replace(shown, cause=shown.cause or scene.command.deviations or scene.command.use)


def _add(row: SceneCheck) -> None:
    if row.requirement in CHECKS:
        raise ValueError(f"requirement {row.requirement} has two checks")
    CHECKS[row.requirement] = row
