"""Remedies for broken requirements: in a server, and where a proxy can be the cause, the directive of each proxy."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from echosounder.specs.lines import YamlFile, load

FILE = "remedies.yaml"


@dataclass(frozen=True, slots=True)
class Directive:
    """Directive for one ``proxy``: the configuration to write, and the ``link`` to its documentation."""

    proxy: str
    directive: str
    link: str


@dataclass(frozen=True, slots=True)
class Remedy:
    server: str
    proxies: tuple[Directive, ...] = ()

    def record(self) -> dict[str, Any]:
        """A JSON object."""
        return {"server": self.server, "proxies": [asdict(each) for each in self.proxies]}


@functools.cache
def remedy(requirement: str) -> Remedy:
    """Remedy from the first row of ``remedies.yaml`` whose pattern fits the id *requirement*."""
    table: Mapping[str, Any] = _file().value
    row = next(row for row in table["remedies"] if any(fnmatchcase(requirement, each) for each in row["ids"]))
    proxies = table["proxies"].get(row.get("proxies"), {})
    return Remedy(row["server"], tuple(Directive(name, *said) for name, said in proxies.items()))


@functools.cache
def _file() -> YamlFile:
    return load(FILE)
