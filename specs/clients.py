"""Requests as SDKs and agents send them, recorded: which members and headers ordinary clients use is a fact, and kept as one.

`clients.json` was recorded against the mock, each client with what its manual begins with: a question, a tool round trip, a
structured answer. Of the headers those are kept that the client itself chooses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from echosounder.specs.lines import ROOT


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A chat request as *client* (name and version) sent it."""

    client: str
    headers: tuple[tuple[str, str], ...]
    body: Mapping[str, Any]

    @property
    def members(self) -> Iterator[str]:
        """The names of its members, and of those of objects in its lists: ``a``, ``a.b``, ``a.b.c``."""
        yield from _members(self.body, "", LISTS)


LISTS = 3
"""So deep are lists in lists looked into."""


def _members(value: Any, before: str, depth: int) -> Iterator[str]:
    for each in value if isinstance(value, list) else [value]:
        for name, member in each.items() if isinstance(each, dict) else ():
            yield before + name
            if isinstance(member, list) and depth > 1:
                yield from _members(member, f"{before}{name}.", depth - 1)


@cache
def client_requests() -> Sequence[ClientRequest]:
    """All of them, by client, in the order of sending."""
    rows = json.loads((ROOT / "clients.json").read_text(encoding="utf-8"))
    return tuple(ClientRequest(row["client"], tuple(map(tuple, row["headers"])), row["body"]) for row in rows)
