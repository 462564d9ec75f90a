"""The registry of checks on pairs, next to the one of :mod:`judgement.check`: a requirement's id beside a pure function.

    @check("proxy.cancel-propagates", at("stream", "waiting"))
    def cancel_propagates(pair: Pair, case: Case) -> Problems:
        ...

The second argument picks the pairs that the check can judge; where it picks none, the score says why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from echosounder.judgement.check import CannotSay, Case, Problem, Problems
from echosounder.judgement.pairs.alignment import Located
from echosounder.judgement.pairs.pair import Pair

Pick = Callable[[Pair], bool]
Judge = Callable[[Pair, Case], Problems]
GroupJudge = Callable[[Sequence[Pair], Case], Problems]


@dataclass(frozen=True, slots=True)
class PairCheck:
    """``judge`` yields the problems of all selected pairs together; each names its exchange. It also receives the pairs that ``beside``
    selects, for comparison: these alone are not judged.
    """

    requirement: str
    pick: Pick
    judge: GroupJudge
    name: str
    beside: Pick | None = None


CHECKS: dict[str, PairCheck] = {}


def check(requirement: str, pick: Pick) -> Callable[[Judge], Judge]:
    """Registers a judge of single pairs."""

    def register(judge: Judge) -> Judge:
        def each(pairs: Sequence[Pair], case: Case) -> Problems:
            yield from _once(_of_each(judge, pairs, case))

        _add(PairCheck(requirement, pick, each, judge.__name__))
        return judge

    return register


def _of_each(judge: Judge, pairs: Sequence[Pair], case: Case) -> Problems:
    """One pair that can be judged is enough; where none can, the last reason counts."""
    judged, reason = False, None
    for pair in pairs:
        try:
            for problem in judge(pair, case):
                judged = True
                yield problem if problem.exchange else replace(problem, exchange=pair.client)
            judged = True
        except CannotSay as cannot:
            reason = cannot
    if reason is not None and not judged:
        raise reason


def check_group(requirement: str, pick: Pick, beside: Pick | None = None) -> Callable[[GroupJudge], GroupJudge]:
    """Registers a judge of all selected pairs at once."""

    def register(judge: GroupJudge) -> GroupJudge:
        _add(PairCheck(requirement, pick, judge, judge.__name__, beside))
        return judge

    return register


def _add(row: PairCheck) -> None:
    if row.requirement in CHECKS:
        raise ValueError(f"requirement {row.requirement} has two checks")
    CHECKS[row.requirement] = row


def _once(problems: Problems) -> Problems:
    """The first problem of each cause, and in how many exchanges it shows."""
    causes: dict[str, list[Problem]] = {}
    for problem in problems:
        causes.setdefault(problem.cause or problem.message, []).append(problem)
    for first, *more in causes.values():
        yield replace(first, message=f"{first.message} (in {len(more) + 1} exchanges)") if more else first


def at(*steps: str) -> Pick:
    """Selects the pairs of these steps that reached an upstream which behaved as requested."""
    return lambda pair: pair.judgeable and pair.step in steps


def _telling(located: Located) -> bool:
    """Does the change show a value? Of a member that was null mostly, the one that was not is the loss."""
    return located.change.before not in (None, "", [], {}) or located.change.after not in (None, "", [], {})


def one_each(found: Iterator[tuple[Pair, Located]]) -> Problems:
    """One problem per cause, with its first place and the number of its occurrences."""
    seen: dict[tuple[str, str], list[tuple[Pair, Located]]] = {}
    for pair, located in found:
        seen.setdefault((located.change.kind, located.change.place), []).append((pair, located))
    for (kind, place), all_of_it in seen.items():
        pair, located = next((each for each in all_of_it if _telling(each[1])), all_of_it[0])
        exchanges = len({each.client.id for each, _ in all_of_it})
        often = f" ({len(all_of_it)} times in {exchanges} exchanges)" if len(all_of_it) > 1 else ""
        yield Problem(
            f"{located.change.sentence}{often}",
            event=located.event,
            pointer=located.change.pointer,
            cause=f"{place or 'the whole body'} {kind}",
            exchange=pair.client,
        )
