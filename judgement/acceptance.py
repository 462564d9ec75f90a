"""Entries of a baseline for findings of a run that no entry accepts yet, and their notation in a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import date

from echosounder.judgement.baseline import BROKEN, AcceptedFailure, Baseline
from echosounder.judgement.signature import ANY, Probes, Signature, beyond, signatures
from echosounder.wire.verdict import Result


def missing(
    results: Iterable[Result], known: Baseline, url: str, today: date, probes: Probes, reason: str, expires: date
) -> tuple[AcceptedFailure, ...]:
    """An entry for each finding that *known* does not accept for the target *url* on the day *today*."""
    results = tuple(results)
    accepted = known.apply(results, url, today, probes)
    new = (result for result in results if result.verdict in BROKEN and result.requirement not in accepted.reasons)
    made = (
        AcceptedFailure(result.requirement, reason, expires, only=only)
        for result in new
        for only in _signatures(result, accepted.findings[result.requirement], probes)
    )
    return tuple(dict.fromkeys(made))


def _signatures(result: Result, reasons: Iterable[str], probes: Probes) -> Iterator[Signature]:
    named = [each for each, reason in zip(signatures(result, probes), reasons, strict=True) if not reason]
    yield from named
    seen = {each.probe for each in signatures(result, probes)}
    yield from (Signature(probe) for probe in beyond(result, probes) if probe not in seen)


def toml(entry: AcceptedFailure) -> str:
    """The entry as a table of a baseline, with an empty line before it."""
    only = {"probe": entry.only.probe, "at": entry.only.at, "finding": entry.only.finding}
    members = {"id": entry.id, **{name: value for name, value in only.items() if value != ANY}, "reason": entry.reason}
    lines = [f"{name} = {_string(value)}" for name, value in members.items()]
    return "\n".join(["", "[[accepted]]", *lines, f"expires = {entry.expires.isoformat()}", ""])


def _string(value: str) -> str:
    """A basic string of TOML is one of JSON, but for DEL, which it wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
