"""Violations that a single exchange of a load run shows: the checks of a conformance run that look at one exchange at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from echosounder import specs
from echosounder.judgement.assigned import checks, matching
from echosounder.judgement.check import Case
from echosounder.judgement.score import judge
from echosounder.wire.exchange import Exchange
from echosounder.wire.verdict import Result, Verdict


def broken(exchange: Exchange, case: Case) -> Iterator[str]:
    """The MUSTs that *exchange* breaks, by id; those that compare several exchanges need a conformance run. Empty if no probe resembles
    it.
    """
    return (result.requirement for result in failing(exchange, case, like(exchange)))


def failing(exchange: Exchange, case: Case, probe: str | None) -> Iterator[Result]:
    """The MUSTs that *exchange* violates, among the answers to *probe*, with a description; empty if there is no such probe."""
    if probe is None:
        return
    exchange = replace(exchange, probe=probe)
    for row in _requirements(case.profile, probe):
        result = judge(row, checks()[row.id], [exchange], case)
        if result.verdict is Verdict.FAIL:
            yield result


def like(exchange: Exchange) -> str | None:
    """The probe whose requirements apply to any request like this one, by its format and whether it streams; None without one."""
    return exchange.reader.grammar.probes.get("stream" if exchange.wants_stream else "whole")


@cache
def _requirements(profile: str, probe: str) -> tuple[specs.Requirement, ...]:
    """What the answers to a probe must keep, each by itself."""
    rows = (row for row in specs.requirements(profile) if row.id in checks() and not row.excluded)
    return tuple(row for row in rows if checks()[row.id].single and any(matching(row.probes, [probe])))
