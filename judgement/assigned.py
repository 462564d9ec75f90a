"""Which requirement is judged by which check: the two registries seen together."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

import echosounder.judgement.checks  # noqa: F401  (importing registers)
from echosounder import specs
from echosounder.judgement.check import CHECKS, Check
from echosounder.wire.errors import UsageError


@functools.cache
def checks() -> dict[str, Check]:
    """The registered checks by requirement. Raises ``specs.SpecError`` where one judges a requirement that does not exist."""
    for id in CHECKS:
        specs.requirement(id)
    return CHECKS


def judged(profile: str, only: Iterable[str] = ()) -> tuple[specs.Requirement, ...]:
    """The requirements of *profile* that have a check, or those whose id one of the patterns *only* matches."""
    known = checks()
    rows = [row for row in specs.requirements(profile) if row.id in known]
    wanted = set(matching(only, [row.id for row in rows])) if only else {row.id for row in rows}
    return tuple(row for row in rows if row.id in wanted)


def known_patterns(only: Iterable[str]) -> tuple[str, ...]:
    """*only* as it is; :class:`UsageError` for a pattern that matches no requirement."""
    only = tuple(only)
    for pattern in only:
        if not list(matching([pattern], [row.id for row in specs.requirements()])):
            raise UsageError(
                f"--only {pattern!r} matches no requirement{_nearest(pattern)}; see `echosounder list requirements`"
            )
    return only


def matching(patterns: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """The *names* that one of the shell-style *patterns* matches, in their own order."""
    exact, wild = _parted(tuple(patterns))
    return (name for name in names if name in exact or (wild and any(fnmatchcase(name, one) for one in wild)))


@functools.cache
def _parted(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Those that are names, and those to be matched: a plan asks a hundred thousand times, and nearly all are names."""
    wild = tuple(pattern for pattern in patterns if set(pattern) & set("*?["))
    return frozenset(patterns).difference(wild), wild


def _nearest(pattern: str) -> str:
    near = difflib.get_close_matches(pattern, [row.id for row in specs.requirements()], n=1)
    return f", did you mean {near[0]}?" if near else ""
