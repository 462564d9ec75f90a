"""Measures the client's own health during a run: loop lag, waiting time of reads, processor time, memory."""

import resource
import time
from collections import Counter
from pathlib import Path
from typing import Any

from echosounder.load.client.stamps import Stamps


class Vitals:
    """Load on this process between two ticks. The lag of the loop is the delay of a periodic callback beyond its interval."""

    def __init__(self, stamps: Stamps, interval: int = 50_000_000) -> None:
        self._stamps, self._interval = stamps, interval
        self._last: int | None = None
        self._lags_us: Counter[int] = Counter()
        self._cpu, self._wall = time.process_time_ns(), time.monotonic_ns()

    def beat(self, now: int) -> None:
        if self._last is not None:
            lag = max(now - self._last - self._interval, 0) // 1000
            self._lags_us[lag if lag < 1000 else lag // 100 * 100] += 1
        self._last = now

    def take(self) -> dict[str, Any]:
        """Data collected since the last call. Distributions are ``{microseconds: count}``."""
        cpu, wall = time.process_time_ns(), time.monotonic_ns()
        share = (cpu - self._cpu) / max(wall - self._wall, 1)
        self._cpu, self._wall = cpu, wall
        taken = {
            "cpu": round(share, 3),
            "rss_kb": resident_kb(),
            "lag_us": dict(self._lags_us),
            "delay_us": dict(self._stamps.delays_us),
            "kernel": self._stamps.kernel,
            "user": self._stamps.user,
        }
        self._lags_us.clear()
        self._stamps.delays_us.clear()
        self._stamps.kernel = self._stamps.user = 0
        return taken


def resident_kb() -> int:
    """Current memory use; if the system does not report it, the peak so far, which a process inherits from its parent."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return pages * resource.getpagesize() // 1024
