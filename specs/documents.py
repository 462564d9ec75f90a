"""The OpenAPI document of each profile: the base document plus the profile's overlay."""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from echosounder.specs import overlay
from echosounder.specs.lines import ROOT, SpecError, YamlFile, load

BASE = "deepseek.openapi.yaml"
DEFAULT_PROFILE = "2026-08"
# Year-month names sort by date, and before the dialect "openai".
PROFILES: tuple[str, ...] = tuple(
    sorted(
        entry.name.removesuffix(".yaml")
        for entry in ROOT.joinpath("profiles").iterdir()
        if entry.name.endswith(".yaml")
    )
)


@dataclass(frozen=True, slots=True)
class Profile:
    """A dated state of the API, or the dialect ``openai``.

    ``date`` is the first day of the state; ``priced_at`` an instant (aware, outside of any discount window) whose
    prices stand for it.
    """

    name: str
    title: str
    date: date
    dialect: str
    priced_at: datetime
    notes: str


def profile(name: str) -> Profile:
    """SpecError names the known profiles and the nearest one."""
    about = overlay_file(name).value
    row = about["x-profile"]
    return Profile(
        name=name,
        title=about["info"]["title"],
        date=date.fromisoformat(row["date"]),
        dialect=row["dialect"],
        priced_at=datetime.fromisoformat(row["priced_at"]),
        notes=row["notes"].strip(),
    )


@functools.cache
def document(profile: str = DEFAULT_PROFILE) -> dict[str, Any]:
    """The OpenAPI 3.1.1 document of a profile. Cached and shared: read only."""
    applied: dict[str, Any] = overlay.apply(load(BASE).value, overlay_file(profile))
    return applied


@functools.cache
def overlay_file(name: str) -> YamlFile:
    if name not in PROFILES:
        near = difflib.get_close_matches(name, PROFILES, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise SpecError(f"unknown profile {name!r}: known are {', '.join(PROFILES)}{hint}")
    return load(f"profiles/{name}.yaml")
