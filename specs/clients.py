"""Requests as SDKs and agents send them, recorded: which members and headers ordinary clients use is a fact, and kept as one.

`clients.json` was recorded against the mock, each client with what its manual begins with: a question, a tool round trip, a
structured answer. Of the headers those are kept that the client itself chooses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
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


@cache
def client_requests() -> Sequence[ClientRequest]:
    """All of them, by client, in the order of sending."""
    rows = json.loads((ROOT / "clients.json").read_text(encoding="utf-8"))
    return tuple(ClientRequest(row["client"], tuple(map(tuple, row["headers"])), row["body"]) for row in rows)
