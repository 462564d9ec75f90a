"""What a streamed answer says about itself: when things came, and how it ended.

The vocabulary of time is the load engine's and the reports' too: TTFT is the first content, reasoning or tool delta
after ``t_sent``; a role chunk, a comment or an empty delta is not a token.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from echosounder.wire import sse
from echosounder.wire.exchange import End, Exchange
from echosounder.wire.strict_json import at


class StreamEnd(StrEnum):
    """How a stream ended, transport and content taken together."""

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
    """The class of the stream's end. A ``[DONE]`` that arrived outweighs whatever the socket did afterwards."""
    if exchange.status is not None and not 200 <= exchange.status < 300:  # sent elsewhere is no answer either
        return StreamEnd.REFUSED
    chunks = [value for _, value in exchange.chunks]
    if any(isinstance(value, dict) and value.get("error") for value in chunks):
        return StreamEnd.ERROR_EVENT
    if "[DONE]" in exchange.data:
        return StreamEnd.DONE
    if exchange.end in TRANSPORT_ENDS:
        return TRANSPORT_ENDS[exchange.end]
    finished = any(at(value, "choices", 0, "finish_reason") for value in chunks)
    return StreamEnd.FINISH_WITHOUT_DONE if finished else StreamEnd.EOF_WITHOUT_FINISH


def token_kind(chunk: Any) -> str | None:
    """``reasoning``, ``content`` or ``tool`` when the chunk's first choice carries output, else None. FIM text is content."""
    choice = at(chunk, "choices", 0)
    if at(choice, "delta", "reasoning_content"):
        return "reasoning"
    if at(choice, "delta", "content") or at(choice, "text"):
        return "content"
    return "tool" if at(choice, "delta", "tool_calls") else None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Stamps of one exchange, ns on the monotonic clock, None where it never came to it."""

    t_scheduled: int | None = None
    t_sent: int | None = None
    t_connected: int | None = None
    t_headers: int | None = None
    t_first_byte: int | None = None
    t_first_keepalive: int | None = None
    t_first_event: int | None = None
    t_first_reasoning: int | None = None
    t_first_content: int | None = None
    t_first_token: int | None = None
    t_last_token: int | None = None
    t_usage: int | None = None
    t_done: int | None = None
    t_closed: int | None = None


def timeline(exchange: Exchange) -> Timeline:
    """All stamps of *exchange*, from its reads."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for name, stamp in _marks(exchange):
        first.setdefault(name, stamp)
        last[name] = stamp
    return Timeline(
        t_scheduled=exchange.t_scheduled,
        t_sent=exchange.t_sent,
        t_connected=exchange.t_connected,
        t_headers=exchange.t_headers,
        t_first_byte=exchange.reads[0].at if exchange.reads else None,
        t_first_keepalive=first.get("keepalive"),
        t_first_event=first.get("event"),
        t_first_reasoning=first.get("reasoning"),
        t_first_content=first.get("content"),
        t_first_token=first.get("token"),
        t_last_token=last.get("token"),
        t_usage=first.get("usage"),
        t_done=first.get("done"),
        t_closed=exchange.t_closed,
    )


def _marks(exchange: Exchange) -> Iterator[tuple[str, int]]:
    chunks = dict(exchange.chunks)
    for stamped in exchange.items:
        if isinstance(stamped.item, sse.Comment):
            yield "keepalive", stamped.at
            continue
        yield "event", stamped.at
        if stamped.item.data == "[DONE]":
            yield "done", stamped.at
        chunk = chunks.get(stamped.index)
        if kind := token_kind(chunk):
            yield kind, stamped.at
            yield "token", stamped.at
        if at(chunk, "usage") is not None:
            yield "usage", stamped.at
