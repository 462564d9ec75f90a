"""A model of a machine that serves a fixed number of streams at once and queues the rest: pure arithmetic on the end
times of accepted streams.

Every schedule is known before it begins, so the start time of a queued request is known when it arrives.
"""

import heapq
from dataclasses import dataclass, field


@dataclass(slots=True)
class Capacity:
    """``slots`` streams at a time, ``queue`` more waiting; ``slowdown`` lengthens each stream by up to that fraction
    when all slots are busy.

    A client that hangs up frees its slot for newcomers at once; those whose start is already computed keep it.
    """

    slots: int | None = None
    queue: int | None = None
    slowdown: float = 0.0
    _ends: list[int] = field(default_factory=list)  # heap: when each slot is free again

    def load(self, now: int) -> float:
        """Share of busy slots, including waiting requests; may exceed 1."""
        return self._busy(now) / self.slots if self.slots else 0.0

    def stretch(self, now: int) -> float:
        """Factor by which a stream that begins now is slower than on an idle machine."""
        return 1 + self.slowdown * min(self.load(now), 1.0) if self.slowdown else 1.0

    def admit(self, now: int, duration: int) -> int | None:
        """Start time of a stream of this duration (*now* or later); None if even the queue is full."""
        if self.slots is None:
            return now
        busy = self._busy(now)
        if busy < self.slots:
            heapq.heappush(self._ends, now + duration)
            return now
        if self.queue is not None and busy - self.slots >= self.queue:
            return None
        ends = heapq.nsmallest(busy - self.slots + 1, self._ends)
        start = ends[-1]
        heapq.heappush(self._ends, start + duration)
        return start

    def leave(self, end: int) -> None:
        """Free the slot of a stream that was due to end at *end* and has ended early."""
        if self.slots is not None and end in self._ends:
            self._ends.remove(end)
            heapq.heapify(self._ends)

    def _busy(self, now: int) -> int:
        while self._ends and self._ends[0] <= now:
            heapq.heappop(self._ends)
        return len(self._ends)
