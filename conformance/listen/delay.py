"""Delay added by the forwarder: an upper bound for each read, and the distribution.

A read may have been ready since the loop last asked the kernel and was told of others. So its bound is from the moment at which
the loop woke, where it had waited for something to come, and from when it woke the time before, where it had not.
"""

from __future__ import annotations

import selectors
import time
from collections import Counter
from typing import Any

from echosounder.wire.latency import nearest_rank

WAITED_NS = 50_000  # a call of the kernel that took longer had nothing to report at first


class WakingSelector(selectors.DefaultSelector):
    """``since``: the earliest time, ns, at which the events of the last call can have been ready."""

    since = 0
    _woke = 0

    def select(self, timeout: float | None = None) -> Any:
        asked = time.monotonic_ns()
        ready = super().select(timeout)
        now = time.monotonic_ns()
        self.since = now if now - asked > WAITED_NS else self._woke or asked
        self._woke = now
        return ready


class Delays:
    """Counts of delays in steps of 10 µs."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = self.largest = 0

    def add(self, ns: int) -> None:
        self._counts[ns // 10_000] += 1
        self.count += 1
        self.largest = max(self.largest, ns)

    def figures(self) -> dict[str, float | int | None]:
        """Milliseconds, rounded up to 10 µs."""
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
        return {"count": self.count, **{name: self._quantile(share) for name, share in shares.items()}} | {
            "max": round(self.largest / 1e6, 3) if self.count else None
        }

    def _quantile(self, share: float) -> float | None:
        rank = nearest_rank(share, self.count) if self.count else 0
        for tens in sorted(self._counts):
            rank -= self._counts[tens]
            if rank <= 0:
                return round((tens + 1) / 100, 3)
        return None
