"""The record of a request: the interface between the worker that measured it and all later computations."""

from typing import Any

import msgspec

from echosounder.wire.stream import StreamEnd, Timeline
from echosounder.wire.usage import Usage

MEASURED, WARMUP = "measured", "warm-up"
CLIENT_LIMIT = "client-limit"  # failure: this machine had no connection left
NO_TOKEN = "no-token"  # failure: the stream ended without a token
NOT_FINISHED = "not-finished"  # failure: not ended within the drain


class Sample(Timeline, omit_defaults=True, tag_field="kind", tag="sample"):
    """Record of one request. Its stamps are on the monotonic clock of the worker's machine.

    ``t_dispatched`` is when the client took up the request, ``t_sent`` when the connection was ready and the request was passed to the
    kernel. ``gaps_us`` are the times between successive reads that carried output, microseconds. ``failure`` is the class of the
    failure (``http-429``, ``reset``), empty for a successful request. A struct, not a dataclass, because each request is created,
    written and read again while others are being measured.
    """

    id: str
    name: str
    phase: str
    end: StreamEnd
    t_scheduled: int
    t_dispatched: int
    stream: bool = False
    failure: str = ""
    status: int | None = None
    reused: bool = False
    queued: bool = False  # due while every user was busy
    gaps_us: tuple[int, ...] = ()
    events: int = 0
    token_events: int = 0
    keepalives: int = 0
    malformed: int = 0
    bytes: int = 0
    usage: Usage | None = None
    prompt_tokens: int | None = None  # our count of the prompt's tokens
    max_tokens: int | None = None
    expected_hit: int | None = None  # prompt tokens expected in the cache
    model: str | None = None
    finish: str | None = None
    retry_after: str | None = None
    trace: str | None = None  # the target's id of the request, if any
    error: str = ""
    session: str = ""  # id of its session, with the number of the sub-agent after a slash
    turn: int = 0  # number of the request in its session, from 1

    def record(self) -> dict[str, Any]:
        """The sample as a JSON object without empty members; the inverse of :func:`from_record`."""
        record: dict[str, Any] = msgspec.to_builtins(self)
        return record

    @property
    def t_kept_alive(self) -> int | None:
        """End of queueing under keep-alive comments: the time of the first event, if there was one."""
        return self.t_first_event or self.t_last_keepalive

    @property
    def worker(self) -> int:
        """The number of the worker that sent it, with which its ids begin."""
        return int(self.id.partition("-")[0])


def from_record(record: dict[str, Any]) -> Sample:
    """A sample from its record. Unknown members are ignored: an older version can read a newer log."""
    return msgspec.convert({"kind": "sample", **record}, Sample)


encoded = msgspec.json.Encoder().encode
decoded = msgspec.json.Decoder(Sample).decode
