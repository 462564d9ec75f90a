"""Accepted failures: the known deviations of a target, each with its reason and expiry date.

    [[accepted]]
    id = "stream.role-once"               # a requirement, or a pattern with *
    probe = "chat.stream"                 # optional: only as this probe shows it
    at = "/choices/*/delta/role"          # optional: only at this place
    finding = "the role comes * times"    # optional: only what is found in these words; * stands for any text
    target = "http://localhost:8000/*"    # optional: a pattern of base URLs
    reason = "fixed in the next release"
    expires = 2026-12-31
    sometimes = true                      # optional: shows in some runs only, so that a run without it proves nothing

An entry with probe, place or finding accepts that finding alone: another breach of the same requirement still fails. One with
neither accepts the requirement whatever breaks it.

An entry whose id no requirement has, or whose pattern matches none, is an error. One that is past its date no longer counts. One
that was judged and has nothing left to accept is stale, and fails the run: a baseline only ever shrinks. One
whose requirements were not judged is named, because the run does not show whether it is still needed.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

from echosounder import specs
from echosounder.judgement.signature import ANY, Probes, Signature, beyond, matches, signatures
from echosounder.wire.errors import UsageError
from echosounder.wire.files import text
from echosounder.wire.verdict import Result, Verdict

BROKEN = frozenset({Verdict.FAIL, Verdict.NONSTRICT, Verdict.UNTESTABLE})
FOUND = frozenset({Verdict.FAIL, Verdict.NONSTRICT})
NO_PROBES: Probes = MappingProxyType({})
WHOLE = Signature()
MEMBERS = ("id", "probe", "at", "finding", "target", "reason", "expires", "sometimes")


@dataclass(frozen=True, slots=True)
class AcceptedFailure:
    id: str
    reason: str
    expires: date
    target: str = "*"
    sometimes: bool = False
    only: Signature = WHOLE

    @property
    def name(self) -> str:
        """The id, with the accepted part unless it is accepted as a whole."""
        parts = [each for each in (self.only.probe, self.only.at, self.only.finding) if each != ANY]
        return f"{self.id} ({': '.join(parts)})" if parts else self.id

    def about(self, results: Iterable[Result]) -> list[Result]:
        return [result for result in results if fnmatchcase(result.requirement, self.id)]

    def accepts(self, signature: Signature) -> bool:
        return self.only.covers(signature)


@dataclass(frozen=True)
class Baseline:
    entries: tuple[AcceptedFailure, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Reads a baseline. Raises ``UsageError`` with the name of the file and the error in it."""
        try:
            rows = tomllib.loads(text(path)).get("accepted", [])
            return cls(tuple(_entry(row) for row in rows))
        except OSError as error:
            raise UsageError(f"cannot read the baseline {path}: {error.strerror}") from None
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"the baseline {path} is broken: {error}; an entry is [[accepted]] with id, reason, expires and, if wanted,"
                " probe, at, finding and target"
            ) from None

    def apply(self, results: Iterable[Result], url: str, today: date, probes: Probes = NO_PROBES) -> Accepted:
        """The results with the accepted findings for the target *url* on the day of the run; *probes* has the probe of each exchange."""
        results = tuple(results)
        mine = [entry for entry in self.entries if fnmatchcase(url, entry.target)]
        live, expired = ([e for e in mine if (e.expires >= today) is counts] for counts in (True, False))
        broken = [result for result in results if result.verdict in BROKEN]
        findings = {result.requirement: _reasons(result, live, probes) for result in broken}
        whole = {result.requirement for result in broken if _covered(result, findings, live, probes)}
        stale = [entry for entry in live if not entry.sometimes and _fine_again(entry, results, probes)]
        unjudged = [entry for entry in live if not _judged(entry, results, probes)]
        reasons = {id: "; ".join(dict.fromkeys(each)) for id, each in findings.items() if id in whole}
        whys = {entry.name: entry.reason for entry in (*stale, *expired, *unjudged)}
        return Accepted(reasons, _names(stale), _names(expired), _names(unjudged), findings, whys)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Reasons by requirement, for those accepted as a whole; the names of stale entries, of expired ones, and of those that the run
    could not judge. ``findings``: for each broken requirement the reason for each of its findings, empty if not accepted; ``whys``:
    the reasons of the named entries.
    """

    reasons: dict[str, str]
    stale: tuple[str, ...]
    expired: tuple[str, ...]
    unjudged: tuple[str, ...] = ()
    findings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    whys: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> dict[str, object]:
        """The member ``baseline`` of report.json."""
        named = {name: list(getattr(self, name)) for name in ("stale", "expired", "unjudged")}
        return {"accepted": self.reasons, **named, "reasons": dict(self.whys)}


def _entry(row: dict[str, object]) -> AcceptedFailure:
    if unknown := row.keys() - set(MEMBERS):
        raise ValueError(f"unknown members {', '.join(sorted(unknown))}")
    id, reason, expires, target = row.get("id"), row.get("reason"), row.get("expires"), row.get("target", "*")
    if not (isinstance(id, str) and isinstance(reason, str) and reason and isinstance(target, str)):
        raise ValueError("each entry needs id and reason, as strings")
    if not any(fnmatchcase(row.id, id) for row in specs.requirements()):
        near = difflib.get_close_matches(id, [row.id for row in specs.requirements()], n=1)
        raise ValueError(f"no requirement is called {id}" + (f", did you mean {near[0]}?" if near else ""))
    if not isinstance(expires, date):
        raise ValueError(f"the entry {id} needs expires, as a date like 2026-12-31")
    sometimes = row.get("sometimes", False)
    if not isinstance(sometimes, bool):
        raise ValueError(f"sometimes of the entry {id} is true or false")
    only = {name: row[name] for name in ("probe", "at", "finding") if name in row}
    if not all(isinstance(value, str) and value for value in only.values()):
        raise ValueError(f"probe, at and finding of the entry {id} are strings")
    return AcceptedFailure(id, reason, expires, target, sometimes, Signature(**{n: str(v) for n, v in only.items()}))


def _names(entries: Iterable[AcceptedFailure]) -> tuple[str, ...]:
    return tuple(entry.name for entry in entries)


def _reasons(result: Result, live: Iterable[AcceptedFailure], probes: Probes) -> tuple[str, ...]:
    mine = [entry for entry in live if entry.about([result])]
    return tuple(
        next((entry.reason for entry in mine if entry.accepts(each)), "") for each in signatures(result, probes)
    )


def _covered(
    result: Result, findings: Mapping[str, tuple[str, ...]], live: Iterable[AcceptedFailure], probes: Probes
) -> bool:
    """Also of what was found beyond the findings that are kept, as far as that is known: by its probe."""
    mine = [entry for entry in live if entry.about([result])]
    return all(findings[result.requirement]) and all(
        any(matches(entry.only.probe, probe) for entry in mine) for probe in beyond(result, probes)
    )


def _met(entry: AcceptedFailure, results: Iterable[Result], probes: Probes) -> bool:
    """Does the entry accept anything of these?"""
    broken = [result for result in entry.about(results) if result.verdict in BROKEN]
    return any(map(entry.accepts, _all(broken, probes))) or any(
        matches(entry.only.probe, probe) for result in broken for probe in beyond(result, probes)
    )


def _all(results: Iterable[Result], probes: Probes) -> Iterator[Signature]:
    return (each for result in results for each in signatures(result, probes))


def _looked(entry: AcceptedFailure, result: Result, probes: Probes) -> bool:
    """Could the requirement be judged where the entry says that it is broken?"""
    known = {probes[id] for id in result.exchanges if id in probes}
    return result.verdict in FOUND | {Verdict.PASS} and (
        not known or any(matches(entry.only.probe, each) for each in known)
    )


def _judged(entry: AcceptedFailure, results: Iterable[Result], probes: Probes) -> bool:
    mine = entry.about(results)
    return _met(entry, mine, probes) or any(_looked(entry, result, probes) for result in mine)


def _fine_again(entry: AcceptedFailure, results: Iterable[Result], probes: Probes) -> bool:
    mine = entry.about(results)
    return bool(mine) and not _met(entry, mine, probes) and all(_looked(entry, result, probes) for result in mine)
