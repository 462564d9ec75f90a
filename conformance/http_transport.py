"""An httpx transport that stamps each socket read once and holds every exchange to a deadline.

httpx's own timeouts bound single operations: a peer that sends one byte a minute would keep us for ever.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore
import httpx

from echosounder.wire.access import DIRECT, Access

MAX_HEAD = 64 * 1024
MAX_BEFORE = 1024 * 1024
"""Bytes before the head of the answer is whole: interim answers and the head itself."""


class SocketStamps:
    """Socket-level stamps of the current exchange, ns on the monotonic clock. ``deadline`` applies to the whole exchange; ``first``
    holds the first bytes of the response.
    """

    def __init__(self) -> None:
        self.begin(0.0)

    def begin(self, seconds: float) -> None:
        self.deadline = time.monotonic() + seconds
        self.connected: int | None = None
        self.sent: int | None = None
        self.read: int | None = None
        self.first = b""
        self.before = 0
        self.begun = self.flooded = False

    def reached(self) -> None:
        """The target is connected: bytes that a forward proxy sent to open the tunnel are not part of the answer."""
        self.connected, self.sent, self.read, self.first = time.monotonic_ns(), None, None, b""

    def room(self, timeout: float | None) -> float:
        """Remaining seconds for an operation."""
        left = max(self.deadline - time.monotonic(), 0.001)
        return left if timeout is None else min(timeout, left)

    def count(self, size: int) -> None:
        """Raises :class:`httpcore.ReadError` if the response does not begin."""
        self.before += 0 if self.begun else size
        if self.before > MAX_BEFORE:
            self.flooded = True
            raise httpcore.ReadError(f"more than {MAX_BEFORE} bytes came, and no answer began")

    @property
    def foreign(self) -> bool:
        """The peer sent bytes that are not HTTP."""
        return bool(self.first) and not self.first.startswith(b"HTTP/"[: len(self.first)])

    @property
    def late(self) -> bool:
        return time.monotonic() >= self.deadline


class StampedStream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, stamps: SocketStamps) -> None:
        self._inner, self._stamps = inner, stamps

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, self._stamps.room(timeout))
        self._stamps.read = time.monotonic_ns()  # before anything is parsed
        self._stamps.first = self._stamps.first or data[:40]
        self._stamps.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._stamps.room(timeout))
        self._stamps.sent = time.monotonic_ns()

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._stamps.room(timeout))
        self._stamps.reached()
        return StampedStream(inner, self._stamps)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class StampedBackend(httpcore.NetworkBackend):
    def __init__(self, stamps: SocketStamps) -> None:
        self._inner, self._stamps = httpcore.SyncBackend(), stamps

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.connect_tcp(host, port, self._stamps.room(timeout), local_address, socket_options)
        self._stamps.connected = time.monotonic_ns()
        return StampedStream(inner, self._stamps)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class StampedTransport(httpx.HTTPTransport):
    """With ``kept`` 0 every exchange uses a new connection: surplus bytes of one response must not be read as the next."""

    def __init__(self, stamps: SocketStamps, kept: int, secure: ssl.SSLContext | None, access: Access = DIRECT) -> None:
        # httpx offers no way to hand a network backend to the pool it builds, and would read all certificates even for http.
        common: dict[str, Any] = {
            "ssl_context": secure,
            "max_keepalive_connections": kept,
            "network_backend": StampedBackend(stamps),
        }
        if access.proxy_address is None:
            self._pool = httpcore.ConnectionPool(**common)
        else:
            host, port = access.proxy_address
            place = httpcore.URL(scheme="http", host=host, port=port, target="/")
            self._pool = httpcore.HTTPProxy(place, proxy_auth=access.proxy_auth, **common)
