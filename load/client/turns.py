"""Work that can wait, in portions: between two of them every socket that has something is read.

A stamp is as late as its read, and what is done about a request's begin and end takes as long as ten reads. So the loop's
callbacks read, stamp and store; everything else comes here. Requests go out last in a portion, one after the other: to
wake an idle server costs more than to write to a busy one.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

PORTION = 100_000  # ns; no read waits longer for us than this and one piece of work
GATHER = 1_000_000  # ns; for so long requests wait for others while the client is busy

Work = Callable[[], None]


class Turns:
    """A queue of work in gevent's loop. ``later`` is done in order, ``last`` when the portion that asked for it ends."""

    def __init__(self, loop: Any, portion: int = PORTION) -> None:
        self._portion = portion
        self._queue: deque[Work] = deque()
        self._closing: list[Work] = []
        self._turn = loop.prepare()
        self._awake = loop.idle()  # the loop does not sleep while something is left to do
        self._active = False
        self._gather = 0

    def later(self, work: Work) -> None:
        self._queue.append(work)
        self._activate()

    def last(self, work: Work) -> None:
        if not self._closing:
            self._gather = time.monotonic_ns() + GATHER
        self._closing.append(work)
        self._activate()

    def _activate(self) -> None:
        if not self._active:
            self._active = True
            self._turn.start(self._take)
            self._awake.start(_nothing)

    def _take(self) -> None:
        until = time.monotonic_ns() + self._portion
        queue = self._queue
        while queue:
            queue.popleft()()
            if time.monotonic_ns() > until:
                break
        if self._closing and (not queue or until > self._gather):
            self._close()
        if not queue and not self._closing:
            self._active = False
            self._turn.stop()
            self._awake.stop()

    def _close(self) -> None:
        closing, self._closing = self._closing, []
        for work in closing:
            work()


def _nothing() -> None:
    pass
