"""From the tape to exchanges: both sides of a connection read as HTTP/1.1, each read of an answer with its stamp. Pure.

The parsing is h11's, as it is of the answers to our own probes, so that both are judged by the same bytes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import h11

from echosounder.conformance.listen.tape import Happening, TapeFrame
from echosounder.wire.exchange import End, Exchange, Read
from echosounder.wire.recordings.foreign import MAX_BODY, Foreign, text_headers

MAX_HEAD = 256 * 1024
MAX_READS = 200_000
MAX_PENDING = 1000  # requests of one connection that wait for their answers


@dataclass
class Pending:
    """An exchange in progress. ``room``: bytes of its response that may still be kept."""

    seen: Foreign
    parser: h11.Connection
    request: list[bytes] = field(default_factory=list)
    asked: int = 0
    room: int = MAX_BODY
    begun: bool = False
    passed: list[int] = field(default_factory=list)
    came: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Conversation:
    """One connection."""

    number: int
    connected: int | None = None
    reader: h11.Connection | None = None
    pending: deque[Pending] = field(default_factory=deque)
    current: Pending | None = None  # the request that is being sent
    early: list[tuple[int, int]] = field(default_factory=list)  # reads of a request whose head is not complete
    exchanges: int = 0
    opaque: bool = False  # no HTTP, or no longer: nothing of it is read
    lost: bool = False


@dataclass
class Seen:
    """Traffic that was not an exchange: lost connections, other protocols, and requests that never reached the upstream."""

    lost: int = 0
    opaque: int = 0
    unreached: int = 0
    reason: str = ""


class Assembly:
    """Call it with frames, in order; it returns the exchanges that they complete."""

    def __init__(self, base: str = "") -> None:
        self._base = base
        self._conversations: dict[int, Conversation] = {}
        self._count = 0
        self.seen = Seen()

    def under_way(self) -> int:
        return sum(len(each.pending) for each in list(self._conversations.values()))

    def feed(self, frame: TapeFrame) -> Iterator[Exchange]:
        one = self._conversations.setdefault(frame.connection, Conversation(frame.connection))
        if frame.kind is Happening.CLOSED:
            yield from self._all(one, End.TRUNCATED, "", frame.at)
            self._conversations.pop(frame.connection, None)
        elif one.lost or (one.opaque and frame.kind in _DATA):
            return
        else:
            yield from self._event(one, frame)

    def _event(self, one: Conversation, frame: TapeFrame) -> Iterator[Exchange]:
        if frame.kind in _ENDS:
            yield from self._all(one, _ENDS[frame.kind], _words(frame), frame.at)
        elif frame.kind is Happening.REQUEST:
            self._request(one, frame)
        elif frame.kind in (Happening.RESPONSE, Happening.UPSTREAM_END):
            yield from self._response(one, frame)
        else:
            self._said(one, frame)
        if frame.kind is Happening.UPSTREAM_END:
            yield from self._all(one, End.TRUNCATED, "the upstream closed the connection", frame.at)

    def _said(self, one: Conversation, frame: TapeFrame) -> None:
        match frame.kind:
            case Happening.CONNECTED:
                one.connected = frame.at
            case Happening.UNREACHED:
                self.seen.unreached += 1
                self.seen.reason = _words(frame)
            case Happening.CLIENT_END:
                for draft in one.pending:
                    draft.seen.notes["left"] = True
            case Happening.LOST:
                one.lost = True
                self.seen.lost += max(len(one.pending), 1)
                one.pending.clear()

    # ------------------------------------------------------------------------------------------------------ requests

    def _request(self, one: Conversation, frame: TapeFrame) -> None:
        data = frame.data
        while data:
            if one.reader is None:
                one.reader = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
            try:
                one.reader.receive_data(data)
                data = self._asked(one, one.reader, frame)
            except h11.RemoteProtocolError:
                self._give_up(one)
                return

    def _asked(self, one: Conversation, reader: h11.Connection, frame: TapeFrame) -> bytes:
        """Takes what the client said so far; what follows its request, once that is complete."""
        while (event := reader.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                self._open(one, event)
            elif isinstance(event, h11.Data) and one.current is not None:
                self._body(one.current, bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._sent(one, frame)
                one.current = one.reader = None
                return bytes(reader.trailing_data[0])
            elif isinstance(event, h11.ConnectionClosed):
                return b""
        self._sent(one, frame)
        return b""

    def _open(self, one: Conversation, event: h11.Request) -> None:
        method = event.method.decode("latin-1")
        seen = Foreign(method, event.target.decode("latin-1"), text_headers(event.headers.raw_items()))
        seen.t_connected = one.connected if not one.exchanges else None
        if one.exchanges:
            seen.notes["reused"] = True
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        parser.send(h11.Request(method=event.method, target=b"/", headers=[("host", "upstream")]))
        parser.send(h11.EndOfMessage())
        one.current = Pending(seen, parser)
        one.exchanges += 1
        one.pending.append(one.current)
        if len(one.pending) > MAX_PENDING or method == "CONNECT":
            self._give_up(one)

    def _body(self, draft: Pending, data: bytes) -> None:
        draft.asked += len(data)
        if draft.asked <= MAX_BODY:
            draft.request.append(data)
        else:
            draft.seen.notes["request_cut"] = draft.asked

    def _sent(self, one: Conversation, frame: TapeFrame) -> None:
        if one.current is None:
            one.early.append((frame.at, len(frame.data)))
            return
        one.current.seen.t_sent = frame.at + max(frame.delay, 0)
        one.current.came += [*one.early, (frame.at, len(frame.data))]
        one.early.clear()

    def _give_up(self, one: Conversation) -> None:
        one.opaque = True
        one.pending.clear()
        one.current = one.reader = None
        self.seen.opaque += 1

    # ------------------------------------------------------------------------------------------------------- answers

    def _response(self, one: Conversation, frame: TapeFrame) -> Iterator[Exchange]:
        data: bytes | None = frame.data
        while data is not None and one.pending and not one.opaque:
            draft = one.pending[0]
            draft.begun = draft.begun or bool(data)
            try:
                draft.parser.receive_data(data)
                data = self._answered(one, draft, frame)
            except h11.RemoteProtocolError as error:
                over = not frame.data and frame.kind is Happening.UPSTREAM_END
                end = End.TRUNCATED if over else End.PROTOCOL_ERROR
                yield self._done(one, end, str(error), frame.at)
                one.opaque = one.opaque or not over
                return
            if data is not None:
                yield self._done(one, End.COMPLETE, "", frame.at)
                data = data or None

    def _answered(self, one: Conversation, draft: Pending, frame: TapeFrame) -> bytes | None:
        """What follows the answer, once it is complete; None before."""
        parser, seen, kept = draft.parser, draft.seen, []
        rest = None
        while (event := parser.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Response):
                seen.status, seen.reason, seen.t_headers = event.status_code, event.reason.decode("latin-1"), frame.at
                seen.headers = text_headers(event.headers.raw_items())
                seen.http_version = f"HTTP/{event.http_version.decode()}"
            elif isinstance(event, h11.Data):
                kept.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                rest = bytes(parser.trailing_data[0])
                break
            elif isinstance(event, h11.ConnectionClosed):
                break
        if parser.their_state is h11.SWITCHED_PROTOCOL:
            self._give_up(one)
        self._keep(draft, frame, b"".join(kept))
        return rest

    def _keep(self, draft: Pending, frame: TapeFrame, data: bytes) -> None:
        if not data:
            return
        if draft.room <= 0 or len(draft.seen.reads) >= MAX_READS:
            draft.seen.notes["answer_cut"] = True
            return
        draft.seen.reads.append(Read(frame.at, data[: draft.room]))
        draft.room -= len(data)
        draft.passed.append(frame.delay // 1000 if frame.delay >= 0 else -1)

    def _all(self, one: Conversation, end: End, error: str, at: int) -> Iterator[Exchange]:
        while one.pending:
            left = one.pending[0].seen.notes.pop("left", False)
            yield self._done(one, End.CLIENT_CANCELLED if left else end, error, at)

    def _done(self, one: Conversation, end: End, error: str, at: int) -> Exchange:
        draft = one.pending.popleft()
        seen = draft.seen
        seen.notes.pop("left", None)
        cut = draft.room < 0 or "answer_cut" in seen.notes
        seen.end, seen.error, seen.t_closed = (End.TOO_LARGE if cut else end), error, at
        seen.request = b"".join(draft.request)
        if draft.begun:
            seen.notes.pop("reused", None)
        times: dict[str, Any] = {"connection": one.number, "request_reads": draft.came, "passed_us": draft.passed}
        seen.notes |= times
        self._count += 1
        return seen.exchange(str(self._count), self._base)


_ENDS = {
    Happening.UPSTREAM_RESET: End.RESET,
    Happening.CLIENT_RESET: End.CLIENT_CANCELLED,
    Happening.STOPPED: End.CLIENT_CANCELLED,
}
_DATA = frozenset({Happening.REQUEST, Happening.RESPONSE})


def _words(frame: TapeFrame) -> str:
    return frame.data.decode("utf-8", "replace")[:200]


def assembled(frames: Iterable[TapeFrame], base: str = "") -> tuple[list[Exchange], Seen]:
    """All exchanges of a tape, and the traffic that did not form any."""
    assembly = Assembly(base)
    return [exchange for frame in frames for exchange in assembly.feed(frame)], assembly.seen
