"""One worker's run: when to send what, and what to do with what came back. Runs inside gevent's loop, in its callbacks."""

import os
import platform
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from load.alarm import Alarm
from load.breaker import Breaker, Trip
from load.budget import Budget
from load.call import Call, Job, exchange, sample
from load.client import Client, make_room
from load.head import Head
from load.options import Options
from load.recorder import Recorder
from load.rehearsal import rehearse
from load.sample import MEASURED, NOT_FINISHED, WARMUP, Sample
from load.shape import Shape
from load.vitals import Vitals

SECOND = 1_000_000_000
SWEEP = 0.05  # s
REFUSED_PAUSE = SECOND // 2  # a user whose request failed does not hammer


class Session:
    """Sends jobs on a schedule (``due``), by a number of users (``users``), or both, until the time is up; then drains.

    ``due`` yields ``(index, offset in ns)``; ``users`` is this worker's share of the level. ``ended`` is called once.
    """

    def __init__(
        self,
        options: Options,
        worker: int,
        *,
        jobs: Callable[[int], Job],
        head: Head,
        due: Iterator[tuple[int, int]] | None,
        users: Shape | None,
        client: Client,
        recorder: Recorder,
        budget: Budget,
        breaker: Breaker,
        loop: Any,
        observe: Callable[[Sample], None],
        ended: Callable[[], None],
    ) -> None:
        self.worker, self._options, self._workers = worker, options, options.workers
        self._jobs, self._head, self._due, self._users = jobs, head, due, users
        self._client, self._recorder, self._budget, self._breaker = client, recorder, budget, breaker
        self._observe, self._ended = observe, ended
        self._alarm = Alarm(loop, self._ring, time.monotonic_ns)
        self._sweeper = loop.timer(SWEEP, SWEEP)
        self._vitals = Vitals(client.stamps)
        self._next: tuple[int, int] | None = None
        self._waiting: deque[tuple[int, int]] = deque()  # due while every user was busy
        self._resting: deque[int] = deque()  # users whose request failed, by the time at which they go on
        self._busy = self._index = self._scheduled = self._skipped = self._kept = self._completed = self._failed = 0
        self._begin = self._flushed = self._stop_at = self._drained = 0
        self._room = 0.0 if users else float("inf")
        self._over = self._tripped = self._filling = False
        self._cause = NOT_FINISHED if options.drain else ""  # without patience nobody can tell slow from hung
        client.done = self.finished
        recorder.failed = self._disk_failed

    def start(self, at: int) -> None:
        """Begin at *at*, ns on the monotonic clock."""
        self._begin = self._flushed = at
        self._stop_at = at + round(self._options.seconds * SECOND)
        self._drained = self._stop_at + round(self._options.drain * SECOND)
        wall = time.time_ns() - time.monotonic_ns()
        facts = {"pid": os.getpid(), "host": platform.node(), "begin": at, "wall_offset": wall}
        self._recorder.note("worker", {"worker": self.worker, **facts})
        make_room()
        rehearse(self._jobs, self._head.request)
        self._sweeper.start(self._sweep, update=True)
        if self._due is not None:
            self._next = next(self._due, None)
            if self._next is not None:
                self._alarm.set(at + self._next[1])

    @property
    def broken(self) -> bool:
        """Could the samples not be written?"""
        return bool(self._recorder.broken)

    def stop(self, drain: float = 0.0) -> None:
        """Send nothing more; wait *drain* seconds for what is in flight. Without any it is given up, and no failure."""
        now = time.monotonic_ns()
        self._stop_at = min(self._stop_at, now)
        self._drained = min(self._drained, now + round(drain * SECOND))
        if not drain:
            self._cause = ""

    def finished(self, call: Call) -> None:
        """A call has ended."""
        record = sample(call)
        self._budget.settle(call.job, record.usage, call.framing.status is not None and call.framing.status >= 400)
        self._recorder.sample(record)
        if call.keep:
            self._recorder.exchange(exchange(call, *self._head.shown(call.job)))
        self._busy -= 1
        self._completed += not record.failure
        self._failed += bool(record.failure)
        self._observe(record)
        if not self._tripped and (trip := self._breaker.observe(record)):
            self.trip(trip)
        now = time.monotonic_ns()
        if record.failure and self._users is not None:
            self._resting.append(now + REFUSED_PAUSE)
        self._fill()

    def trip(self, trip: Trip) -> None:
        """Stop for a reason; what is in flight is given up."""
        self._tripped = True
        self._recorder.note("stopped", {"worker": self.worker, "why": trip.kind, "reason": trip.reason})
        self.stop()

    def _ring(self) -> None:
        """The alarm: everything that is due now goes out, or waits for a free user."""
        now = time.monotonic_ns()
        while self._next is not None and self._due is not None:
            index, offset = self._next
            if self._begin + offset > now:
                self._alarm.set(self._begin + offset)
                break
            if self._begin + offset < self._stop_at:
                self._scheduled += 1
                self._waiting.append((index, self._begin + offset))
            self._next = next(self._due, None)
        self._fill()

    def _fill(self) -> None:
        """See to it that users who are free get work."""
        if not self._filling:
            self._filling = True
            self._client.turns.later(self._give)

    def _give(self) -> None:
        """One request to a free user, and so on in the next turn."""
        self._filling = False
        now = time.monotonic_ns()
        while self._resting and self._resting[0] <= now:
            self._resting.popleft()
        if now < self._stop_at and self._busy + len(self._resting) < self._room and self._give_one(now):
            self._fill()

    def _give_one(self, now: int) -> bool:
        if self._due is None:
            index, self._index = self._index * self._workers + self.worker, self._index + 1
            self._scheduled += 1
            return self._dispatch(index, now, queued=False)
        if not self._waiting:
            return False
        index, due = self._waiting.popleft()
        return self._dispatch(index, due, queued=self._users is not None and now - due > 50_000_000)

    def _level(self, now: int) -> float:
        """How many requests may be in flight. Users start spread over a second: a burst of first requests measures itself."""
        if self._users is None:
            return float("inf")
        seconds = (now - self._begin) / SECOND
        level = self._users.level(seconds) * min(1.0, seconds / min(1.0, self._options.seconds / 10))
        return (int(level) + self._workers - 1 - self.worker) // self._workers

    def _dispatch(self, index: int, due: int, queued: bool) -> bool:
        job = self._jobs(index)
        if not self._budget.debit(job):
            self._skipped += 1
            self._recorder.note("stopped", {"worker": self.worker, "why": "budget", "reason": "the budget is spent"})
            self.stop(self._options.drain)
            return False
        phase = WARMUP if due < self._begin + self._options.warmup * SECOND else MEASURED
        call = Call(f"{self.worker}-{index}", job, due, time.monotonic_ns(), phase, queued, self._keeps(index))
        self._busy += 1
        self._client.send(call, self._head.request(job))
        return True

    def _keeps(self, index: int) -> bool:
        """Is this one of the exchanges that are kept whole, for the checks?"""
        keep = self._kept < self._options.sample_limit and index // self._workers % self._options.sample_every == 0
        self._kept += keep
        return keep

    def _disk_failed(self, reason: str) -> None:
        print(f"echosounder: {reason}", file=sys.stderr, flush=True)
        self.stop()

    def _sweep(self) -> None:
        now = time.monotonic_ns()
        self._vitals.beat(now)
        self._client.sweep(now)
        self._room = self._level(now)
        self._fill()
        if now - self._flushed >= self._options.flush * SECOND:
            self._flushed = now
            self._tick(now)
        if self._nothing_left(now):
            self._finish(now)

    def _nothing_left(self, now: int) -> bool:
        if self._due is not None and self._next is None and not self._waiting:
            return self._busy == 0 or now >= self._drained
        return now >= self._stop_at and (self._busy == 0 or now >= self._drained)

    def _tick(self, now: int) -> None:
        counts = {
            "scheduled": self._scheduled,
            "skipped": self._skipped,
            "unsent": len(self._waiting),
            "in_flight": self._busy,
            "completed": self._completed,
            "failed": self._failed,
        }
        self._recorder.note(
            "tick", {"worker": self.worker, "at": now, **counts, **self._vitals.take(), "opened": self._client.opened}
        )
        self._recorder.flush()

    def _finish(self, now: int) -> None:
        if self._over:
            return
        self._over = True
        self._alarm.stop()
        self._sweeper.stop()
        self._client.cancel(self._cause)
        self._client.close()
        self._tick(now)
        self._recorder.note("end", {"worker": self.worker, "at": now, "stopped_sending": min(self._stop_at, now)})
        self._recorder.close()
        self._ended()
