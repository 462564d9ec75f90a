"""Vendors of the API, and the dated profiles of each."""

from __future__ import annotations

import difflib
import functools
import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.resources.abc import Traversable
from typing import Any

from echosounder.specs.lines import ROOT, SpecError, YamlFile, load

DEFAULT_PROFILE = "2026-11"


@dataclass(frozen=True, slots=True)
class Profile:
    """A dated state of a vendor's service.

    ``date`` is its first day. It stands in [begins, ends), until the vendor's next profile begins (None: to this day).
    ``priced_at`` is an instant outside of any window with other prices, whose prices stand for it. Instants are aware.
    """

    name: str
    title: str
    vendor: str
    date: date
    begins: datetime
    ends: datetime | None
    priced_at: datetime
    notes: str

    def priced(self, at: datetime) -> datetime:
        """The instant whose prices count at an aware instant: itself while the profile stood, else the one that stands for it."""
        return at if self.begins <= at and (self.ends is None or at < self.ends) else self.priced_at


def profile(name: str) -> Profile:
    """SpecError names the known profiles and the nearest one."""
    known(name)
    return _read(name)


def known(name: str) -> str:
    """The vendor of a profile; SpecError for a name that no vendor has."""
    if name not in VENDOR_OF:
        near = difflib.get_close_matches(name, PROFILES, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise SpecError(f"unknown profile {name!r}: known are {', '.join(PROFILES)}{hint}")
    return VENDOR_OF[name]


@functools.cache
def overlay_file(name: str, root: Traversable = ROOT) -> YamlFile:
    return load(f"vendors/{known(name)}/profiles/{name}.yaml", root)


def vendor_table(name: str, file: str) -> YamlFile:
    """The file of a profile's vendor that has a row for each of its profiles, this one included; else SpecError."""
    table = rows(name, file)
    if name not in table.value:
        raise SpecError(f"profile {name!r} has no row in specs/{table.name}: add one")
    return table


def rows(name: str, file: str) -> YamlFile:
    """The same file where not every profile needs a row."""
    return _table(known(name), file)


@functools.cache
def _table(vendor: str, file: str) -> YamlFile:
    """With no row where there is no such file."""
    name = f"vendors/{vendor}/{file}"
    return load(name) if ROOT.joinpath(name).is_file() else YamlFile(name, {}, {})


def inherited(table: YamlFile, name: str, member: str | None = None) -> dict[str, Any]:
    """A row (or one member of it, an object) over what it takes from the row that ``like`` names, which stands before it."""
    row: Mapping[str, Any] = table.value[name]
    own = {key: value for key, value in row.items() if key != "like"} if member is None else row.get(member, {})
    if "like" not in row:
        return dict(own)
    if row["like"] not in itertools.takewhile(lambda other: other != name, table.value):
        raise table.error((name, "like"), f"like names no row before this one: {row['like']!r}")
    return inherited(table, row["like"], member) | own


def _found(root: Traversable = ROOT) -> Iterator[tuple[str, str]]:
    """(vendor, profile) of each overlay file."""
    for vendor in sorted(root.joinpath("vendors").iterdir(), key=lambda entry: entry.name):
        if vendor.is_dir() and vendor.joinpath("profiles").is_dir():
            for entry in sorted(vendor.joinpath("profiles").iterdir(), key=lambda entry: entry.name):
                if entry.name.endswith(".yaml"):
                    yield vendor.name, entry.name.removesuffix(".yaml")


@functools.cache
def _read(name: str) -> Profile:
    table = overlay_file(name)
    row = about(table)
    begins = _begins(name)
    later = (_begins(other) for other in PROFILES if VENDOR_OF[other] == VENDOR_OF[name])
    return Profile(
        name=name,
        title=table.value["info"]["title"],
        vendor=VENDOR_OF[name],
        date=begins.date(),
        begins=begins,
        ends=min((other for other in later if other > begins), default=None),
        priced_at=datetime.fromisoformat(row["priced_at"]),
        notes=row["notes"].strip(),
    )


def _begins(name: str) -> datetime:
    """At the instant ``begins``, or with the day ``date`` in UTC."""
    row = about(overlay_file(name))
    return datetime.fromisoformat(row.get("begins", f"{row['date']}T00:00:00+00:00"))


def about(overlay: YamlFile) -> Mapping[str, Any]:
    """``x-profile``: what an overlay says of its profile. SpecError with file and line for a member that is missing or no time."""
    row = overlay.value.get("x-profile") or {}
    if missing := [name for name in ("date", "priced_at", "notes") if name not in row]:
        raise overlay.error(("x-profile",), f"x-profile lacks {', '.join(missing)}, see Profile in specs/vendors.py")
    day = f"{row['date']}T00:00:00+00:00"
    for name, text in (("date", day), ("begins", row.get("begins", day)), ("priced_at", row["priced_at"])):
        if not _aware(text):
            wanted = "a day, 2026-11-03" if name == "date" else "an instant, 2026-11-03T12:00:00+00:00"
            raise overlay.error(("x-profile", name), f"{name} is {row[name]!r}: write {wanted}")
    return row


def _aware(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _place(name: str) -> tuple[str, tuple[int, ...]]:
    return VENDOR_OF[name], tuple(map(int, re.findall("[0-9]+", name)))


VENDOR_OF: dict[str, str] = {name: vendor for vendor, name in _found()}
# By vendor, and by the numbers of the name within one: lint holds them to the dates.
PROFILES: tuple[str, ...] = tuple(sorted(VENDOR_OF, key=_place))
