"""Violations in observed traffic: each exchange judged by itself, by the checks that need no request of ours. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from echosounder import specs
from echosounder.judgement.alone import like
from echosounder.judgement.assigned import checks, matching
from echosounder.judgement.check import Case, Pick, Subject
from echosounder.judgement.score import judge
from echosounder.judgement.unasked import never
from echosounder.specs.grammar import UNKNOWN, grammars
from echosounder.wire.exchange import End, Exchange
from echosounder.wire.header import ClockReading
from echosounder.wire.verdict import Result, Verdict

SAID = frozenset({Verdict.PASS, Verdict.FAIL, Verdict.NONSTRICT, Verdict.INCONCLUSIVE})
"""Verdicts on one exchange that count: that an optional feature is refused, or our own error, says nothing about the traffic."""


def listens() -> frozenset[str]:
    """The requirements that can be judged from observed traffic."""
    return frozenset(row.id for row in specs.requirements() if occasion(row) is not None)


@cache
def occasion(row: specs.Requirement) -> Pick | None:
    """The observed exchanges by which the requirement can be judged; None without any."""
    check = checks().get(row.id)
    if check is None or not check.single or row.excluded:
        return None
    if check.unasked is not None:
        return None if check.unasked is never else check.unasked
    general = {probe for grammar in grammars().values() for probe in grammar.probes.values()}
    mine = frozenset(matching(row.probes, general))
    return (lambda exchange: exchange.request.method == "POST" and like(exchange) in mine) if mine else None


def judged(
    exchange: Exchange, profile: str, policy: str = "interop", clock: ClockReading | None = None
) -> Iterator[Result]:
    """The verdicts on *exchange* for the requirements that apply to it. None if the format is unknown, or if the client aborted,
    because the rest is unknown then. *clock* dates its stamps.
    """
    if exchange.end is End.CLIENT_CANCELLED or (exchange.format == UNKNOWN and exchange.request.method != "GET"):
        return
    if exchange.status is None and exchange.notes.get("reused"):
        return  # RFC 9112, 9.3.1: a server may close a connection that is idle, and a request may cross that on its way
    started, stamp = (clock.unix, clock.monotonic_ns) if clock else (None, None)
    case = Case(Subject(profile, model(exchange)), policy, started=started, stamp=stamp)
    for row in rows(profile, policy):
        holds = occasion(row)
        assert holds is not None
        check = checks()[row.id]
        if holds(exchange) and check.pick(exchange):
            result = judge(row, check, [exchange], case)
            if result.verdict in SAID:
                yield result


@cache
def rows(profile: str, policy: str = "interop") -> tuple[specs.Requirement, ...]:
    """The requirements of *profile* that listening can judge."""
    admitted = (row for row in specs.requirements(profile) if occasion(row) is not None)
    return tuple(row for row in admitted if policy != "documented" or row.basis != "observed")


def model(exchange: Exchange) -> str:
    """The requested model; empty without one."""
    named = exchange.asked.get("model")
    return named if isinstance(named, str) and named else ""
