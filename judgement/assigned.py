"""Maps each requirement to the check that judges it, over both registries."""

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
    """The registered checks by requirement. Raises ``specs.SpecError`` if one judges a requirement that does not exist."""
    for id in CHECKS:
        specs.requirement(id)
    return CHECKS


def judged(profile: str, only: Iterable[str] = ()) -> tuple[specs.Requirement, ...]:
    """The requirements of *profile* that have a check, or those whose id matches one of the patterns *only*."""
    known = checks()
    rows = [row for row in specs.requirements(profile) if row.id in known]
    wanted = set(matching(only, [row.id for row in rows])) if only else {row.id for row in rows}
    return tuple(row for row in rows if row.id in wanted)


def known_patterns(only: Iterable[str], option: str = "--only") -> tuple[str, ...]:
    """*only*, unchanged; raises :class:`UsageError` for a pattern that matches no requirement."""
    only, ids = tuple(only), [row.id for row in specs.requirements()]
    for pattern in only:
        if not list(matching([pattern], ids)):
            raise UsageError(
                f"{option} {pattern!r} matches no requirement{_nearest(pattern, ids)}; see `echosounder list requirements`"
            )
    return only


def selection(only: Iterable[str] = (), exclude: Iterable[str] = (), features: Iterable[str] = ()) -> tuple[str, ...]:
    """The requirements to judge, as patterns: those of *only* that have one of *features*, without *exclude*. None without a selection,
    which means all. Raises :class:`UsageError` for an unknown name, and if nothing is left.
    """
    only, exclude, features = known_patterns(only), known_patterns(exclude, "--exclude"), known_features(features)
    if not exclude and not features:
        return only
    rows = [row for row in specs.requirements() if not features or not set(features).isdisjoint(row.features)]
    ids = list(matching(only or ("*",), (row.id for row in rows)))
    left = set(ids).difference(matching(exclude, ids))
    if not left:
        raise UsageError("--only, --exclude and --features together leave no requirement to judge")
    return tuple(id for id in ids if id in left)


def known_features(names: Iterable[str]) -> tuple[str, ...]:
    """*names*, unchanged; raises :class:`UsageError` for one that is not a feature of any requirement."""
    names, known = tuple(names), sorted({each for row in specs.requirements() for each in row.features})
    for name in names:
        if name not in known:
            raise UsageError(
                f"--features {name!r} is not a feature{_nearest(name, known)}; there are {', '.join(known)}"
            )
    return names


def matching(patterns: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """The *names* that match one of the shell-style *patterns*, in their own order."""
    exact, wild = _parted(tuple(patterns))
    return (name for name in names if name in exact or (wild and any(fnmatchcase(name, one) for one in wild)))


@functools.cache
def _parted(patterns: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Those that are names, and those to be matched: a plan asks a hundred thousand times, and nearly all are names."""
    wild = tuple(pattern for pattern in patterns if set(pattern) & set("*?["))
    return frozenset(patterns).difference(wild), wild


def _nearest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=3)
    others = f" Or {' or '.join(near[1:])}?" if near[1:] else ""
    return f", did you mean {near[0]}?{others}" if near else ""
