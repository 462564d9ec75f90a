"""One request in flight: what was read so far, and what it means. No socket, no clock, no event loop here."""

import json
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec

from echosounder.load.client.framing import Framing
from echosounder.load.client.reader import StreamReader
from echosounder.load.client.stamps import Ancillary, Stamps
from echosounder.load.sample import MEASURED, Sample
from echosounder.wire import sse
from echosounder.wire.exchange import End, Exchange, Headers, Read, Request
from echosounder.wire.stream import TRANSPORT_ENDS, StreamEnd
from echosounder.wire.strict_json import at
from echosounder.wire.usage import usage

BATCH_BYTES = 4 * 1024  # digested in one piece: some fifteen events
MAX_BODY = 64 * 1024 * 1024
MAX_JSON = 4 * 1024 * 1024
EXCERPT = 200

_TRANSPORT = {**TRANSPORT_ENDS, End.TOO_LARGE: StreamEnd.CHUNK_TRUNCATED}


class Job(msgspec.Struct, frozen=True):
    """A request to send: what the workload decides, before time and place come in.

    ``prompt_tokens`` are those of its texts, None where nobody counted them, an upper bound of the whole prompt where they
    are not ``exact``. ``ceiling_tokens`` is what the prompt cannot exceed, with whatever the chat template adds.
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

    @property
    def most_tokens(self) -> int:
        """What the prompt costs at most, in tokens. None is shorter than a byte."""
        bound = self.ceiling_tokens or (None if self.exact else self.prompt_tokens)
        return bound or len(self.body)


@dataclass(slots=True, eq=False)
class Call:
    """A job on its way. ``reads`` holds what was read and not yet digested: bytes, our stamp, the kernel's ancillary data."""

    id: str
    job: Job
    t_scheduled: int
    t_dispatched: int
    phase: str = MEASURED
    queued: bool = False  # it was due while every user was busy: what made it late is the target, not we
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
    cause: str = ""  # the class of the failure, where whoever ended the call knows better than its end tells
    total: int = 0
    pending: int = 0
    reads: list[tuple[bytes, int, Ancillary]] = field(default_factory=list)
    framing: Framing = field(default_factory=Framing)
    reader: StreamReader = field(default_factory=StreamReader)
    body: list[bytes] = field(default_factory=list)
    kept: list[Read] = field(default_factory=list)

    def take(self, data: bytes, read_at: int, ancillary: Ancillary) -> bool:
        """Store a read; True when it is time to digest: the message may have ended, or enough has gathered."""
        self.reads.append((data, read_at, ancillary))
        self.t_last_read = read_at
        self.pending += len(data)
        # The last chunk of a chunked message ends in an empty line; a read shorter than that may be the rest of one.
        return not self.framing.chunked or self.pending > BATCH_BYTES or data.endswith(b"\r\n\r\n") or len(data) < 5

    def digest(self, stamps: Stamps) -> End | None:
        """Parse the stored reads; the end of the transfer where they hold it."""
        reads, self.reads, self.pending = self.reads, [], 0
        try:
            for data, read_at, ancillary in reads:
                self._digest(data, stamps.arrival(read_at, ancillary))
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
        self.total += sum(map(len, pieces))
        if self.keep:
            self.kept.append(Read(at, b"".join(pieces)))
        if self.framing.streamed:
            self.reader.feed(at, pieces)
        elif self.total <= MAX_JSON:
            self._whole(at, b"".join(pieces))

    def _whole(self, at: int, data: bytes) -> None:
        """Of a body that is no stream. Empty lines that come before it are keep-alives, as comments are in a stream."""
        if not self.body and data.isspace():
            for _ in range(data.count(b"\n")):
                self.reader.keepalive(at)
            return
        if not self.body and self.reader.keepalives:
            self.reader.first["event"] = at
        self.body.append(data)

    def eof(self) -> End:
        """What the peer's close means for the transfer."""
        if self.framing.until_close:
            return End.COMPLETE
        return End.RESET if self.framing.status is None else End.TRUNCATED

    @property
    def refused(self) -> bool:
        """By status: anything but 2xx, a redirection too, which we do not follow."""
        status = self.framing.status
        return status is not None and not 200 <= status < 300

    def answer(self) -> Any:
        """The body of an answer that is no stream, as JSON; None where it is none."""
        try:
            return json.loads(b"".join(self.body))
        except (ValueError, RecursionError):
            return None


def stream_end(call: Call, answer: Any) -> StreamEnd:
    """The class of the end, by the rules of :func:`wire.stream.stream_end`; an answer that was to be whole is done when it is."""
    reader = call.reader
    if call.refused:
        return StreamEnd.REFUSED
    if reader.error or at(answer, "error"):
        return StreamEnd.ERROR_EVENT
    if reader.done or (not call.job.stream and at(answer, "choices")):
        return StreamEnd.DONE
    if call.end in _TRANSPORT:
        return _TRANSPORT[call.end]
    finish = reader.finish or at(answer, "choices", 0, "finish_reason")
    return StreamEnd.FINISH_WITHOUT_DONE if finish else StreamEnd.EOF_WITHOUT_FINISH


def failure(call: Call, end: StreamEnd) -> str:
    """The class of the failure, empty where there is none. No variable text in it: classes are counted."""
    if end in {StreamEnd.DONE, StreamEnd.FINISH_WITHOUT_DONE}:  # complete; `ends` tells which
        return ""
    if end is StreamEnd.REFUSED:
        return f"http-{call.framing.status}"
    if end is StreamEnd.RESET and call.reused and call.framing.status is None:
        return "stale-connection"
    if call.end in {End.PROTOCOL_ERROR, End.TOO_LARGE, End.TOTAL_TIMEOUT}:
        return str(call.end)
    return call.cause or str(end)


def sample(call: Call) -> Sample:
    """The record of a call that has ended."""
    reader, first, answer = call.reader, call.reader.first, call.answer() if call.body else None
    end = stream_end(call, answer)
    counts = usage(reader.usage if reader.usage is not None else at(answer, "usage"))
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
        t_first_keepalive=first.get("keepalive"),
        t_last_keepalive=reader.last_keepalive,
        t_first_event=first.get("event"),
        t_first_reasoning=first.get("reasoning"),
        t_first_content=first.get("content"),
        t_first_token=first.get("token"),
        t_last_token=reader.token_reads[-1] if reader.token_reads else None,
        t_usage=first.get("usage"),
        t_done=first.get("done"),
        t_closed=call.t_closed,
        gaps_us=gaps_us(reader.token_reads),
        events=reader.events,
        token_events=reader.token_events,
        keepalives=reader.keepalives,
        malformed=reader.malformed,
        bytes=call.total,
        usage=counts,
        prompt_tokens=call.job.prompt_tokens,
        max_tokens=call.job.max_tokens,
        expected_hit=call.job.expected_hit,
        model=_text(reader.model or at(answer, "model")),
        finish=_text(reader.finish or at(answer, "choices", 0, "finish_reason")),
        retry_after=call.framing.header(b"retry-after"),
        trace=call.framing.header(b"x-ds-trace-id") or call.framing.header(b"x-request-id"),
        error=call.error or _message(call, answer),
    )


def gaps_us(stamps: Any) -> tuple[int, ...]:
    """Times between successive stamps (ns), in whole microseconds. Differences of rounded stamps: they add up to the whole."""
    if len(stamps) < 2:
        return ()
    micros = [stamp // 1000 for stamp in stamps]
    return tuple(b - a for a, b in pairwise(micros))


def exchange(call: Call, url: str, headers: Headers) -> Exchange:
    """The call as the record that conformance checks read. ``headers`` are the request's, redacted."""
    return Exchange(
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
    )


def _message(call: Call, answer: Any) -> str:
    """What the answer says that went wrong, or its beginning where it says nothing."""
    error = at(answer, "error") or call.reader.error
    text = at(error, "message") or (error if isinstance(error, str) else "")
    if not text and call.refused:
        text = b"".join(call.body)[:EXCERPT].decode("utf-8", "replace")
    return (_text(text) or "")[:EXCERPT]


def _text(value: Any) -> str | None:
    """A string that any file takes: a target may send another type, or half of a surrogate pair. None for nothing."""
    return str(value).encode("utf-8", "replace").decode() if value else None
