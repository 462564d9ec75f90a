"""Checks of experiment results, beside those of exchanges: a requirement's id and a pure function of the evidence.

    limiter: Checks[Limiter] = Checks()

    @limiter("load.recovers")
    def recovers(found: Limiter, profile: str) -> Problems:
        ...

A check that the evidence gives no occasion for raises what a check on exchanges raises. One rule turns both into verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

from echosounder import specs
from echosounder.judgement.check import CannotSay, Inconclusive, Problem, Problems
from echosounder.judgement.rule import decide
from echosounder.wire.verdict import Result

E = TypeVar("E")
Judge = Callable[[E], Problems]
NO_OCCASION = "the run has no exchange to judge it by"


class Checks(Generic[E]):
    """The registry for one kind of evidence."""

    def __init__(self) -> None:
        self._judges: dict[str, Judge[E]] = {}

    def __call__(self, *requirements: str) -> Callable[[Judge[E]], Judge[E]]:
        """Registers a judge. Raises ``ValueError`` where one of *requirements* has one already."""

        def register(judge: Judge[E]) -> Judge[E]:
            if taken := self._judges.keys() & set(requirements):
                raise ValueError(f"{', '.join(taken)} judged twice")
            self._judges.update(dict.fromkeys(requirements, judge))
            return judge

        return register

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(self._judges)

    def results(self, evidence: E, profile: str) -> list[Result]:
        """One for each requirement of *profile* that has a check here, in the order of registration."""
        admitted = {row.id: row for row in specs.requirements(profile)}
        return [_decided(admitted[id], judge, evidence) for id, judge in self._judges.items() if id in admitted]


def _decided(row: specs.Requirement, judge: Judge[E], evidence: E) -> Result:
    return decide(row, lambda: judge(evidence), judge.__name__)


T = TypeVar("T")


def first_of_each(items: Sequence[T], judge: Callable[[T], Problems]) -> Problems:
    """The first problem of *items*, with the number of others. One judgeable item is enough."""
    problems: list[Problem] = []
    reasons: list[CannotSay] = []
    for item in items:
        try:
            found = next(judge(item), None)
        except CannotSay as reason:
            reasons.append(reason)
            continue
        problems += [found] if found else []
    if len(reasons) == len(items):
        raise reasons[-1] if reasons else Inconclusive(NO_OCCASION)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        yield replace(problems[0], message=f"{problems[0].message}{more}")
