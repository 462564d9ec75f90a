"""One connection, which is read in the event loop's own callbacks.

It has a persistent watcher instead of a greenlet per stream, because a greenlet switch per read delays the stamps of
other Python clients. The callback reads once, takes the stamp and stores the bytes; they are parsed in batches, or
when the message may have ended.
"""

import errno
import socket
import ssl
import time
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from echosounder.load.client.call import ActiveCall
from echosounder.load.client.head import opened
from echosounder.load.client.stamps import ANCILLARY, Ancillary
from echosounder.load.client.tls import TlsChannel
from echosounder.load.sample import CLIENT_LIMIT
from echosounder.wire.exchange import End

if TYPE_CHECKING:
    from echosounder.load.client.client import Client

READ = 128 * 1024
QUIET = 100_000_000  # ns without a read after which stored reads are parsed
DONE_GRACE = 1_000_000_000  # ns after [DONE] within which the peer must end the message
_OURS = {
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EADDRNOTAVAIL,
}  # no descriptors, memory or ports left


@cache
def _socket_type() -> Any:
    """The system's socket type, which gevent's patch replaces by one that switches greenlets. gevent is only installed
    with the extra `load`.
    """
    from gevent.monkey import get_original

    return get_original("socket", "socket")


class Connection:
    """One socket. States: connecting → (handshake) → ready, with or without a call."""

    __slots__ = (
        "_client",
        "_closed",
        "_error",
        "_outgoing",
        "_proxy",
        "_queued",
        "_read",
        "_recvmsg",
        "_sock",
        "_tls",
        "_turns",
        "_write",
        "call",
        "ready",
        "request",
        "since",
    )

    def __init__(self, client: "Client") -> None:
        self._client = client
        self.call: ActiveCall | None = None
        self.request = b""
        self.ready = self._closed = self._queued = False
        self._error = ""
        self._outgoing = self._proxy = b""
        self.since = time.monotonic_ns()
        self._turns = client.turns
        endpoint = client.endpoint
        self._sock = _socket_type()(endpoint.family, socket.SOCK_STREAM)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.stamps.request(self._sock)
        self._recvmsg = self._sock.recvmsg
        self._tls = TlsChannel(endpoint.tls, endpoint.host, self._push) if endpoint.tls else None
        self._read = client.loop.io(self._sock.fileno(), 1)
        self._write = client.loop.io(self._sock.fileno(), 2)

    def start(self, call: ActiveCall, request: bytes) -> None:
        self.call, self.request = call, request
        if self.ready:
            call.reused = True
            self._turns.last(self._send)
            return
        code = self._sock.connect_ex(self._client.endpoint.address)
        if code in (0, errno.EINPROGRESS):
            self._write.start(self._connected)
        else:
            self._client.loop.run_callback(self._connect_failed, OSError(code, errno.errorcode.get(code, "?")))

    def finish(self, end: End, error: str = "") -> None:
        """End the call: parse the remaining data and pass the result on."""
        call, self.call = self.call, None
        if call is None:
            return
        found = call.digest(self._client.stamps) if call.reads else None
        call.end = found if found is End.COMPLETE else end
        call.error = call.error or error
        call.framing.release()
        # The answer ends with [DONE]; the wait for the end of the message is not part of it.
        if call.t_closed is None or not (call.end is End.COMPLETE or call.reader.done):
            call.t_closed = time.monotonic_ns()
        reusable = call.end is End.COMPLETE and call.framing.reusable and not self._closed
        self._client.released(self, call, reusable)

    def close(self) -> None:
        for watcher in (self._read, self._write):
            watcher.stop()
            watcher.close()
        self._sock.close()

    def sweep(self, now: int) -> None:
        """Handle what no read triggers: timeouts, and pending data of a quiet stream."""
        call = self.call
        if call is None:
            return
        if not self.ready:
            if now - self.since > (patience := self._client.endpoint.connect_timeout):
                self._connect_failed(TimeoutError(f"not there within {patience / 1e9:g} s"))
        elif call.t_sent is not None:
            quiet = now - max(call.t_last_read, call.t_sent)
            if call.reads and quiet > QUIET:
                self._digest_later()
            elif overdue := self._overdue(call, quiet, now - call.t_sent):
                self.finish(*overdue)

    def _overdue(self, call: ActiveCall, quiet: int, lasted: int) -> tuple[End, str] | None:
        endpoint = self._client.endpoint
        if call.reader.done and quiet > DONE_GRACE:
            return End.TRUNCATED, "the message did not end after [DONE]"
        if quiet > endpoint.idle_timeout:
            return End.IDLE_TIMEOUT, f"no byte for {endpoint.idle_timeout / 1e9:g} s"
        if lasted > endpoint.total_timeout:
            return End.TOTAL_TIMEOUT, f"not finished after {endpoint.total_timeout / 1e9:g} s"
        return None

    def _connected(self) -> None:
        self._write.stop()
        if code := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._connect_failed(OSError(code, errno.errorcode.get(code, "?")))
        elif (tunnel := self._client.endpoint.tunnel) is not None:
            self._read.start(self._tunnelled)
            self._push(tunnel)
        else:
            self._reached()

    def _tunnelled(self) -> None:
        """Read the forward proxy's answer to CONNECT until the tunnel is open."""
        try:
            received = self._sock.recv(READ)
            self._proxy += received
            if not opened(self._proxy):
                if not received:
                    raise ConnectionError("the forward proxy closed the connection")
                return
        except BlockingIOError:
            return
        except OSError as error:
            self._connect_failed(error)
            return
        self._read.stop()
        self._reached()

    def _reached(self) -> None:
        """Called when the connection to the target is established."""
        if self._tls is None:
            self._read.start(self._readable)
            self._established()
        else:
            self._read.start(self._handshake)
            self._shake(b"")

    def _handshake(self) -> None:
        try:
            received = self._sock.recv(READ)
        except BlockingIOError:
            return
        except OSError as error:
            self._connect_failed(error)
            return
        if received:
            self._turns.later(partial(self._shake, received))
        else:
            self._connect_failed(ConnectionError("closed during the TLS handshake"))

    def _shake(self, received: bytes) -> None:
        assert self._tls is not None
        try:
            established = self._tls.handshake(received)
        except ssl.SSLError as error:
            self._connect_failed(error)
            return
        if established:
            self._read.stop()
            self._read.start(self._readable)
            self._established()

    def _established(self) -> None:
        self.ready = True
        if self.call is not None:
            self.call.t_connected = time.monotonic_ns()
            self._turns.last(self._send)

    def _connect_failed(self, error: Exception) -> None:
        if self.call is not None:
            self.call.cause = cause(error)
        self.finish(End.CONNECT_FAILED, f"no connection: {error}")

    def _send(self) -> None:
        if self.call is None:  # given up since
            return
        self.call.t_sent = self.call.t_last_read = time.monotonic_ns()
        request, self.request = self.request, b""
        try:
            (self._push if self._tls is None else self._tls.encrypt)(request)
        except ssl.SSLError as error:
            self.finish(End.RESET, f"TLS: {error}")

    def _push(self, data: bytes) -> None:
        """Pass bytes to the kernel; bytes that it does not accept wait until it does. A broken connection is noticed on reading."""
        if self._outgoing:
            self._outgoing += data
            return
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return
        if sent < len(data):
            self._outgoing = data[sent:]
            self._write.start(self._writable)

    def _writable(self) -> None:
        self._write.stop()
        data, self._outgoing = self._outgoing, b""
        self._push(data)

    def _readable(self) -> None:
        try:
            data, ancillary, _, _ = self._recvmsg(READ, ANCILLARY)
        except BlockingIOError:
            return
        except OSError as error:
            self._over(str(error))
            return
        now = time.monotonic_ns()
        if not data:
            self._over("")
        elif self._tls is None:
            self._take(data, now, ancillary)
        else:
            self._decrypt(data, now, ancillary)

    def _decrypt(self, data: bytes, now: int, ancillary: Ancillary) -> None:
        assert self._tls is not None
        try:
            plain, closed = self._tls.decrypt(data)
        except ssl.SSLError as error:
            self._over(f"TLS: {error}")
            return
        if plain:
            self._take(plain, now, ancillary)
        if closed:
            self._over("")

    def _take(self, data: bytes, now: int, ancillary: Ancillary) -> None:
        if self.call is None:
            self._client.dropped(self)  # unsolicited bytes
        elif self.call.take(data, now, ancillary):
            self._digest_later()

    def _over(self, error: str) -> None:
        """Handle the end of the connection; stored data are parsed in their turn. *error* is the system's; None if the peer closed."""
        self._read.stop()
        self._closed, self._error = True, error
        if self.call is None:
            self._client.dropped(self)
        else:
            self._digest_later()

    def _digest_later(self) -> None:
        if not self._queued:
            self._queued = True
            self._turns.later(self._digest)

    def _digest(self) -> None:
        self._queued = False
        call = self.call
        if call is None:
            return
        end = call.digest(self._client.stamps)
        if end is not None:
            self.finish(end)
        elif self._error:
            self.finish(End.RESET, self._error)
        elif self._closed:
            end = call.eof()
            self.finish(end, "" if end is End.COMPLETE else "closed by the peer")


def cause(error: Exception) -> str:
    """The failure class if this machine caused the failed connection; empty if the target may have."""
    return CLIENT_LIMIT if isinstance(error, OSError) and error.errno in _OURS else ""
