"""Accepted failures: what a target is known to do wrong, for what reason and until when.

    [[accepted]]
    id = "stream.role-once"               # a requirement, or a pattern with *
    target = "http://localhost:8000/*"    # optional: a pattern of base URLs
    reason = "fixed in the next release"
    expires = 2026-12-31
    sometimes = true                      # optional: shows in some runs only, so that a run without it proves nothing

An entry whose id no requirement has, or whose pattern matches none, is an error. One that is past its date counts no longer. One
whose requirements were judged and are all fine again is stale, and fails the run: a baseline only ever shrinks. One whose
requirements were not judged is named, since nobody knows whether it is still needed.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from echosounder import specs
from echosounder.wire.errors import UsageError
from echosounder.wire.files import text
from echosounder.wire.verdict import Result, Verdict

BROKEN = frozenset({Verdict.FAIL, Verdict.NONSTRICT, Verdict.UNTESTABLE})


@dataclass(frozen=True, slots=True)
class AcceptedFailure:
    id: str
    reason: str
    expires: date
    target: str = "*"
    sometimes: bool = False

    def covers(self, result: Result) -> bool:
        return fnmatchcase(result.requirement, self.id)


@dataclass(frozen=True, slots=True)
class Baseline:
    entries: tuple[AcceptedFailure, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Baseline:
        """Raises ``UsageError`` with the name of the file and what is wrong in it."""
        try:
            rows = tomllib.loads(text(path)).get("accepted", [])
            return cls(tuple(_entry(row) for row in rows))
        except OSError as error:
            raise UsageError(f"cannot read the baseline {path}: {error.strerror}") from None
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"the baseline {path} is broken: {error}; an entry is [[accepted]] with id, reason, expires and, if wanted, target"
            ) from None

    def apply(self, results: Iterable[Result], url: str, today: date) -> Accepted:
        """What of *results* is accepted for the target *url* on the day of the run."""
        results = tuple(results)
        mine = [entry for entry in self.entries if fnmatchcase(url, entry.target)]
        live = [entry for entry in mine if entry.expires >= today]
        reasons = {result.requirement: entry.reason for entry in live for result in _broken(results, entry)}
        stale = tuple(entry.id for entry in live if not entry.sometimes and _fine_again(results, entry))
        unjudged = tuple(entry.id for entry in live if not _judged(results, entry))
        return Accepted(reasons, stale, tuple(entry.id for entry in mine if entry.expires < today), unjudged)


@dataclass(frozen=True, slots=True)
class Accepted:
    """Reasons by requirement; the patterns of entries that are stale, of those past their date, and of those that the run could
    say nothing of."""

    reasons: dict[str, str]
    stale: tuple[str, ...]
    expired: tuple[str, ...]
    unjudged: tuple[str, ...] = ()


def _entry(row: dict[str, object]) -> AcceptedFailure:
    unknown = row.keys() - {"id", "reason", "expires", "target", "sometimes"}
    if unknown:
        raise ValueError(f"unknown members {', '.join(sorted(unknown))}")
    id, reason, expires, target = row.get("id"), row.get("reason"), row.get("expires"), row.get("target", "*")
    if not (isinstance(id, str) and isinstance(reason, str) and reason and isinstance(target, str)):
        raise ValueError("each entry needs id and reason, as text")
    if not any(fnmatchcase(row.id, id) for row in specs.requirements()):
        near = difflib.get_close_matches(id, [row.id for row in specs.requirements()], n=1)
        raise ValueError(f"no requirement is called {id}" + (f", did you mean {near[0]}?" if near else ""))
    if not isinstance(expires, date):
        raise ValueError(f"the entry {id} needs expires, as a date like 2026-12-31")
    sometimes = row.get("sometimes", False)
    if not isinstance(sometimes, bool):
        raise ValueError(f"sometimes of the entry {id} is true or false")
    return AcceptedFailure(id, reason, expires, target, sometimes)


def _broken(results: Iterable[Result], entry: AcceptedFailure) -> Iterator[Result]:
    return (result for result in results if entry.covers(result) and result.verdict in BROKEN)


def _judged(results: Iterable[Result], entry: AcceptedFailure) -> bool:
    return any(result.verdict in BROKEN | {Verdict.PASS} for result in results if entry.covers(result))


def _fine_again(results: Iterable[Result], entry: AcceptedFailure) -> bool:
    judged = [result for result in results if entry.covers(result)]
    return bool(judged) and all(result.verdict is Verdict.PASS for result in judged)
