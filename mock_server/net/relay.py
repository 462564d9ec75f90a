"""The proxy position: a request is forwarded to an upstream, its response comes back through the deviations. Nothing is held
back.

A relayed response is read in a thread of its own, for the same generators that deviate from a finished answer run over
one that is still coming, and those wait for their next frame. What they yield is handed to the event loop at once.
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

# RFC 9110, 7.6.1, and what the relay decides itself.
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
CONNECT_S = 10  # until an upstream must have accepted; a thread cannot be woken before that
IDLE_S = 600
HIGH_WATER = 1 << 19  # bytes that a slow client may be behind before reading from upstream pauses


@dataclass(frozen=True, slots=True)
class Upstream:
    """Destination of forwarded requests. ``path`` is put in front of their paths."""

    tls: bool
    host: str
    port: int | None
    path: str

    @classmethod
    def of(cls, url: str) -> "Upstream":
        """The upstream at a URL. Raises :class:`UsageError`."""
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
    """One request on its way to the upstream and back. ``emit`` is called in the event loop for each frame, and finally with None."""

    request: HttpRequest
    armed: Armed
    emit: Callable[[Frame | None], None]
    backlog: Callable[[], int]
    keep_alive: bool
    status: int = 0
    gone: bool = False
    _connection: http.client.HTTPConnection | None = field(default=None)

    def cancel(self) -> None:
        """The client disconnected: wake the thread that waits for the upstream, which then closes its connection too."""
        self.gone = True
        connected = self._connection.sock if self._connection else None
        if connected is not None:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is closed already

    def frames(self, upstream: Upstream) -> Iterator[Frame]:
        """All frames for the client; runs in the thread."""
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
        """The current time on the clock of frames."""
        return time.monotonic_ns() - self.request.arrived

    def _body(self, answer: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> Iterator[Frame]:
        """Reads as they come, cut into events or gathered to a document only where a deviation needs that."""
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
            broken = bool(answer.length)  # of the length that was announced, so much is missing
        except (OSError, http.client.HTTPException, ValueError):
            broken = True
        finally:
            connection.close()
        if rest:
            yield Frame(self.at(), rest)
        if broken:  # the upstream broke off: so does the relay, and the body stays without its end
            yield Frame(self.at(), act=Act.CLOSE)


def _events(data: bytes) -> tuple[list[bytes], bytes]:
    """Complete events, each with its blank line, and what is left."""
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
    """All passages of a server."""

    def __init__(self, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.upstream = Upstream.of(url)
        self._loop = loop
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="relay")

    def start(self, passage: Passage) -> None:
        self._threads.submit(self._run, passage)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self, passage: Passage) -> None:
        if passage.gone:  # while all threads were busy
            return
        try:
            for frame in passage.frames(self.upstream):
                self._loop.call_soon_threadsafe(passage.emit, frame)
                while passage.backlog() > HIGH_WATER and not passage.gone:
                    time.sleep(0.005)
                if passage.gone:
                    break
        except Exception:  # the client must not wait for the rest, the operator gets the reason
            traceback.print_exc()
            passage.keep_alive = False
            self._loop.call_soon_threadsafe(passage.emit, Frame(passage.at(), act=Act.CLOSE))
        finally:
            self._loop.call_soon_threadsafe(passage.emit, None)
