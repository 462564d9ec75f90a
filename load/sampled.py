"""Judges the exchanges that a load run kept, with the checks of the conformance suite, to find requirements that fail only under load."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from echosounder.judgement.alone import broken, like
from echosounder.judgement.answers import CHOICES, answer
from echosounder.judgement.belonging import OwnWords, strangers, words
from echosounder.judgement.check import Case, Subject
from echosounder.judgement.checks.chunks import texts
from echosounder.load.figures.analysis import attach_conformance
from echosounder.load.worker.workload import OWN_ASK, OWN_WORDS
from echosounder.wire.exchange import Exchange
from echosounder.wire.runlog import exchange_from, records
from echosounder.wire.strict_json import at

SHARED, OWN = "chat.id-unique", "chat.answers-own"
"""Requirements on several answers that are also judged under load, where answers are most likely to be mixed up."""


def with_conformance(report: dict[str, Any], log: Path, profile: str) -> dict[str, Any]:
    """The report of a load run with the findings of the checks in the exchanges of its log."""
    case, sampled = Case(Subject(profile, report["target"]["model"] or "")), 0
    failing, unjudged, ids = Counter[str](), Counter[str](), Counter[str]()
    heard: list[OwnWords] = []
    for record in records(log):
        if record["kind"] == "worker" and case.started is None:
            case = replace(case, started=record["wall_offset"] / 1e9, stamp=0)
        elif record["kind"] == "exchange":
            exchange = exchange_from(record)
            if like(exchange) is None:
                unjudged[exchange.request.path] += 1
                continue
            sampled += 1
            failing.update(broken(exchange, case))
            ids.update(named(exchange))
            heard += told(exchange)
    failing.update({OWN: len(mixed)} if (mixed := strangers(heard)) else {})
    shared = sum(count for count in ids.values() if count > 1)
    failing.update({SHARED: shared} if shared else {})
    return attach_conformance(report, sampled, failing, unjudged)


def told(exchange: Exchange) -> Iterator[OwnWords]:
    """The exchange and the words that only its prompt requested first; None if it requested none."""
    asked = next((each for each in texts(exchange.asked) if each.endswith(OWN_ASK)), "")
    begin, end = exchange.t_sent, exchange.t_closed
    if begin is None or end is None or exchange.status != 200:
        return
    if asked:
        said = words(answer(exchange).content or "")[:OWN_WORDS]
        yield OwnWords(exchange.id, words(asked)[:OWN_WORDS], said, begin, end)


def named(exchange: Exchange) -> set[str]:
    """The ids of an answer, one in each chunk; if two callers share one, at least one of them received the other's answer."""
    bodies = [value for _, value in exchange.chunks] if exchange.wants_stream else [exchange.json]
    return {id for body in bodies if exchange.format in CHOICES and isinstance(id := at(body, "id"), str) and id}


def lines(report: dict[str, Any]) -> Iterator[str]:
    """The report as lines of text; empty if no exchange was kept."""
    sampled, failing = report["conformance"]["sampled"], report["conformance"]["failing"]
    if sampled and not failing:
        yield f"conformance: {sampled} exchanges judged, none broke a requirement"
    for id, number in sorted(failing.items(), key=lambda item: -item[1]):
        yield f"conformance: {number} of {sampled} exchanges break {id}; `echosounder explain {id}` explains the requirement"
    for path, number in report["conformance"].get("unjudged", {}).items():
        yield f"conformance: {number} exchanges of {path} not judged: no wire format is known for this path"
