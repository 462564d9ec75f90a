"""One client connection: bytes in, complete requests out, one response at a time.

Framing faults, half-closed sockets and pipelining cannot be expressed through ASGI, hence a bare protocol. Parsing is
llhttp's (httptools); the bounds on headers, body and time are ours.
"""

import asyncio
import itertools
import time
from collections import deque
from functools import lru_cache
from typing import Protocol

import httptools

from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.mock_server.net.scheduler import UNSENT, Scheduler, Stream

MAX_HEADER = 64 * 1024
PIPELINE = 32  # queued requests at which reading pauses
TURN = 16  # requests answered in a row before other connections get a turn


class Application(Protocol):
    """Interface between a connection and the server."""

    max_body: int
    connections: set["ServerConnection"]
    scheduler: Scheduler

    def handle(self, connection: "ServerConnection", request: HttpRequest) -> None:
        """Answer on the connection, now or later; every request ends with :meth:`ServerConnection.finished`."""

    def refuse(self, connection: "ServerConnection", status: int) -> None:
        """Answer bytes that are not an acceptable request; the connection closes after it."""


class _Unacceptable(Exception):
    """An unacceptable request; ``status`` is that of the refusal."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


_NUMBERS = itertools.count(1)
_BUFFER = bytearray(64 * 1024)
_VIEW = memoryview(_BUFFER)


@lru_cache(maxsize=256)
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


class ServerConnection(asyncio.BufferedProtocol):
    """All connections read into one buffer, because the data is parsed immediately: a new buffer per read, of the size that a transport
    uses, costs ten times as much as the read itself.
    """

    def __init__(self, app: Application) -> None:
        self._app, self.number = app, next(_NUMBERS)
        self._queue: deque[HttpRequest | _Unacceptable] = deque()
        self._parser = httptools.HttpRequestParser(self)
        self._deaf = self.hung_up = False
        self._earlier = 0
        self.transport: asyncio.Transport
        self.busy = self._answering = False
        self.lingers_since: int | None = None
        self.stream: Stream | None = None
        self.started: int | None = None  # arrival of the first byte of an incomplete request, monotonic ns
        self.idle_since = time.monotonic_ns()
        self.unread = (0, 0)  # many unread bytes: their number, and since when it is unchanged
        self._begin()

    # --- asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        peer = transport.get_extra_info("peername")
        self.loopback = bool(peer) and (str(peer[0]).startswith("127.") or peer[0] == "::1")
        self._app.connections.add(self)

    def get_buffer(self, size: int) -> memoryview:
        return _VIEW

    def buffer_updated(self, size: int) -> None:
        if not self._deaf:
            self._feed(bytes(_VIEW[:size]))

    def _feed(self, data: bytes) -> None:
        if self.started is None:
            self.started = time.monotonic_ns()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, _Unacceptable) else _Unacceptable(400))
        self._next()

    def eof_received(self) -> bool:
        """A client may close its sending side and still wait for the answer."""
        self.hung_up = True
        if self.stream is not None:
            self.stream.leave()
        if self.lingers_since is not None:
            return False
        return self.busy or bool(self._queue)

    def resume_writing(self) -> None:
        """The client has read most of the pending data."""
        if self.stream is not None and self.stream.paused:
            self.stream.paused = False
            self._app.scheduler.start(self.stream)
        self._next()

    def _behind(self) -> bool:
        """Whether the client has so much unread data that no further request is answered."""
        return self.transport.get_write_buffer_size() > UNSENT

    def stalled(self, now: int) -> int:
        """Time since the client last read any of its pending data, ns, at the resolution of calls to this method."""
        unsent = self.transport.get_write_buffer_size()
        if unsent <= UNSENT:
            return 0
        if unsent != self.unread[0]:
            self.unread = unsent, now
        return now - self.unread[1]

    def connection_lost(self, error: Exception | None) -> None:
        self._app.connections.discard(self)
        self._deaf = True
        self._queue.clear()
        if self.stream is not None:
            self.stream.leave()
            self.stream.transport = None
            self.stream.end()

    # --- httptools callbacks

    def on_message_begin(self) -> None:
        self._begin()

    def on_url(self, url: bytes) -> None:
        self._url += url
        self._header_size += len(url)
        if self._header_size > MAX_HEADER:
            raise _Unacceptable(431)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[_lower(name)] = value.decode("latin-1")
        self._header_size += len(name) + len(value)
        if self._header_size > MAX_HEADER:
            raise _Unacceptable(431)

    def on_headers_complete(self) -> None:
        length = self._headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._app.max_body:
            raise _Unacceptable(413)
        if self._headers.get("expect", "").lower() == "100-continue" and not self.busy:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._size += len(body)
        if self._size > self._app.max_body:
            raise _Unacceptable(413)

    def on_message_complete(self) -> None:
        parser = self._parser
        if parser.should_upgrade() and parser.get_method() != b"CONNECT":
            return  # the parser stopped before the body
        request = HttpRequest(
            parser.get_method().decode("latin-1"),
            self._url.decode("latin-1"),
            self._headers,
            self._body[0] if len(self._body) == 1 else b"".join(self._body),
            time.monotonic_ns(),
            parser.get_http_version(),
            parser.should_keep_alive(),
            self.loopback,
            self._earlier,
            self.number,
        )
        self._earlier += 1
        self.started = None
        self._queue.append(request)
        if len(self._queue) > PIPELINE:
            self.transport.pause_reading()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Read the request as if it had no Upgrade header, which a server may ignore (RFC 9110, 7.8)."""
        method, version = self._parser.get_method().decode(), self._parser.get_http_version()
        kept = (f"{name}: {value}" for name, value in self._headers.items() if name not in ("upgrade", "connection"))
        head = "\r\n".join((f"{method} {self._url.decode('latin-1')} HTTP/{version}", *kept, "", ""))
        if method != "CONNECT":
            self._parser = httptools.HttpRequestParser(self)
            self._feed(head.encode("latin-1") + rest)

    # --- responses

    def finished(self, keep_alive: bool) -> None:
        """The current response has been written; continue with the next request or close."""
        self.busy, self.stream = False, None
        self.idle_since = time.monotonic_ns()
        if self.transport.is_closing():
            return
        if not keep_alive or (self.hung_up and not self._queue):
            self._leave()
        else:
            self._next()

    def expire(self) -> None:
        """Refuse a request that did not arrive completely in time."""
        if self._deaf:
            return
        self._refuse(_Unacceptable(408))
        self._next()

    def _next(self) -> None:
        """Answer queued requests. An answer that ends immediately re-enters this method, which then returns to the loop below."""
        if self._answering:
            return
        self._answering = True
        try:
            for _ in range(TURN):
                if self.busy or not self._queue or self._behind():
                    return
                self._answer()
        finally:
            self._answering = False
        if not self.busy and self._queue and not self._behind():
            asyncio.get_running_loop().call_soon(self._next)

    def _answer(self) -> None:
        if len(self._queue) == PIPELINE + 1 and not self.transport.is_closing():
            self.transport.resume_reading()
        self.busy = True
        match self._queue.popleft():
            case HttpRequest() as request:
                self._app.handle(self, request)
            case problem:
                self._app.refuse(self, problem.status)

    def _leave(self) -> None:
        """Close, but keep reading for a while: closing with unread bytes would reset the connection and discard the answer."""
        self._deaf = True
        self._queue.clear()
        if self.hung_up or self.started is None:
            self.transport.close()
        else:
            self.transport.write_eof()
            self.lingers_since = time.monotonic_ns()

    def _refuse(self, problem: _Unacceptable) -> None:
        self._deaf = True
        self._queue.append(problem)

    def _begin(self) -> None:
        self._url, self._size, self._header_size = b"", 0, 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
