"""Properties of a streamed answer: the times of its parts, and its end.

The vocabulary of time is the load engine's and the reports' too: TTFT is the first content, reasoning or tool delta
after ``t_sent``; a role chunk, a comment or an empty delta is not a token.
"""

from enum import StrEnum

import msgspec

from echosounder.wire import sse
from echosounder.wire.answer import NOTHING, Mark
from echosounder.wire.exchange import End, Exchange


class StreamEnd(StrEnum):
    """End of a stream, considering both transport and content."""

    DONE = "done"
    FINISH_WITHOUT_DONE = "finish-without-done"
    EOF_WITHOUT_FINISH = "eof-without-finish"
    RESET = "reset"
    CHUNK_TRUNCATED = "chunk-truncated"
    ERROR_EVENT = "error-event"
    IDLE_TIMEOUT = "idle-timeout"
    REFUSED = "refused"
    CONNECT_FAILED = "connect-failed"
    CLIENT_CANCELLED = "client-cancelled"


TRANSPORT_ENDS = {
    End.CONNECT_FAILED: StreamEnd.CONNECT_FAILED,
    End.CLIENT_CANCELLED: StreamEnd.CLIENT_CANCELLED,
    End.RESET: StreamEnd.RESET,
    End.TRUNCATED: StreamEnd.CHUNK_TRUNCATED,
    End.PROTOCOL_ERROR: StreamEnd.CHUNK_TRUNCATED,
    End.IDLE_TIMEOUT: StreamEnd.IDLE_TIMEOUT,
    End.TOTAL_TIMEOUT: StreamEnd.IDLE_TIMEOUT,
}


def stream_end(exchange: Exchange) -> StreamEnd:
    """The class of the end of *exchange*'s stream."""
    marks = [mark for _, mark in exchange.marks]
    return ended(
        exchange.status,
        exchange.end,
        error=any(mark.error for mark in marks),
        done=any(mark.end for mark in marks),
        finished=any(mark.finish for mark in marks),
    )


def ended(status: int | None, end: End | None, *, error: bool, done: bool, finished: bool) -> StreamEnd:
    """The class of an end: ``error`` if the answer reported an error, ``done`` if the end of the stream, or of the whole response,
    arrived, ``finished`` if a finish reason did. A received end takes precedence over any later event on the socket.
    """
    if refused(status):
        return StreamEnd.REFUSED
    if error:
        return StreamEnd.ERROR_EVENT
    if done:
        return StreamEnd.DONE
    if end in TRANSPORT_ENDS:
        return TRANSPORT_ENDS[end]
    return StreamEnd.FINISH_WITHOUT_DONE if finished else StreamEnd.EOF_WITHOUT_FINISH


def refused(status: int | None) -> bool:
    """Whether the status is a refusal: anything but 2xx, including redirections, which are not followed here."""
    return status is not None and not 200 <= status < 300


class Timeline(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Stamps of one exchange, ns on the monotonic clock, None for steps that did not happen; only the sender knows when it was due.

    Not frozen: ``event`` and ``keepalive`` fill it while the stream is read.
    """

    t_sent: int | None = None
    t_connected: int | None = None
    t_headers: int | None = None
    t_first_byte: int | None = None
    t_first_keepalive: int | None = None
    t_last_keepalive: int | None = None
    t_first_event: int | None = None
    t_first_reasoning: int | None = None
    t_first_content: int | None = None
    t_first_token: int | None = None
    t_last_token: int | None = None
    t_usage: int | None = None
    t_done: int | None = None
    t_closed: int | None = None

    def keepalive(self, at: int) -> None:
        """Record a comment received at *at*."""
        if self.t_first_keepalive is None:
            self.t_first_keepalive = at
        self.t_last_keepalive = at

    def event(self, at: int, mark: Mark) -> str | None:
        """Record an event received at *at* with its *mark*; returns the kind of its output."""
        if self.t_first_event is None:
            self.t_first_event = at
        if mark.usage is not None and self.t_usage is None:
            self.t_usage = at
        if mark.end and self.t_done is None:
            self.t_done = at
        if kind := mark.kind:
            self._token(at, kind)
        return kind

    def _token(self, at: int, kind: str) -> None:
        if self.t_first_token is None:
            self.t_first_token = at
        self.t_last_token = at
        if kind == "reasoning" and self.t_first_reasoning is None:
            self.t_first_reasoning = at
        if kind == "content" and self.t_first_content is None:
            self.t_first_content = at


def timeline(exchange: Exchange) -> Timeline:
    """All stamps of *exchange*, from its reads."""
    line = Timeline(
        t_sent=exchange.t_sent,
        t_connected=exchange.t_connected,
        t_headers=exchange.t_headers,
        t_first_byte=exchange.reads[0].at if exchange.reads else None,
        t_closed=exchange.t_closed,
    )
    marks = dict(exchange.marks)
    for stamped in exchange.items:
        if isinstance(stamped.item, sse.Comment):
            line.keepalive(stamped.at)
        else:
            line.event(stamped.at, marks.get(stamped.index, NOTHING))
    return line
