"""The only verdict rule: turns the problems or the exception of a judge into the verdict of a requirement.

    the judge raised Inconclusive, Untestable, Unsupported      inconclusive, untestable, unsupported, with its reason
    it raised anything else                                     error: that is ours
    it found something, and the requirement is a MUST           fail
    it found something, and the requirement is a SHOULD         nonstrict
    it found something, and the requirement is a MAY            unsupported, told in a note: nothing is broken
    else                                                        pass

Which exchanges or which evidence a judge is given, and what it means that there are none, is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import islice

from echosounder import specs
from echosounder.judgement.check import HasId, Inconclusive, Problem, Unsupported, Untestable, ends, excerpt
from echosounder.judgement.faulty_field import LONGEST, around
from echosounder.judgement.signature import shape
from echosounder.wire.exchange import Exchange
from echosounder.wire.verdict import Finding, Result, Verdict

MAX_FINDINGS = 10
"""Per requirement: the eleventh occurrence of one fault tells nobody anything new."""

MAX_MESSAGE = 1000
"""Characters: a message is a sentence. One that a library made of the answer may be as long as the answer."""

MAX_PLACES = 500
"""Where else it occurred says what a fault explains."""

HELD = frozenset({Verdict.FAIL, Verdict.UNTESTABLE})
"""With one of these a requirement that is a MUST is not met."""

_BROKEN = {"MUST": Verdict.FAIL, "SHOULD": Verdict.NONSTRICT}


def decide(
    row: specs.Requirement, judge: Callable[[], Iterable[Problem]], name: str = "", exchanges: Sequence[str] = ()
) -> Result:
    """The result of *judge*, the function called *name*; *exchanges* are the ids of those that it examines."""
    ids = tuple(exchanges)
    try:
        problems = tuple(map(bounded, islice(judge(), MAX_PLACES)))
        findings = tuple(finding(row, problem) for problem in kept(problems))
    except Inconclusive as reason:
        return Result(row.id, Verdict.INCONCLUSIVE, note=str(reason), exchanges=ids)
    except Untestable as reason:
        return Result(row.id, Verdict.UNTESTABLE, note=str(reason), exchanges=ids)
    except Unsupported as reason:
        return Result(row.id, Verdict.UNSUPPORTED, note=str(reason), exchanges=ids)
    except Exception as error:  # a check that trips over an answer must not take the run with it
        return tripped(row, name, error, ids)
    places = tuple(dict.fromkeys((_id(each.exchange), each.event, each.cause) for each in problems))
    if findings and row.level == "MAY":
        return Result(row.id, Verdict.UNSUPPORTED, note=f"optional, and not done: {findings[0].message}", exchanges=ids)
    return Result(row.id, _BROKEN[row.level] if findings else Verdict.PASS, findings, exchanges=ids, places=places)


def bounded(problem: Problem) -> Problem:
    """*problem* with a shortened message, if that quotes megabytes of the answer."""
    return (
        problem if len(problem.message) <= MAX_MESSAGE else replace(problem, message=ends(problem.message, MAX_MESSAGE))
    )


def kept(problems: Sequence[Problem]) -> Sequence[Problem]:
    """At most ``MAX_FINDINGS``, in their order, and one of each kind before a second of any: one kind must not hide behind ten of
    another.
    """
    if len(problems) <= MAX_FINDINGS:
        return problems
    kinds: dict[tuple[str, str], int] = {}
    for place, problem in enumerate(problems):
        kinds.setdefault((getattr(problem.exchange, "probe", ""), shape(problem.message)), place)
    places = dict.fromkeys([*kinds.values(), *range(len(problems))])
    return [problems[place] for place in sorted(islice(places, MAX_FINDINGS))]


def tripped(row: specs.Requirement, name: str, error: Exception, exchanges: Sequence[str] = ()) -> Result:
    note = f"the check {name} failed on this answer: {type(error).__name__}: {ends(str(error), MAX_MESSAGE)}"
    return Result(row.id, Verdict.ERROR, note=note, exchanges=tuple(exchanges))


def unmet(level: str, verdict: str) -> bool:
    """Whether this *verdict* on a requirement of this *level* makes a target deviate."""
    return level == "MUST" and verdict in HELD


def finding(row: specs.Requirement, problem: Problem) -> Finding:
    exchange = problem.exchange if isinstance(problem.exchange, Exchange) else None
    return Finding(
        requirement=row.id,
        message=problem.message,
        exchange=_id(problem.exchange),
        event=problem.event,
        offset=problem.offset if problem.offset is not None else _offset(exchange, problem.event),
        pointer=problem.pointer,
        excerpt=excerpt(problem.excerpt or around(_shown(exchange, problem), problem.pointer, problem.message)),
        status=exchange.status if exchange else None,
        cause=problem.cause,
    )


def _id(source: HasId | None) -> str:
    return "" if source is None else source.id


def _offset(exchange: Exchange | None, event: int | None) -> int | None:
    if exchange is None or event is None or event >= len(exchange.events):
        return None
    return exchange.events[event].item.offset


def _shown(exchange: Exchange | None, problem: Problem) -> str:
    """What the finding points at, where the check did not pick words of its own."""
    if exchange is None:
        return ""
    if problem.event is not None and problem.event < len(exchange.data):
        return exchange.data[problem.event]
    return exchange.body[problem.offset or 0 :][:LONGEST].decode("utf-8", "backslashreplace")
