"""The proxy position: a request is forwarded to an upstream, and its response is passed back through the deviations
without buffering.

Each relayed response is read in its own thread, because the deviations are generators that block until the next frame.
The frames that they yield are passed to the event loop immediately.
"""

import asyncio
import http.client
import socket
import ssl
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from echosounder.mock_server.admission import refusals
from echosounder.mock_server.deviations.armed import Armed
from echosounder.mock_server.deviations.armoury import HEADER
from echosounder.mock_server.deviations.registry import Layer
from echosounder.mock_server.net.frames import Frame, Reply
from echosounder.mock_server.net.http1 import BodyFraming, HttpRequest
from echosounder.mock_server.net.scheduler import Act
from echosounder.wire.errors import UsageError

# RFC 9110, 7.6.1, and headers that the relay sets itself.
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "expect",
    }
)
THREADS = 256
READ = 64 * 1024
CONNECT_S = 10  # timeout of connecting to the upstream; a thread cannot be woken earlier
IDLE_S = 600
HIGH_WATER = 1 << 19  # unread bytes of a slow client at which reading from the upstream pauses


@dataclass(frozen=True, slots=True)
class Upstream:
    """Destination of forwarded requests. ``path`` is put in front of their paths."""

    tls: bool
    host: str
    port: int | None
    path: str

    @classmethod
    def of(cls, url: str) -> "Upstream":
        """Parse the URL of an upstream. Raises :class:`UsageError`."""
        try:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
                raise ValueError
            return cls(parts.scheme == "https", parts.hostname, parts.port, parts.path.rstrip("/"))
        except ValueError:
            raise UsageError(f"upstream is {url!r}: give something like http://localhost:8000") from None

    def connect(self) -> http.client.HTTPConnection:
        if self.tls:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self.host, self.port, timeout=CONNECT_S, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=CONNECT_S)


@dataclass(slots=True)
class Passage:
    """One relayed request and its response. ``emit`` is called in the event loop for each frame, and finally with None."""

    request: HttpRequest
    armed: Armed
    emit: Callable[[Frame | None], None]
    backlog: Callable[[], int]
    keep_alive: bool
    status: int = 0
    gone: bool = False
    _connection: http.client.HTTPConnection | None = field(default=None)

    def cancel(self) -> None:
        """Called when the client disconnects: wake the thread that waits for the upstream, so that it closes that connection too."""
        self.gone = True
        connected = self._connection.sock if self._connection else None
        if connected is not None:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # the connection is already closed

    def frames(self, upstream: Upstream) -> Iterator[Frame]:
        """Yield all frames for the client; runs in the passage's thread."""
        reply = self.armed.deviate(self._reply(upstream))
        self.status = reply.status
        self.keep_alive = self.keep_alive and reply.framing is not BodyFraming.CLOSE
        yield from self.armed.wire(reply, self.keep_alive, self.request.method != "HEAD")

    def _reply(self, upstream: Upstream) -> Reply:
        request = self.request
        connection = self._connection = upstream.connect()
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP and name != HEADER}
        try:
            connection.connect()
            connection.sock.settimeout(IDLE_S)
            if self.gone:
                raise ConnectionAbortedError("the client is gone")
            connection.request(request.method, upstream.path + request.target, request.body or None, headers)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            return _bad_gateway(str(error), self.at())
        kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        empty = request.method == "HEAD" or answer.status in (204, 304) or answer.getheader("content-length") == "0"
        framing = BodyFraming.LENGTH if empty else BodyFraming.CHUNKED
        return Reply(answer.status, kept, self._body(answer, connection), framing, answer.reason, self.at())

    def at(self) -> int:
        """The current time on the clock of frames: ns after the request arrived."""
        return time.monotonic_ns() - self.request.arrived

    def _body(self, answer: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> Iterator[Frame]:
        """Yield the upstream's data as it arrives, split into events or collected into a whole body only if a deviation needs that."""
        document = any(self.armed.at(Layer.JSON)) and not (answer.getheader("content-type") or "").startswith(
            "text/event-stream"
        )
        events = any(self.armed.at(Layer.JSON)) or any(self.armed.at(Layer.SSE))
        rest = b""
        try:
            while data := answer.read1(READ):
                rest += data
                if document:
                    blank = rest[: len(rest) - len(rest.lstrip())]
                    whole, rest = ([blank] if blank else []), rest[len(blank) :]
                elif events:
                    whole, rest = _events(rest)
                else:
                    whole, rest = [rest], b""
                yield from (Frame(self.at(), piece) for piece in whole)
            broken = bool(answer.length)  # number of bytes missing from the announced length
        except (OSError, http.client.HTTPException, ValueError):
            broken = True
        finally:
            connection.close()
        if rest:
            yield Frame(self.at(), rest)
        if broken:  # the upstream broke off, so the relay also leaves the body incomplete
            yield Frame(self.at(), act=Act.CLOSE)


def _events(data: bytes) -> tuple[list[bytes], bytes]:
    """Complete events, each with its blank line, and the remaining bytes."""
    found: list[bytes] = []
    while True:
        ends = [at + len(blank) for blank in (b"\n\n", b"\r\n\r\n", b"\r\r") if (at := data.find(blank)) >= 0]
        if not ends:
            return found, data
        found.append(data[: min(ends)])
        data = data[min(ends) :]


def _bad_gateway(reason: str, at: int) -> Reply:
    response = refusals.Refused(502, f"upstream: {reason}", "bad_gateway", "bad_gateway").response()
    return Reply(502, response.headers, iter([Frame(at, response.body[0])]), BodyFraming.LENGTH, head_at=at)


class Relay:
    """Runs the relayed requests of a server in a thread pool."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.upstream = Upstream.of(url)
        self._loop = loop
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="relay")

    def start(self, passage: Passage) -> None:
        self._threads.submit(self._run, passage)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, passage: Passage) -> None:
        if passage.gone:  # the client left while all threads were busy
            return
        try:
            for frame in passage.frames(self.upstream):
                self._loop.call_soon_threadsafe(passage.emit, frame)
                while passage.backlog() > HIGH_WATER and not passage.gone:
                    time.sleep(0.005)
                if passage.gone:
                    break
        except Exception:  # the client must not wait any longer; the operator gets the traceback
            traceback.print_exc()
            passage.keep_alive = False
            self._loop.call_soon_threadsafe(passage.emit, Frame(passage.at(), act=Act.CLOSE))
        finally:
            self._loop.call_soon_threadsafe(passage.emit, None)
