"""The requirements: one record per sentence that an endpoint is held to, each with its sources."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any

from echosounder.specs.lines import ROOT, SpecError, YamlFile, load
from echosounder.specs.vendors import Profile, profile

VENDORS = ("deepseek", "openai")  # who is held to a row that names nobody: those that serve the chat format


@dataclass(frozen=True, slots=True)
class Source:
    """A place that says so: ``page`` is a key of sources.yaml, ``date`` that of the copy (ISO, day or month)."""

    page: str
    section: str
    date: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """One normative sentence. ``since`` and ``until`` are profiles of one vendor, both inclusive; None is unbounded.

    ``tolerated`` says why a target that breaks a SHOULD or a MAY still keeps the contract; None where nobody had to say so yet.
    """

    id: str
    title: str
    text: str
    level: str
    basis: str
    sources: tuple[Source, ...]
    since: str | None
    until: str | None
    vendors: tuple[str, ...]
    features: tuple[str, ...]
    probes: tuple[str, ...]
    conflict: str | None
    settle: str | None
    tolerated: str | None
    excluded: str | None

    def admits(self, name: str) -> bool:
        """Whether the requirement applies in the profile ``name``.

        Dates compare within one vendor. Another vendor is not bound by a ``since``; what has an ``until`` was given up, and
        does not hold for it.
        """
        about = profile(name)
        return about.vendor in self.vendors and self._begun(about) and not self._over(about)

    def _begun(self, about: Profile) -> bool:
        first = profile(self.since) if self.since else about
        return first.vendor != about.vendor or first.date <= about.date

    def _over(self, about: Profile) -> bool:
        last = profile(self.until) if self.until else about
        return last.vendor != about.vendor or last.date < about.date


def requirements(profile: str | None = None) -> tuple[Requirement, ...]:
    """All requirements in the order of the files, or those that a profile admits."""
    if profile is None:
        return tuple(_by_id().values())
    return _admitted(profile)


def requirement(id: str) -> Requirement:
    """SpecError names the nearest id."""
    rows = _by_id()
    if id not in rows:
        near = difflib.get_close_matches(id, rows, n=1)
        raise SpecError(f"unknown requirement {id!r}" + (f"; did you mean {near[0]}?" if near else ""))
    return rows[id]


@functools.cache
def _admitted(name: str) -> tuple[Requirement, ...]:
    vendor = profile(name).vendor
    found = tuple(row for row in _by_id().values() if row.admits(name))
    if not found:
        raise SpecError(
            f"no requirement holds for profile {name!r}: name {vendor!r} under vendors in specs/requirements"
        )
    return found


@functools.cache
def _by_id() -> dict[str, Requirement]:
    rows: dict[str, Requirement] = {}
    for table in files():
        for index, row in enumerate(table.value):
            if row["id"] in rows:
                raise table.error((index,), f"requirement {row['id']} exists already")
            rows[row["id"]] = _read(table, index, row)
    return rows


def files(root: Traversable = ROOT) -> Iterator[YamlFile]:
    """The parsed files of requirements/, by name."""
    for entry in sorted(root.joinpath("requirements").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".yaml"):
            yield load(f"requirements/{entry.name}", root)


def _read(table: YamlFile, index: int, row: dict[str, Any]) -> Requirement:
    try:
        return Requirement(
            id=row["id"],
            title=row["title"],
            text=" ".join(row["text"].split()),
            level=row["level"],
            basis=row["basis"],
            sources=tuple(Source(**source) for source in row["sources"]),
            since=row.get("since"),
            until=row.get("until"),
            vendors=tuple(row.get("vendors", VENDORS)),
            features=tuple(row["features"]),
            probes=tuple(row.get("probes", ())),
            conflict=row.get("conflict"),
            settle=row.get("settle"),
            tolerated=row.get("tolerated"),
            excluded=row.get("excluded"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise table.error((index,), f"broken row: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Coverage:
    """Number of a feature's requirements in each state; the feature ``all`` counts each requirement once."""

    feature: str
    total: int
    tested: int
    load: int
    untested: int
    excluded: int


def state(row: Requirement, tested: Collection[str] | None = None) -> str:
    """``tested``, ``load``, ``untested`` or ``excluded``. Without the ids that have a check, a named probe counts as one."""
    if row.excluded:
        return "excluded"
    if row.id in tested if tested is not None else row.probes:
        return "tested"
    return "load" if all(probe.startswith("load.") for probe in row.probes) else "untested"


def coverage(tested: Collection[str] | None = None) -> tuple[Coverage, ...]:
    """One row per feature, by name, and one for all."""
    rows = requirements()
    features = dict.fromkeys(feature for row in rows for feature in row.features)
    groups = {feature: [row for row in rows if feature in row.features] for feature in sorted(features)} | {
        "all": list(rows)
    }
    return tuple(_count(feature, [state(row, tested) for row in members]) for feature, members in groups.items())


def _count(feature: str, states: list[str]) -> Coverage:
    names = ("tested", "load", "untested", "excluded")
    return Coverage(feature, len(states), *(states.count(name) for name in names))
