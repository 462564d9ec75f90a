"""Arrival times of bytes: the kernel's receive stamp if available, else our own.

The kernel stamps a segment on arrival (``SO_TIMESTAMPNS``), so a busy client does not delay the stamp. The stamp is on
the real-time clock; it is converted to the monotonic clock with an offset that is measured repeatedly.
"""

import socket
import struct
import time
from collections import Counter

SO_TIMESTAMPNS = 35  # asm-generic/socket.h; not in Python's socket module
_TIMESPEC = struct.Struct("=qq")
ANCILLARY = socket.CMSG_SPACE(_TIMESPEC.size) if hasattr(socket, "CMSG_SPACE") else 0
_PLAUSIBLE = 10_000_000_000  # ns; a segment that seems to have waited longer shows that the clock was stepped

Ancillary = list[tuple[int, int, bytes]]


def measure_offset() -> int:
    """Monotonic minus real time, ns: the tightest of three bracketed readings, each accurate to half its width."""
    return min(_sandwich() for _ in range(3))[1]


def _sandwich() -> tuple[int, int]:
    before, real, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
    return after - before, (before + after) // 2 - real


class Stamps:
    """Convert each read to its arrival time on the monotonic clock, and record how long data waited before it was read.

    ``delays_us``: number of reads by the time between arrival and read; ``kernel`` and ``user`` count the reads of each kind of stamp.
    """

    def __init__(self, by_kernel: bool = True) -> None:
        self._by_kernel = by_kernel
        self.offset = measure_offset()
        self.delays_us: Counter[int] = Counter()
        self.kernel = self.user = 0

    def refresh(self) -> None:
        self.offset = measure_offset()

    def request(self, sock: socket.socket) -> None:
        """Ask the kernel to stamp arriving data on *sock*; without effect if it cannot."""
        if not self._by_kernel:
            return
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        except OSError:
            return

    def arrival(self, read_at: int, ancillary: Ancillary) -> int:
        """The stamp of a read that returned at *read_at*, both ns on the monotonic clock."""
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= _TIMESPEC.size:
                seconds, nanoseconds = _TIMESPEC.unpack_from(data)
                return self._kernel(read_at, seconds * 1_000_000_000 + nanoseconds + self.offset)
        self.user += 1
        return read_at

    def _kernel(self, read_at: int, arrived: int) -> int:
        delay = read_at - arrived
        if not -1_000_000 <= delay < _PLAUSIBLE:
            self.user += 1
            return read_at
        self.kernel += 1
        micros = max(delay, 0) // 1000
        self.delays_us[micros if micros < 1000 else micros // 100 * 100] += 1
        return min(arrived, read_at)
