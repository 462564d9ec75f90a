"""One record per request: the seam between the worker that measured it and everything that is computed later."""

from typing import Any

import msgspec

from echosounder.wire.stream import StreamEnd, Timeline
from echosounder.wire.usage import Usage

MEASURED, WARMUP = "measured", "warm-up"
CLIENT_LIMIT = "client-limit"  # the failure of a request for which this machine had no connection
NO_TOKEN = "no-token"  # the failure of a stream that came to its end and brought nothing
NOT_FINISHED = "not-finished"  # the failure of a request that the drain waited for in vain


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
    prompt_tokens: int | None = None  # what we think we sent
    max_tokens: int | None = None
    expected_hit: int | None = None  # tokens of the prompt that our own oracle expects to be cached
    model: str | None = None
    finish: str | None = None
    retry_after: str | None = None
    trace: str | None = None  # the target's own id of the request, where it gives one
    error: str = ""
    session: str = ""  # the session that it belongs to, with the number of the sub-agent behind a slash
    turn: int = 0  # which request of that session it is, from 1

    def record(self) -> dict[str, Any]:
        """A JSON object without the members that are empty; :func:`from_record` gives an equal sample back."""
        record: dict[str, Any] = msgspec.to_builtins(self)
        return record

    @property
    def t_kept_alive(self) -> int | None:
        """End of queueing under keep-alive comments: the time of the first event, if there was one."""
        return self.t_first_event or self.t_last_keepalive

    @property
    def worker(self) -> int:
        """The number of the worker that sent it, which its ids begin with."""
        return int(self.id.partition("-")[0])


def from_record(record: dict[str, Any]) -> Sample:
    """A sample from its record. Unknown members are ignored: an older version can read a newer log."""
    return msgspec.convert({"kind": "sample", **record}, Sample)


encoded = msgspec.json.Encoder().encode
decoded = msgspec.json.Decoder(Sample).decode
