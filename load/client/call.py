"""One request in flight: the data read so far and what they mean. Independent of sockets, clocks and the event loop."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Any

import msgspec

from echosounder.load.client.framing import Framing
from echosounder.load.client.reader import StreamReader
from echosounder.load.client.stamps import Ancillary, Stamps
from echosounder.load.sample import MEASURED, NO_TOKEN, Sample
from echosounder.wire import formats, sse
from echosounder.wire.answer import NOTHING, Mark
from echosounder.wire.capture import clean
from echosounder.wire.exchange import End, Exchange, Headers, Read, Request
from echosounder.wire.formats import Format
from echosounder.wire.redact import NO_SECRETS, Redactor
from echosounder.wire.stream import StreamEnd, ended, refused

BATCH_BYTES = 4 * 1024  # bytes parsed at a time: some fifteen events
MAX_BODY = 64 * 1024 * 1024
MAX_JSON = 4 * 1024 * 1024
MAX_KEPT = 1024 * 1024  # maximum size of an exchange kept in the log
EXCERPT = 200  # characters of a target's error message in a sample
SEARCHED = 4 * EXCERPT  # characters searched for secrets


class Job(msgspec.Struct, frozen=True):
    """A request to send: the part that the workload determines, without time and connection.

    ``prompt_tokens`` counts the tokens of its texts; it is None if there are none, and an upper bound of the whole prompt unless
    ``exact``. ``ceiling_tokens`` is an upper bound of the prompt including any chat template. ``format`` names the wire format of the
    request and of its answer.
    """

    name: str
    path: str
    body: bytes
    stream: bool = True
    prompt_tokens: int | None = None
    max_tokens: int | None = None
    exact: bool = True
    ceiling_tokens: int | None = None
    expected_hit: int | None = None
    format: str = ""

    @property
    def most_tokens(self) -> int:
        """Upper bound of the prompt's tokens: no token is shorter than a byte."""
        bound = self.ceiling_tokens or (None if self.exact else self.prompt_tokens)
        return bound or len(self.body)


@dataclass(slots=True, eq=False)
class ActiveCall:
    """A job in progress. ``reads`` holds data that is not yet parsed, one entry per read: bytes, our stamp, the kernel's ancillary
    data.
    """

    id: str
    job: Job
    t_scheduled: int
    t_dispatched: int
    phase: str = MEASURED
    queued: bool = False  # due while every user was busy, so the target caused the delay, not the client
    keep: bool = False  # keep the body's reads, to make an Exchange of it
    reused: bool = False
    t_sent: int | None = None
    t_connected: int | None = None
    t_headers: int | None = None
    t_first_byte: int | None = None
    t_last_read: int = 0
    t_closed: int | None = None
    end: End | None = None
    error: str = ""
    cause: str = ""  # class of the failure, if more specific than the end
    total: int = 0
    pending: int = 0
    reads: list[tuple[bytes, int, Ancillary]] = field(default_factory=list)
    framing: Framing = field(default_factory=Framing)
    format: Format = field(init=False)
    reader: StreamReader = field(init=False)
    body: list[bytes] = field(default_factory=list)
    kept: list[Read] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.format = formats.named(self.job.format)
        self.reader = StreamReader(self.format)

    def take(self, data: bytes, read_at: int, ancillary: Ancillary) -> bool:
        """Store a read; True when it is time to parse: the message may have ended, or enough data has accumulated."""
        self.reads.append((data, read_at, ancillary))
        self.t_last_read = read_at
        self.pending += len(data)
        # A chunked message ends with an empty line; a shorter read may be the rest of it.
        return not self.framing.chunked or self.pending > BATCH_BYTES or data.endswith(b"\r\n\r\n") or len(data) < 5

    def digest(self, stamps: Stamps) -> End | None:
        """Parse the stored reads; returns the end of the transfer if they contain it."""
        reads, self.reads, self.pending = self.reads, [], 0
        try:
            # A kernel stamp may precede one of ours, but reads arrive in order.
            for data, read_at, ancillary in reads:
                self._digest(data, max(stamps.arrival(read_at, ancillary), self.t_closed or 0))
        except sse.SseLimitError as error:
            self.error = str(error)
            return End.TOO_LARGE
        if self.framing.broken:
            self.error = f"not HTTP: {self.framing.broken}"
            return End.PROTOCOL_ERROR
        if self.framing.complete:
            return End.COMPLETE
        return End.TOO_LARGE if self.total > MAX_BODY else None

    def _digest(self, data: bytes, at: int) -> None:
        pieces = self.framing.feed(data)
        self.t_closed = at
        if self.t_headers is None and self.framing.status is not None:
            self.t_headers = at
        if not pieces:
            return
        if self.t_first_byte is None:
            self.t_first_byte = at
        self.total = self.framing.taken
        if self.keep and self.total > MAX_KEPT:
            self.keep = False
            self.kept.clear()
        elif self.keep:
            self.kept.append(Read(at, b"".join(pieces)))
        if self.framing.streamed:
            self.reader.feed(at, pieces)
        elif self.total <= MAX_JSON:
            self._whole(at, b"".join(pieces))

    def _whole(self, at: int, data: bytes) -> None:
        """Read a non-streaming body. Empty lines before it are keep-alives, like comments in a stream."""
        if not self.body and data.isspace():
            for _ in range(data.count(b"\n")):
                self.reader.keepalive(at)
            return
        if not self.body and self.reader.keepalives:
            self.reader.line.t_first_event = at
        self.body.append(data)

    def eof(self) -> End:
        """End of the transfer when the peer closes the connection."""
        if self.framing.until_close:
            return End.COMPLETE
        return End.RESET if self.framing.status is None else End.TRUNCATED

    @property
    def refused(self) -> bool:
        return refused(self.framing.status)

    def whole(self) -> Mark:
        """Read a non-streaming response; empty if it is not JSON."""
        if not self.body:
            return NOTHING
        try:
            return self.format.whole(json.loads(b"".join(self.body)))
        except (ValueError, RecursionError):
            return NOTHING


def stream_end(call: ActiveCall, whole: Mark) -> StreamEnd:
    """The class of the end. A non-streaming response is done once it is complete; one that exceeded our size limit is truncated."""
    reader = call.reader
    return ended(
        call.framing.status,
        End.TRUNCATED if call.end is End.TOO_LARGE else call.end,
        error=bool(reader.error or whole.error),
        done=reader.done or (not call.job.stream and whole.end),
        finished=bool(reader.finish or whole.finish),
    )


def failure(call: ActiveCall, end: StreamEnd) -> str:
    """The class of the failure; empty without one. It has no variable text, because classes are counted."""
    if end in {StreamEnd.DONE, StreamEnd.FINISH_WITHOUT_DONE}:  # complete; see ``ends``
        return NO_TOKEN if call.job.stream and call.reader.line.t_first_token is None else ""
    if end is StreamEnd.REFUSED:
        return f"http-{call.framing.status}"
    if end is StreamEnd.RESET and call.reused and call.framing.status is None:
        return "stale-connection"
    if call.end in {End.PROTOCOL_ERROR, End.TOO_LARGE, End.TOTAL_TIMEOUT}:
        return str(call.end)
    return call.cause or str(end)


def sample(call: ActiveCall, redact: Redactor = NO_SECRETS) -> Sample:
    """The record of an ended call; text of the target in it is redacted by *redact*."""
    reader, whole = call.reader, call.whole()
    end, line = stream_end(call, whole), reader.line
    return Sample(
        id=call.id,
        name=call.job.name,
        phase=call.phase,
        end=end,
        stream=call.job.stream,
        failure=failure(call, end),
        status=call.framing.status,
        reused=call.reused,
        queued=call.queued,
        t_scheduled=call.t_scheduled,
        t_dispatched=call.t_dispatched,
        t_sent=call.t_sent,
        t_connected=call.t_connected,
        t_headers=call.t_headers,
        t_first_byte=call.t_first_byte,
        t_first_keepalive=line.t_first_keepalive,
        t_last_keepalive=line.t_last_keepalive,
        t_first_event=line.t_first_event,
        t_first_reasoning=line.t_first_reasoning,
        t_first_content=line.t_first_content,
        t_first_token=line.t_first_token,
        t_last_token=line.t_last_token,
        t_usage=line.t_usage,
        t_done=line.t_done,
        t_closed=call.t_closed,
        gaps_us=gaps_us(reader.token_reads),
        events=reader.events,
        token_events=reader.token_events,
        keepalives=reader.keepalives,
        malformed=reader.malformed,
        bytes=call.total,
        usage=call.format.usage(reader.usage if reader.usage is not None else whole.usage),
        prompt_tokens=call.job.prompt_tokens,
        max_tokens=call.job.max_tokens,
        expected_hit=call.job.expected_hit,
        model=_text(reader.model or whole.model, redact),
        finish=_text(reader.finish or whole.finish, redact),
        retry_after=_text(call.framing.header(b"retry-after"), redact),
        trace=_text(call.framing.header(b"x-ds-trace-id") or call.framing.header(b"x-request-id"), redact),
        error=_text(call.error or _message(call, whole.error or reader.error), redact) or "",
    )


def gaps_us(stamps: Any) -> tuple[int, ...]:
    """Times between successive stamps (ns), in whole microseconds. Differences of rounded stamps: they add up to the whole."""
    if len(stamps) < 2:
        return ()
    micros = [stamp // 1000 for stamp in stamps]
    return tuple(b - a for a, b in pairwise(micros))


def exchange(call: ActiveCall, url: str, headers: Headers, redact: Redactor = NO_SECRETS) -> Exchange:
    """The call as the record that conformance checks read. ``headers`` are the request's, redacted; *redact* does the rest."""
    made = Exchange(
        id=call.id,
        probe="load",
        step=call.job.name,
        request=Request("POST", call.job.path, url, headers, call.job.body),
        status=call.framing.status,
        reason=call.framing.reason,
        http_version=call.framing.http_version,
        headers=call.framing.headers,
        reads=tuple(call.kept),
        end=call.end or End.CLIENT_CANCELLED,
        error=call.error,
        t_scheduled=call.t_scheduled,
        t_sent=call.t_sent,
        t_connected=call.t_connected,
        t_headers=call.t_headers,
        t_closed=call.t_closed,
        format=call.format.name,
    )
    return clean(made, redact)


def _message(call: ActiveCall, error: Any) -> Any:
    """The error message of the answer, or else the beginning of the answer."""
    text = call.format.message(error)
    if not text and call.refused:
        text = b"".join(call.body)[:SEARCHED].decode("utf-8", "replace")
    return text


def _spelt(value: Any) -> str:
    try:
        return str(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} that cannot be written as JSON"


def _text(value: Any, redact: Redactor = NO_SECRETS) -> str | None:
    """A short string that can be encoded as UTF-8, from a value of any type; lone surrogates are replaced. None for an empty value."""
    if not value:
        return None
    return _shown((value if isinstance(value, str) else _spelt(value))[:SEARCHED], redact)


@lru_cache(maxsize=256)  # most answers name the same model and the same reason
def _shown(text: str, redact: Redactor) -> str:
    return redact.text(text.encode("utf-8", "replace").decode())[:EXCERPT]
