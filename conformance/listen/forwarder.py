"""The reverse proxy: one upstream connection for each client connection, with all bytes passed on unchanged.

Only what the kernel has room for is taken from either side. What is written down is a copy, and if there is no room for it the
traffic goes on all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from echosounder.conformance.listen.delay import Delays, WakingSelector
from echosounder.conformance.listen.heads import Heads
from echosounder.conformance.listen.tape import MAX_DATA, Happening, TapeFrame
from echosounder.wire.target import Target
from echosounder.wire.trust import context

CONNECT_S = 30.0
BACKLOG = 4096
QUIET_NS = 300_000_000
_ENDS = (Happening.CLIENT_END, Happening.UPSTREAM_END)
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER, no time: the kernel resets the connection instead of ending it


@dataclass(frozen=True)
class Onward:
    """Destination of forwarded requests. ``name``: value of their Host header; None keeps that of the client."""

    host: str
    port: int
    base: str = ""
    secure: ssl.SSLContext | None = field(default=None, repr=False)
    name: str | None = None

    @classmethod
    def of(cls, target: Target, keep_host: bool = False) -> Onward:
        url = urlsplit(target.url)
        secure = context(target.access) if url.scheme == "https" else None
        if secure is not None:
            secure.set_alpn_protocols(["http/1.1"])
        port = url.port or (443 if secure else 80)
        return cls(url.hostname or "", port, url.path.rstrip("/"), secure, None if keep_host else url.netloc)


Write = Callable[[TapeFrame], None]


class Forwarder:
    """All connections. ``write`` gets the frames of the tape; ``on_open`` gets the number of open connections."""

    def __init__(self, upstream: Onward, write: Write, selector: WakingSelector) -> None:
        self.upstream, self.write, self.selector = upstream, write, selector
        self.delays = Delays()
        self.passages: set[Link] = set()
        self.opened = self.unreached = 0

    def client(self) -> ClientSide:
        """A protocol for a connection that was accepted."""
        self.opened += 1
        return ClientSide(Link(self, self.opened))

    def stop(self) -> None:
        """Ends open connections, and records that the forwarder closed them."""
        for passage in list(self.passages):
            passage.note(Happening.STOPPED, time.monotonic_ns())
            passage.abort()


class Link:
    """One client's connection and ours for it."""

    def __init__(self, relay: Forwarder, number: int) -> None:
        self.relay, self.number = relay, number
        self._asked, self._passed = False, 0
        self._ended: set[Happening] = set()
        self.client: asyncio.Transport | None = None
        self.server: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        upstream = relay.upstream
        changing = upstream.name is not None or upstream.base
        self._heads = Heads((upstream.name or "").encode(), upstream.base.encode()) if changing else None

    @property
    def busy(self) -> bool:
        """Whether the client is waiting for a response, or data was just transferred."""
        return self._asked or time.monotonic_ns() - self._passed < QUIET_NS

    def note(self, kind: Happening, at: int, data: bytes = b"", delay: int = -1) -> None:
        for start in range(0, len(data) or 1, MAX_DATA):
            self.relay.write(TapeFrame(kind, self.number, at, delay, data[start : start + MAX_DATA]))

    def begin(self, client: asyncio.Transport) -> None:
        self.client = client
        # The kernel keeps what the client says until there is a way on. Not at once: up to CPython 3.11.3 a transport begins to read after
        # `connection_made`, whatever was said there.
        asyncio.get_running_loop().call_soon(client.pause_reading)
        self.relay.passages.add(self)
        self.note(Happening.OPENED, time.monotonic_ns())
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        upstream = self.relay.upstream
        name = upstream.host if upstream.secure else None
        try:
            async with asyncio.timeout(CONNECT_S):
                made = asyncio.get_running_loop().create_connection(
                    lambda: ServerSide(self), upstream.host, upstream.port, ssl=upstream.secure, server_hostname=name
                )
                transport, _ = await made
        except (OSError, TimeoutError) as error:
            self.relay.unreached += 1
            said = str(error) or f"no connection within {CONNECT_S:.0f} s"
            self.note(Happening.UNREACHED, time.monotonic_ns(), said.encode())
            _reset(self.client)
            return
        if self.client is None:  # it left meanwhile
            transport.abort()
            return
        self.note(Happening.CONNECTED, time.monotonic_ns())
        self.client.resume_reading()

    def forward(self, kind: Happening, data: bytes, to: asyncio.Transport | None) -> None:
        """Forward *data*, then record it. Delay is not measured while the other side does not read."""
        at, ready = time.monotonic_ns(), self.relay.selector.since
        self._asked, self._passed = kind is Happening.REQUEST, at
        on = self._heads.passed(data) if kind is Happening.REQUEST and self._heads is not None else data
        if to is not None and on:
            to.write(on)
        free = to is not None and bool(on) and to.get_write_buffer_size() == 0
        delay = time.monotonic_ns() - min(ready, at) if free else -1
        if free:
            self.relay.delays.add(delay)
        self.note(kind, at, data, delay)

    def ended(self, kind: Happening, to: asyncio.Transport | None) -> None:
        """One side has ended its transmission: the other side is notified; when both have, the connection is closed."""
        self.note(kind, time.monotonic_ns())
        self._ended.add(kind)
        if len(self._ended) == len(_ENDS):
            self._close()
        elif to is not None and not to.is_closing():
            if to.can_write_eof():
                to.write_eof()
            else:
                self._close_when_quiet()

    def _close(self) -> None:
        for transport in (self.client, self.server):
            if transport is not None:
                transport.close()

    def _close_when_quiet(self) -> None:
        """TLS knows no half of a connection: the client has left, or waits for the rest."""
        if self.busy and self.client is not None:
            asyncio.get_running_loop().call_later(QUIET_NS / 1e9, self._close_when_quiet)
        else:
            self._close()

    def lost(self, kind: Happening, error: Exception | None, to: asyncio.Transport | None) -> None:
        """One side was lost: the other is closed in the same way."""
        if error is not None:
            self.note(kind, time.monotonic_ns(), str(error).encode())
            _reset(to)
        elif to is not None:
            to.close()
        if self.client is None and self.server is None and self in self.relay.passages:
            self.relay.passages.discard(self)
            self.note(Happening.CLOSED, time.monotonic_ns())

    def abort(self) -> None:
        for transport in (self.client, self.server):
            if transport is not None:
                transport.abort()


def _reset(transport: asyncio.Transport | None) -> None:
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.close() if transport.get_write_buffer_size() else transport.abort()


class ClientSide(asyncio.Protocol):
    def __init__(self, passage: Link) -> None:
        self._passage = passage

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._passage.begin(transport)

    def data_received(self, data: bytes) -> None:
        self._passage.forward(Happening.REQUEST, data, self._passage.server)

    def eof_received(self) -> bool:
        self._passage.ended(Happening.CLIENT_END, self._passage.server)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._passage.client = None
        self._passage.lost(Happening.CLIENT_RESET, exc, self._passage.server)

    def pause_writing(self) -> None:
        if self._passage.server is not None:
            self._passage.server.pause_reading()

    def resume_writing(self) -> None:
        if self._passage.server is not None:
            self._passage.server.resume_reading()


class ServerSide(asyncio.Protocol):
    """Our connection to the upstream."""

    def __init__(self, passage: Link) -> None:
        self._passage = passage

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._passage.server = transport

    def data_received(self, data: bytes) -> None:
        self._passage.forward(Happening.RESPONSE, data, self._passage.client)

    def eof_received(self) -> bool:
        self._passage.ended(Happening.UPSTREAM_END, self._passage.client)
        return self._passage.relay.upstream.secure is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._passage.server = None
        self._passage.lost(Happening.UPSTREAM_RESET, exc, self._passage.client)

    def pause_writing(self) -> None:
        if self._passage.client is not None:
            self._passage.client.pause_reading()

    def resume_writing(self) -> None:
        if self._passage.client is not None:
            self._passage.client.resume_reading()
