"""The client: sends calls over a pool of keep-alive connections and reports the end of each."""

import fcntl
import os
import resource
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from echosounder.load.client.call import ActiveCall
from echosounder.load.client.connection import Connection, cause
from echosounder.load.client.stamps import Stamps
from echosounder.load.client.turns import Turns
from echosounder.wire.exchange import End

MOST_DESCRIPTORS = 65_536
LOOK = 200_000_000  # ns between two checks of every connection
AT_ONCE = 50  # connections checked per portion of work


def make_room() -> None:
    """Grow the kernel's table of descriptors in advance: in a process with threads each doubling blocks for 10 to 20 ms."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if soft == resource.RLIM_INFINITY else min(soft, MOST_DESCRIPTORS)
    with suppress(OSError):  # the table then grows later
        os.close(fcntl.fcntl(0, fcntl.F_DUPFD, most - 1))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect, and timeouts (ns). ``address`` is resolved; ``tls`` is None for plain HTTP. With ``tunnel``, the request that
    opens a tunnel, ``address`` is the forward proxy's.
    """

    family: int
    address: Any
    host: str
    tls: ssl.SSLContext | None = None
    tunnel: bytes | None = None
    connect_timeout: int = 10_000_000_000
    idle_timeout: int = 120_000_000_000
    total_timeout: int = 1_800_000_000_000


class Client:
    """Sends calls over a pool of connections; ``done``, to be set by the owner, is called with each when it has ended."""

    def __init__(self, endpoint: Endpoint, loop: Any, stamps: Stamps | None = None) -> None:
        self.endpoint, self.loop = endpoint, loop
        self.done: Callable[[ActiveCall], None]
        self.stamps, self.turns = stamps or Stamps(), Turns(loop)
        self.opened = self._look = 0
        self._idle: deque[Connection] = deque()
        self._busy: dict[Connection, None] = {}

    @property
    def in_flight(self) -> int:
        return len(self._busy)

    def send(self, call: ActiveCall, request: bytes) -> None:
        """Put *call* on a connection; never blocks, never raises: an error becomes the call's end."""
        try:
            connection = self._idle.pop() if self._idle else self._open()
        except OSError as error:  # no descriptor left, or unsupported address family
            call.end, call.error, call.t_closed = End.CONNECT_FAILED, f"no socket: {error}", time.monotonic_ns()
            call.cause = cause(error)
            self.loop.run_callback(self.done, call)
            return
        self._busy[connection] = None
        connection.start(call, request)

    def sweep(self, now: int) -> None:
        """Handle events that no read triggers: timeouts, and streams that have ended before their HTTP message has. Call it often."""
        self.stamps.refresh()
        if now < self._look:
            return
        self._look = now + LOOK
        busy = list(self._busy)
        for first in range(0, len(busy), AT_ONCE):
            self.turns.later(partial(_sweep, busy[first : first + AT_ONCE], now))

    def cancel(self, cause: str = "") -> list[ActiveCall]:
        """End all calls in flight as ``client-cancelled``, with the failure class *cause*; returns them."""
        connections = list(self._busy)
        calls = [connection.call for connection in connections]
        for connection in connections:
            if connection.call is not None:
                connection.call.cause = cause
            connection.finish(End.CLIENT_CANCELLED)
        return [call for call in calls if call is not None]

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _open(self) -> Connection:
        self.opened += 1
        return Connection(self)

    def released(self, connection: Connection, call: ActiveCall, reusable: bool) -> None:
        """A connection has finished its call; return it to the pool before the next call is sent."""
        self._busy.pop(connection, None)
        if reusable:
            self._idle.append(connection)
        else:
            connection.close()
        self.done(call)

    def dropped(self, connection: Connection) -> None:
        """An idle connection was closed by the peer, or received unexpected bytes."""
        if connection in self._idle:
            self._idle.remove(connection)
            connection.close()


def _sweep(connections: list[Connection], now: int) -> None:
    for connection in connections:
        connection.sweep(now)
