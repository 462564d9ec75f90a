"""The way of the tape to the process that reads it: never waited for, and bounded."""

from __future__ import annotations

import asyncio
import os

from echosounder.conformance.listen.tape import Happening, TapeFrame

FLUSH = 64 * 1024
FLUSH_S = 0.05
ROOM = 256 * 1024 * 1024
"""Bytes that the reader may be behind; what comes then is forwarded and not kept."""


class TapeWriter:
    """Writes frames to the pipe *fd*, buffered up to FLUSH bytes or FLUSH_S seconds. ``broken``: the reader is gone."""

    def __init__(self, fd: int, loop: asyncio.AbstractEventLoop, room: int = ROOM) -> None:
        os.set_blocking(fd, False)
        self._fd, self._loop, self._room = fd, loop, room
        self._buffer = bytearray()
        self._lost: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting = False
        self.broken = False

    def write(self, frame: TapeFrame) -> None:
        if self.broken or not self._takes(frame):
            return
        self._buffer += frame.encoded()
        if len(self._buffer) >= FLUSH:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(FLUSH_S, self.flush)

    def _takes(self, frame: TapeFrame) -> bool:
        """Is there room for it? A connection of which something is missing is given up as a whole."""
        if frame.connection in self._lost:
            if frame.kind is Happening.CLOSED:
                self._lost.discard(frame.connection)
            return frame.kind is Happening.CLOSED
        if len(self._buffer) > self._room and frame.kind is not Happening.CLOSED:
            self._lost.add(frame.connection)
            self._buffer += TapeFrame(Happening.LOST, frame.connection, frame.at).encoded()
            return False
        return True

    def flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            while self._buffer:
                del self._buffer[: os.write(self._fd, memoryview(self._buffer)[: 1 << 20].tobytes())]
        except BlockingIOError:
            self._wait(True)
            return
        except OSError:
            self.broken = True
            self._buffer.clear()
        self._wait(False)

    def _wait(self, full: bool) -> None:
        """Be told when the pipe takes more."""
        if full and not self._waiting:
            self._loop.add_writer(self._fd, self.flush)
        elif self._waiting and not full:
            self._loop.remove_writer(self._fd)
        self._waiting = full

    async def close(self, patience_s: float = 60.0) -> None:
        """Waits until all data is written, or the reader takes too long."""
        deadline = self._loop.time() + patience_s
        while self._buffer and not self.broken and self._loop.time() < deadline:
            self.flush()
            await asyncio.sleep(0.01)
        self._wait(False)
        os.close(self._fd)
