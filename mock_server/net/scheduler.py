"""Writes bytes when they are due: one heap and one timer for all streams of the process.

Due times are absolute, so lateness never accumulates; an idle stream costs one heap entry and no task. A write goes
straight to the socket (the transport would defer and merge it) and is stamped when the system call has returned. Events of one
stream are never merged, however late they are: each is written alone.
"""

import asyncio
import heapq
import os
import socket
import struct
import time
import traceback
from array import array
from collections.abc import Callable
from enum import Enum

from echosounder.mock_server.net.timer import timer

CROWD = 512  # from this many streams on, one wake-up serves several of them:
SLACK = 100_000  # the timer waits at least this long after the last write, ns
UNSENT = 1 << 20  # unread bytes of a client at which its writes pause
BURST = 256  # writes per turn of the event loop, so that reading is never starved


class Act(Enum):
    """Actions on a connection other than writing."""

    CLOSE = "close"  # flush, then FIN
    RESET = "reset"  # RST; unsent bytes are lost
    HALF = "half-close"  # FIN, but keep reading
    HANG = "hang"  # send no more, but leave the socket open


class Stream:
    """Planned writes of one connection and their times; afterwards the actual times.

    ``due`` are absolute monotonic nanoseconds in ascending order, one per write; ``stamps`` grows as the writes
    happen. ``tokens`` is the number of output tokens in each write. ``transport`` is None once the client is gone, or
    the end was reported.
    """

    __slots__ = (
        "_direct",
        "_fd",
        "_gone",
        "_index",
        "_on_end",
        "blocked",
        "due",
        "ended",
        "left",
        "open",
        "paused",
        "queued",
        "stamps",
        "tokens",
        "transport",
        "writes",
    )

    def __init__(
        self,
        transport: asyncio.Transport,
        writes: list[bytes | Act],
        due: list[int],
        tokens: list[int],
        on_end: Callable[["Stream"], None],
    ) -> None:
        self.transport: asyncio.Transport | None = transport
        self.writes, self.due, self.tokens = writes, due, tokens
        self.stamps = array("q")
        self.blocked = False  # the client read too slowly, so stamps are no longer send times
        self.open = False  # more writes may be added
        self.paused = False  # the client reads too slowly; the stream is restarted when it reads again
        self.ended = False
        self.left: int | None = None  # when the client was first seen to hang up, monotonic ns
        self.queued = False  # has an entry in the scheduler's heap
        self._fd: int = transport.get_extra_info("socket").fileno()
        self._index = 0
        # Only this stream writes to the transport, so an empty buffer stays empty until the socket is full.
        self._direct = transport.get_write_buffer_size() == 0
        self._gone = False
        self._on_end = on_end

    def step(self) -> int | None:
        """Do the next write. Return the due time of the following one; None at the end, or if ``open`` or ``paused``
        and nothing more can be written now.
        """
        if self.transport is None:
            return None
        index = self._index
        self._index = following = index + 1
        data = self.writes[index]
        if not isinstance(data, bytes):
            self._act(self.transport, data)
        elif self._direct:
            try:
                sent = os.write(self._fd, data)
            except OSError as error:
                sent = self._refused(self.transport, error)
            if sent != len(data):
                self._buffer(self.transport, data[sent:])
        else:
            self._buffer(self.transport, data)
        self.stamps.append(time.monotonic_ns())
        if following < len(self.due):
            return None if self.paused else self.due[following]
        if not self.open:
            self.end()
        return None

    def end(self) -> None:
        """Report the end, once."""
        if not self.ended:
            self.ended = True
            on_end, self._on_end = (
                self._on_end,
                _nothing,
            )  # drop its references now: the garbage collector is off
            try:
                on_end(self)
            finally:
                self.transport = None

    def abort(self) -> None:
        """Stop writing and abort the connection."""
        self._index = len(self.due)
        self.open = False
        if self.transport is not None:
            self.transport.abort()

    def leave(self) -> None:
        """Record that the client has hung up or closed its sending side."""
        if self.left is None:
            self.left = time.monotonic_ns()

    @property
    def next_due(self) -> int | None:
        return self.due[self._index] if self._index < len(self.due) else None

    def add(self, data: bytes | Act, due: int, tokens: int = 0) -> None:
        """Add a write, while ``open``."""
        self.writes.append(data)
        self.tokens.append(tokens)
        self.due.append(max(due, self.due[-1]) if self.due else due)

    def close(self) -> None:
        """End the stream after the writes added so far."""
        self.open = False
        if self._index == len(self.due):
            self.end()

    def _refused(self, transport: asyncio.Transport, error: OSError) -> int:
        """Handle a failed write: the socket is full, or the client is gone. Returns 0, the number of bytes sent."""
        if not isinstance(error, (BlockingIOError, InterruptedError)):
            self._gone = True
            transport.abort()
        return 0

    def _buffer(self, transport: asyncio.Transport, data: bytes) -> None:
        """Hand data to the transport. Once its buffer is empty, writes go directly to the socket again."""
        if self._gone:
            return
        self.blocked = True
        transport.write(data)
        unsent = transport.get_write_buffer_size()
        self._direct, self.paused = unsent == 0, unsent > UNSENT

    def _act(self, transport: asyncio.Transport, act: Act) -> None:
        self._gone, self._direct = True, False  # nothing can be written after it
        if act is Act.CLOSE:
            transport.close()
        elif act is Act.RESET:
            reset(transport)
        elif act is Act.HALF and not transport.is_closing():
            transport.write_eof()
        elif act is Act.HANG:
            self.open = True  # until the client leaves


def _nothing(stream: Stream) -> None:
    """Replaces a callback that was already called."""


def reset(transport: asyncio.Transport) -> None:
    """Close with RST: lingering for zero seconds discards unsent data (RFC 9293, 3.10.4 calls it abort)."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


Entry = tuple[int, int, Stream]  # due time, unique number, stream


class Scheduler:
    """Runs every stream of the process."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._heap: list[Entry] = []
        self._sequence = 0
        self._armed = 0
        self._timer = timer(loop, self._fire)
        self.kind = self._timer.kind

    def start(self, stream: Stream) -> None:
        """Write data that is already due; the timer does the rest. Call this again after adding to a stream."""
        if stream.queued or stream.paused:
            return
        due = stream.next_due
        now = time.monotonic_ns()
        while due is not None and due <= now:
            due = self._step(stream)
        if due is not None:
            stream.queued = True
            self._sequence += 1
            heapq.heappush(self._heap, (due, self._sequence, stream))
            if not self._armed or due < self._armed:
                self._arm()

    def close(self) -> None:
        self._timer.close()

    def _step(self, stream: Stream) -> int | None:
        """Do the stream's next write. If that or the stream's end callback fails, only this stream ends."""
        try:
            return stream.step()
        except Exception:
            traceback.print_exc()
            stream.abort()
            return None

    def __len__(self) -> int:
        return len(self._heap)

    def _arm(self) -> None:
        self._armed = self._heap[0][0]
        self._timer.arm(self._armed)

    def _fire(self) -> None:
        heap = self._heap
        now = time.monotonic_ns()
        for _ in range(BURST):
            if not heap:
                break
            if heap[0][0] > now:
                now = time.monotonic_ns()  # read the clock again only if that can make a difference
                if heap[0][0] > now:
                    break
            entry = heap[0]
            stream = entry[2]
            following = self._step(stream)
            if following is not None:
                heapq.heapreplace(heap, (following, entry[1], stream))
            else:
                stream.queued = False
                self._remove(entry)
        if not heap:
            self._armed = 0
            self._timer.disarm()
        elif len(heap) < CROWD:
            self._arm()
        else:
            self._armed = max(heap[0][0], now + SLACK)
            self._timer.arm(self._armed)

    def _remove(self, entry: Entry) -> None:
        if self._heap[0] is entry:
            heapq.heappop(self._heap)
        else:  # the end of this stream started another one that is due earlier
            self._heap.remove(entry)
            heapq.heapify(self._heap)
