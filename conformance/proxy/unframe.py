"""From the bytes of a connection to status, headers and body, each piece of body with the stamp of the write that brought it.

The HTTP/1.1 parsing is h11's. Where the upstream breaks the framing on purpose, what came before the break is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import h11

from echosounder.wire.exchange import End, Headers, Read


@dataclass
class WrittenResponse:
    """A response as written by the server. ``first``: stamp of its head, ns; ``end``: whether its framing was complete."""

    status: int | None = None
    reason: str = ""
    headers: Headers = ()
    reads: list[Read] = field(default_factory=list)
    first: int | None = None
    end: End = End.TRUNCATED


def unframe(method: str, writes: Iterable[tuple[int, bytes]], closed: bool) -> WrittenResponse:
    """*writes* are ``(stamp, bytes)`` in order; *closed* says whether the server ended the connection after the last."""
    parser, answer = h11.Connection(h11.CLIENT), WrittenResponse()
    parser.send(h11.Request(method=method, target="/", headers=[("host", "upstream")]))
    parser.send(h11.EndOfMessage())
    try:
        for at, data in writes:
            parser.receive_data(data)
            _take(parser, at, answer)
        if closed and answer.status is not None and answer.end is not End.COMPLETE:
            parser.receive_data(b"")
            _take(parser, 0, answer)
    except h11.RemoteProtocolError:
        pass
    return answer


def _take(parser: h11.Connection, at: int, answer: WrittenResponse) -> None:
    for event in _events(parser):
        match event:
            case h11.Response():
                answer.status, answer.reason, answer.first = event.status_code, event.reason.decode("latin-1"), at
                pairs = event.headers.raw_items()
                answer.headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)
            case h11.Data():
                _keep(answer.reads, at, bytes(event.data))
            case h11.EndOfMessage():
                answer.end = End.COMPLETE


def _events(parser: h11.Connection) -> Iterator[object]:
    while (event := parser.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
        yield event
        if isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return


def _keep(reads: list[Read], at: int, data: bytes) -> None:
    if reads and reads[-1].at == at:
        reads[-1] = Read(at, reads[-1].data + data)
    else:
        reads.append(Read(at, data))
