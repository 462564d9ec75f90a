"""Schema of each kind of record in a run log: a log is untrusted input."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from echosounder.wire.exchange import End, Observed


class LoggedRequest(msgspec.Struct, forbid_unknown_fields=True):
    method: str
    path: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str | dict[str, str]


class LoggedExchange(msgspec.Struct, forbid_unknown_fields=True):
    """Schema of a logged exchange, checked before use because a log can come from anyone."""

    id: str
    probe: str
    request: LoggedRequest
    step: str = ""
    status: Annotated[int, msgspec.Meta(ge=0, le=999)] | None = None
    reason: str = ""
    http_version: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    reads: tuple[tuple[int, str | dict[str, str]], ...] = ()
    end: End = End.COMPLETE
    error: str = ""
    t_scheduled: int | None = None
    t_sent: int | None = None
    t_connected: int | None = None
    t_headers: int | None = None
    t_closed: int | None = None
    notes: dict[str, Any] = {}
    format: str = ""
    side: str = ""
    lacks: tuple[Observed, ...] = ()


Whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class LoggedSample(msgspec.Struct):
    """The members of a sample that are read without its own type."""

    id: str
    name: str = ""
    phase: str = ""
    end: str = ""
    failure: str = ""
    status: Whole | None = None
    gaps_us: tuple[Annotated[int, msgspec.Meta(ge=0, le=2**62)], ...] = ()
    usage: dict[str, Whole | None] | None = None
    t_scheduled: Whole = 0
    t_dispatched: Whole = 0
    t_sent: Whole | None = None
    t_headers: Whole | None = None
    t_first_event: Whole | None = None
    t_first_token: Whole | None = None
    t_last_token: Whole | None = None
    t_closed: Whole | None = None
    token_events: Whole = 0


class LoggedStop(msgspec.Struct):
    kind: str
    reason: str


class LoggedFooter(msgspec.Struct):
    records: dict[str, int] = {}
    unsent: dict[str, str] = {}
    stopped: str | list[LoggedStop] = ""
    stopped_by: str = "BudgetSpent"
    interrupted: str = ""
    at_most_usd: str | None = None


class LoggedWorker(msgspec.Struct):
    worker: Whole
    begin: Whole
    wall_offset: Whole = 0


class LoggedTick(msgspec.Struct):
    worker: Whole
    at: Whole
    cpu: float = 0.0
    in_flight: Whole = 0
    lag_us: dict[str, Whole] = {}
    delay_us: dict[str, Whole] = {}


class LoggedSession(msgspec.Struct):
    """The end of a session of a load run, and its sums."""

    worker: Whole
    item: str
    phase: str
    ended: Literal["complete", "failed", "cut"]
    begin: Whole
    at: Whole
    busy_us: Whole
    requests: Whole
    questions: Whole
    calls: Whole
    subagents: Whole
    prompt: Whole
    hit: Whole | None = None


SHAPES = {
    "sample": LoggedSample,
    "footer": LoggedFooter,
    "worker": LoggedWorker,
    "tick": LoggedTick,
    "session": LoggedSession,
}
STAMPS = ("t_scheduled", "t_sent", "t_connected", "t_headers", "t_closed")
