"""Sends requests, and records an exchange in every case: no answer, a truncated answer, an endless one, no HTTP at all.

The only module here that opens sockets and reads a clock. Secrets are redacted before anything is kept.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from echosounder.conformance.ask import Send
from echosounder.conformance.http_transport import MAX_HEAD, SocketStamps, StampedTransport
from echosounder.conformance.meter import RunMeter
from echosounder.wire.access import usable_key
from echosounder.wire.capture import clean
from echosounder.wire.exchange import VALUE, End, Exchange, Headers, Read, Request
from echosounder.wire.target import Target
from echosounder.wire.trust import context

DOCUMENT = 10
"""A document may have so many times the lines of a stream: some are written with one line to a value."""
USER_AGENT = "echosounder"


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits on a hostile or dead target: seconds without a byte, seconds per exchange and per run, bytes of an answer on the wire and
    decompressed, bytes per run, and lines of a stream. Lines, because every event is examined by a hundred checks; an honest stream
    has two per token.

    ``refusal_s`` is the time without a byte for an invalid request, which should be refused immediately. ``settle_s`` is the time
    allowed for a cache to store a prompt; by default 0 on loopback, else three seconds.
    """

    connect_s: float = 10.0
    idle_s: float = 60.0
    refusal_s: float = 15.0
    total_s: float = 300.0
    run_s: float = 14_400.0
    body: int = 8 * 1024 * 1024
    run_body: int = 128 * 1024 * 1024
    lines: int = 10_000
    settle_s: float | None = None


@dataclass
class _Capture:
    """What has arrived of the exchange so far."""

    status: int | None = None
    reason: str = ""
    http_version: str = ""
    headers: Headers = ()
    reads: list[Read] = field(default_factory=list)
    end: End = End.COMPLETE
    error: str = ""
    t_headers: int | None = None


class HttpSender:
    """Sends to one target with one key. Use as a context manager.

    ``send`` never raises because of the target's behavior, except :class:`BudgetSpent` if the run exceeds its limit of time or bytes;
    KeyboardInterrupt propagates.
    """

    def __init__(
        self, target: Target, api_key: str | None = None, bounds: Bounds = Bounds(), meter: RunMeter | None = None
    ) -> None:
        self.target, self.bounds = target, bounds
        self._meter = meter or RunMeter(bounds.run_s, bounds.run_body)
        self._key = usable_key(api_key, "the API key") or ""
        self._redact = target.redactor(api_key)
        self._stamps = SocketStamps()
        self._settle_s = bounds.settle_s if bounds.settle_s is not None else 0.0 if target.loopback else 3.0
        secure = context(target.access) if target.secure else None
        self._client, self._kept = (
            _client(StampedTransport(self._stamps, kept, secure, target.access)) for kept in (0, 1)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()
        self._kept.close()

    def twin(self) -> HttpSender:
        """A second sender to the same target, since one sender handles one request at a time."""
        return HttpSender(self.target, self._key or None, self.bounds)

    def send(self, send: Send, id: str, probe: str) -> Exchange:
        request = self._request(send)
        capture = _Capture()
        seconds, self._room = min(self.bounds.total_s, self._meter.time()), min(self.bounds.body, self._meter.room())
        if send.after_a_while:
            time.sleep(self._settle_s)
        self._stamps.begin(seconds)
        try:
            self._exchange(request, send, capture)
        except httpx.HTTPError as error:
            capture.end, capture.error = self._classify(error), self._words(error)
        return self._record(send, request, capture, id, probe)

    def _request(self, send: Send) -> httpx.Request:
        access = self.target.access
        headers = [("user-agent", USER_AGENT), ("accept", "*/*"), ("accept-encoding", "identity")]
        headers += [*access.headers, *send.headers]
        if header := access.authorization(send.authorization, self._key, send.key_header):
            headers.append((header[0].lower(), header[1]))
        named = {name.lower(): (name, value) for name, value in headers}  # the probe's own headers come last and win
        content: Any = _halves(send.body) if send.chunked else send.body
        idle = min(self.bounds.idle_s, self.bounds.refusal_s) if "fault" in send.notes else self.bounds.idle_s
        timeout = httpx.Timeout(idle, connect=self.bounds.connect_s)
        encoded = [(name.encode("ascii"), value.encode("latin-1")) for name, value in named.values()]
        return self._client.build_request(
            send.method, self.target.address(send.path), headers=encoded, content=content or None, timeout=timeout
        )

    def _exchange(self, request: httpx.Request, send: Send, capture: _Capture) -> None:
        client = self._kept if send.keep_alive else self._client
        client.cookies.clear()
        response = client.send(request, stream=True)
        try:
            self._head(response, capture)
            self._body(response, send, capture)
        finally:
            response.close()

    def _head(self, response: httpx.Response, capture: _Capture) -> None:
        capture.t_headers, self._stamps.begun = self._stamps.read, True
        capture.status, capture.reason = response.status_code, response.reason_phrase
        capture.http_version = response.http_version
        raw = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw]
        capture.headers = tuple(raw)
        if sum(len(name) + len(value) for name, value in raw) > MAX_HEAD:
            capture.headers = ()

    def _body(self, response: httpx.Response, send: Send, capture: _Capture) -> None:
        gauge = _Gauge(response.headers, self._room, self.bounds)
        for data in response.iter_raw():
            if passed := gauge.passed(data):
                capture.end, capture.error = End.TOO_LARGE, f"stopped reading after {passed}"
                return
            self._keep(capture.reads, data)
            if send.cancel_after is not None and len(capture.reads) >= send.cancel_after:
                capture.end = End.CLIENT_CANCELLED
                return

    def _keep(self, reads: list[Read], data: bytes) -> None:
        """One record per socket read: transfer chunks that came in one read are put together again."""
        stamp = self._stamps.read or time.monotonic_ns()
        if reads and reads[-1].at == stamp:
            reads[-1] = Read(stamp, reads[-1].data + data)
        else:
            reads.append(Read(stamp, data))

    def _words(self, error: httpx.HTTPError) -> str:
        if isinstance(error, httpx.ProxyError):
            return f"the forward proxy answered CONNECT with {error}"
        said = f", its first bytes are {self._stamps.first!r}" if self._stamps.foreign else ""
        return f"{error or type(error).__name__}{said}"

    def _classify(self, error: httpx.HTTPError) -> End:
        match error:
            case _ if self._stamps.foreign:
                return End.PROTOCOL_ERROR
            case _ if self._stamps.flooded:
                return End.TOO_LARGE
            case httpx.TimeoutException() if self._stamps.connected is not None:
                return End.TOTAL_TIMEOUT if self._stamps.late else End.IDLE_TIMEOUT
            case httpx.ConnectError() | httpx.ProxyError() | httpx.ConnectTimeout() | httpx.UnsupportedProtocol():
                return End.CONNECT_FAILED
            case httpx.RemoteProtocolError() if any(words in str(error) for words in ("peer closed", "disconnected")):
                return End.TRUNCATED
            case httpx.RemoteProtocolError() | httpx.LocalProtocolError():
                return End.PROTOCOL_ERROR
            case _:
                return End.RESET

    def _record(self, send: Send, request: httpx.Request, capture: _Capture, id: str, probe: str) -> Exchange:
        closed = time.monotonic_ns()
        sent = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        made = Exchange(
            id=id,
            probe=probe,
            step=send.step,
            request=Request(
                send.method,
                send.path,
                self.target.shown_address(send.path),
                self._redact.headers(sent),
                self._redact.data(send.body),
            ),
            status=capture.status,
            reason=capture.reason,
            http_version=capture.http_version,
            headers=capture.headers,
            reads=tuple(capture.reads),
            end=capture.end,
            error=capture.error,
            t_sent=self._stamps.sent,
            t_connected=self._stamps.connected,
            t_headers=capture.t_headers,
            t_closed=closed,
            notes=dict(send.notes),
        )
        kept = clean(made, self._redact)
        self._meter.took(len(kept.body) + VALUE * kept.weight)
        return kept


def _client(transport: httpx.BaseTransport) -> httpx.Client:
    return httpx.Client(transport=transport, trust_env=False, follow_redirects=False)


def _halves(body: bytes) -> Iterator[bytes]:
    middle = len(body) // 2
    yield from (body[:middle], body[middle:])


class _Gauge:
    """Counts bytes as received and as decompressed, and lines of a stream; a gzip bomb is stopped before it is inflated whole."""

    def __init__(self, headers: httpx.Headers, size: int, bounds: Bounds) -> None:
        streamed = "event-stream" in headers.get("content-type", "").lower()
        self._size = self._left = self._room = size
        self._most = self._lines = bounds.lines * (1 if streamed else DOCUMENT)
        packed = headers.get("content-encoding", "").strip().lower() in {"gzip", "x-gzip", "deflate"}
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32) if packed else None

    def passed(self, data: bytes) -> str:
        """A sentence on the limit that *data* exceeds; empty if none is exceeded."""
        self._left -= len(data)
        if self._inflater is not None:
            data = self._inflated(data)
            self._room -= len(data)
        if self._left < 0 or self._room < 0:
            return f"{self._size} bytes"
        self._lines -= data.count(b"\n") + data.count(b"\r")
        return f"{self._most} lines" if self._lines < 0 else ""

    def _inflated(self, data: bytes) -> bytes:
        assert self._inflater is not None
        try:
            return self._inflater.decompress(data, self._room + 1)
        except zlib.error:
            self._inflater = None
            return b""
