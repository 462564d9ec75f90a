"""Work that can wait, in portions: between two of them every socket that has something is read.

How it works. A stamp of ours is as late as its read, and what is done about a request's begin and end takes as long as ten reads. So
the callbacks of the event loop read, stamp and store, and put everything else here. The loop goes round like this:

    prepare (``_take``: a portion of the queue) → poll (which sockets are readable?) → their callbacks (read, stamp, store) → prepare …

1. ``later(work)`` queues work: to digest what a stream brought, to look for timeouts. It is done in order, and each piece is small.
2. ``_take`` does piece after piece until 0.1 ms (PORTION) have gone, and returns. The loop polls, and what arrived meanwhile is read
   before the next portion. So a read waits for one portion and one piece of work at most, however long the queue is.
3. ``last(work)`` is for requests to be sent: to wake an idle server costs more than to write to a busy one, so they gather and go out
   one after the other. They leave when the queue is empty, or after 1 ms (GATHER) while it is not: a busy client must not
   hold its own requests back.
4. While anything is queued an idle watcher keeps the loop from sleeping in its poll; with an empty queue both watchers stop, and the
   process sleeps until a socket wakes it.

An example. Ten streams end within one poll; to digest an end takes 40 µs, and each end makes its user send again::

    0.00 ms  ten callbacks read and stamp; ten digests are queued
    0.00     portion 1: digests 1, 2, 3 (120 µs: past 0.1 ms). Each asked ``last`` to send a request; the queue is not empty: they wait
    0.12     poll: stream 11 is readable; read and stamped now, not after the seven digests that are left
    0.13     portions 2 and 3: digests 4 to 9, a poll between them
    0.37     portion 4: digest 10 and that of stream 11; the queue is empty: all requests go out, one after the other

Without portions the stamp of stream 11 would be 0.28 ms late; without ``last`` every digest would have a system call between it and
the next.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

PORTION = 100_000  # ns; a read waits at most for this and one piece of work
GATHER = 1_000_000  # ns for which requests are gathered while the client is busy

Work = Callable[[], None]


class Turns:
    """A work queue in gevent's loop. ``later`` runs calls in order; ``last`` runs them at the end of the batch that added them."""

    def __init__(self, loop: Any, portion: int = PORTION) -> None:
        self._portion = portion
        self._queue: deque[Work] = deque()
        self._closing: list[Work] = []
        self._turn = loop.prepare()
        self._awake = loop.idle()  # the loop does not sleep while work is queued
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
