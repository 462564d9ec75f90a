"""The exchanges that a load run kept whole, held against the checks of the conformance suite: what breaks only under load?"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.conformance.catalogue import probes_of
from echosounder.judgement.catalogue import checks
from echosounder.judgement.check import Case
from echosounder.judgement.score import judge
from echosounder.load.figures.analysis import attach_conformance
from echosounder.wire.exchange import Exchange
from echosounder.wire.runlog import exchange_from, records
from echosounder.wire.verdict import Verdict

# The probe whose request is like ours, by path and whether it streams: its requirements hold for any such request.
_LIKE = {
    ("completions", False): "fim.basic",
    ("completions", True): "fim.basic.stream",
    ("chat", False): "chat.basic",
    ("chat", True): "chat.stream.usage",
}


def with_conformance(report: dict[str, Any], log: Path, profile: str) -> dict[str, Any]:
    """The report of a load run with what the checks found in the exchanges of its log."""
    case, sampled, failing = Case(Ask(profile, report["target"]["model"] or "")), 0, Counter[str]()
    for record in records(log):
        if record["kind"] == "worker" and case.started is None:
            case = replace(case, started=record["wall_offset"] / 1e9, stamp=0)
        elif record["kind"] == "exchange":
            sampled += 1
            failing.update(_broken(exchange_from(record), case))
    return attach_conformance(report, sampled, failing)


def lines(report: dict[str, Any]) -> Iterator[str]:
    """What to tell a person: nothing where no exchange was kept."""
    sampled, failing = report["conformance"]["sampled"], report["conformance"]["failing"]
    if sampled and not failing:
        yield f"conformance: {sampled} exchanges judged, none broke a requirement"
    for id, number in sorted(failing.items(), key=lambda item: -item[1]):
        yield f"conformance: {number} of {sampled} exchanges break {id}; `echosounder explain {id}` says what it asks for"


def _broken(exchange: Exchange, case: Case) -> Iterator[str]:
    """The requirements that an exchange breaks by itself; those that compare several are for a conformance run."""
    exchange = replace(exchange, probe=_like(exchange))
    for row in _requirements(case.profile, exchange.probe):
        if judge(row, checks()[row.id], [exchange], case).verdict is Verdict.FAIL:
            yield row.id


@cache
def _requirements(profile: str, probe: str) -> tuple[specs.Requirement, ...]:
    """What the answers to a probe must keep, each by itself."""
    rows = (row for row in specs.requirements(profile) if row.id in checks() and not row.excluded)
    return tuple(row for row in rows if checks()[row.id].single and probe in {each.name for each in probes_of(row)})


def _like(exchange: Exchange) -> str:
    kind = "chat" if exchange.request.path.endswith("/chat/completions") else "completions"
    return _LIKE[kind, bool(json.loads(exchange.request.body).get("stream"))]
