"""Scenarios for clients: rows of ``scenarios.yaml``, chosen by suite, wire format and use."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import yaml

from echosounder.judgement.setting import Suite

USES = ("chat", "stream", "tools", "tools-stream", "json", "parallel", "abort")
"""What a command is asked to do, in the words of ``ECHO_USE``."""
HONEST = "client.honest"
UNNOTICED = "unnoticed"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One behavior of the mock (``deviations``, empty for honest), tested in one *use*. ``formats``: empty for all."""

    family: str
    use: str
    deviations: str = ""
    formats: tuple[str, ...] = ()
    suite: Suite = Suite.STANDARD

    @property
    def name(self) -> str:
        return f"{self.use} {self.deviations or 'honest'}"


@functools.cache
def scenarios() -> tuple[Scenario, ...]:
    """All of them, in the order of the file."""
    return tuple(_read(_table()))


@functools.cache
def families() -> dict[str, str]:
    """Subject of each family, by name."""
    return {name: family["about"] for name, family in _table().items() if name != UNNOTICED}


def unnoticed() -> dict[str, str]:
    """Deviations (patterns, or a layer of the mock) that no scenario contains, and why."""
    return dict(_table()[UNNOTICED])


def chosen(suite: Suite, formats: Collection[str], wanted: Collection[str]) -> tuple[Scenario, ...]:
    """The scenarios of *suite* for clients that speak *formats*, of the families *wanted*."""
    return tuple(
        each
        for each in scenarios()
        if each.suite <= suite and each.family in wanted and (not each.formats or set(each.formats) & set(formats))
    )


def _read(table: dict[str, Any]) -> Iterator[Scenario]:
    for name, family in table.items():
        for row in family["rows"] if name != UNNOTICED else ():
            for use in row.get("uses") or family["uses"]:
                suite = Suite.named(row.get("suite", "standard"))
                yield Scenario(name, use, row.get("deviate", ""), tuple(row.get("formats", ())), suite)


@functools.cache
def _table() -> dict[str, Any]:
    text = (files("echosounder.conformance.client") / "scenarios.yaml").read_text("utf-8")
    table: dict[str, Any] = yaml.safe_load(text)
    return table
