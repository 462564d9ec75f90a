"""One-shot alarms in absolute monotonic nanoseconds, as precise as the platform allows.

epoll timeouts have a granularity of one millisecond and CPython rounds them up; Linux' ``timerfd`` is a file descriptor
that becomes readable on the nanosecond, so the event loop needs no change to be exact. ``os.timerfd_create`` is new in
Python 3.13; before that three calls through ctypes do the same. https://man7.org/linux/man-pages/man2/timerfd_create.2.html
"""

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

CLOCK_MONOTONIC = 1
TFD_TIMER_ABSTIME = 1
TFD_FLAGS = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)


class Timer(Protocol):
    """``kind`` is what ``/__mock/health`` states: timerfd, or call_at (coarse, about a millisecond)."""

    kind: str

    def arm(self, due: int) -> None:
        """Call back once at *due*; replaces the alarm before. A time in the past fires at the next turn of the loop."""

    def disarm(self) -> None: ...
    def close(self) -> None: ...


def timer(loop: asyncio.AbstractEventLoop, fire: Callable[[], None]) -> Timer:
    """The best timer that this platform has."""
    try:
        return TimerFd(loop, fire)
    except (AttributeError, OSError):
        return CallAt(loop, fire)


class _Timespec(ctypes.Structure):
    _fields_ = (("sec", ctypes.c_long), ("nsec", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerFd:
    """Setting the alarm again also clears the descriptor's readiness, so it is never read."""

    kind = "timerfd"

    def __init__(self, loop: asyncio.AbstractEventLoop, fire: Callable[[], None]) -> None:
        self._settime: Callable[[int], Any]
        if sys.version_info >= (3, 13):
            self._fd = os.timerfd_create(time.CLOCK_MONOTONIC, flags=TFD_FLAGS)
            self._settime = lambda due: os.timerfd_settime_ns(self._fd, flags=TFD_TIMER_ABSTIME, initial=due)
        else:
            self._fd, self._settime = _through_ctypes()
        self._loop = loop
        loop.add_reader(self._fd, fire)

    def arm(self, due: int) -> None:
        self._settime(max(due, 1))  # 0 would disarm

    def disarm(self) -> None:
        self._settime(0)

    def close(self) -> None:
        self._loop.remove_reader(self._fd)
        os.close(self._fd)


def _through_ctypes() -> tuple[int, Callable[[int], Any]]:
    libc = ctypes.CDLL(None, use_errno=True)
    settime, spec = libc.timerfd_settime, _Itimerspec()
    pointer, value = ctypes.byref(spec), spec.value
    fd = int(libc.timerfd_create(CLOCK_MONOTONIC, TFD_FLAGS))
    if fd < 0:
        raise OSError(ctypes.get_errno(), "timerfd_create")

    def set_alarm(due: int) -> None:
        value.sec, value.nsec = divmod(due, 1_000_000_000)
        settime(fd, TFD_TIMER_ABSTIME, pointer, None)

    return fd, set_alarm


class CallAt:
    """Fallback: the loop's own timers."""

    kind = "call_at"

    def __init__(self, loop: asyncio.AbstractEventLoop, fire: Callable[[], None]) -> None:
        self._loop, self._fire = loop, fire
        self._handle: asyncio.TimerHandle | None = None

    def arm(self, due: int) -> None:
        self.disarm()
        self._handle = self._loop.call_at(due / 1e9, self._fire)

    def disarm(self) -> None:
        if self._handle:
            self._handle.cancel()

    close = disarm
