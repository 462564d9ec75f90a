"""Assigns requests to users: they are due on a schedule, or whenever a user is free. Uses no clock, socket or loop."""

from collections import Counter, deque
from collections.abc import Iterator

from echosounder.load.worker.shape import LoadShape

SECOND = 1_000_000_000
PAUSE = SECOND // 2  # ns for which a user pauses after a failure

Turn = tuple[int, int, bool]  # index, when it was due (ns), and whether it then had to wait for a user


class Dispatcher:
    """One worker's share of the schedule (``due``, of ``(index, offset in ns)``), of the users (a level over time), or of both.

    With both, a request that is due while no user is free waits and is marked: the target caused the delay, not the client. With users
    alone, they start within *spread* seconds: the time to first token of a simultaneous start would reflect the burst.
    """

    def __init__(
        self,
        worker: int,
        workers: int,
        due: Iterator[tuple[int, int]] | None,
        users: LoadShape | None,
        spread: float = 0.0,
    ) -> None:
        self._worker, self._workers, self._due, self._users = worker, workers, due, users
        self._spread = spread if due is None else 0.0
        self._next: tuple[int, int] | None = None
        self._waiting: deque[Turn] = deque()
        self._resting: deque[int] = deque()  # users whose request failed, by the time at which they continue
        self._index, self._begin, self._room, self._held = worker, 0, float("inf"), 0
        self.scheduled = self.busy = 0

    def begin(self, at: int) -> int | None:
        """Start at *at* (ns); returns when the first request is due, None without a schedule."""
        self._begin = at
        self.adjust(at)
        self._next = next(self._due, None) if self._due is not None else None
        return None if self._next is None else at + self._next[1]

    def adjust(self, now: int) -> None:
        """Adjust the number of users to the current level."""
        if self._users is not None:
            seconds = max(now - self._begin, 0) / SECOND
            level = self._users.level(seconds) * (min(1.0, seconds / self._spread) if self._spread else 1.0)
            self._room = (int(level) + self._workers - 1 - self._worker) // self._workers

    def fall_due(self, now: int, until: int) -> int | None:
        """Queue the requests that are due now, except those due at *until* or later; returns when the next one is due."""
        while self._next is not None and self._due is not None:
            index, due = self._next[0], self._begin + self._next[1]
            if due > now:
                return due
            if due < until:
                self.scheduled += 1
                self._waiting.append((index, due, self.busy + len(self._resting) + len(self._waiting) >= self._room))
            self._next = next(self._due, None)
        return None

    @property
    def ready(self) -> bool:
        """Whether a user is free and a request is due."""
        return self.busy + len(self._resting) < self._room and (self._due is None or bool(self._waiting))

    def hold(self, until: int) -> None:
        """No user sends a request before *until* (ns). Without users this has no effect."""
        if self._users is not None:
            self._held = max(self._held, until)

    def take(self, now: int) -> Turn | None:
        """Next request for a free user, who is then busy until :meth:`release`."""
        if now < self._held:
            return None
        while self._resting and self._resting[0] <= now:
            self._resting.popleft()
        if not self.ready:
            return None
        self.busy += 1
        if self._due is not None:
            return self._waiting.popleft()
        index, self._index = self._index, self._index + self._workers
        self.scheduled += 1
        return index, now, False

    def release(self, now: int, failed: bool) -> None:
        """A user becomes free, after a pause if the request failed."""
        self.busy -= 1
        if failed and self._users is not None:
            self._resting.append(now + PAUSE)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def waited(self, since: int, until: int) -> Counter[int]:
        """Waiting times at *until* of requests that no user took up, among those due from *since* on: counts by µs.

        Rounded down to three digits: there may be very many, and the values are lower bounds in any case.
        """
        return Counter(_three_digits(max(until - due, 0) // 1000) for _, due, _ in self._waiting if due >= since)

    @property
    def exhausted(self) -> bool:
        """Whether the whole schedule has been assigned."""
        return self._due is not None and self._next is None and not self._waiting


def _three_digits(number: int) -> int:
    scale: int = 10 ** max(len(str(number)) - 3, 0)
    return number // scale * scale
