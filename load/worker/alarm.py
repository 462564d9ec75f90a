"""An alarm clock with the resolution of the kernel's timers: libev's own timers round up to whole milliseconds."""

import ctypes
import os
from collections.abc import Callable
from typing import Any

_MONOTONIC, _NONBLOCK, _ABSOLUTE = 1, 0o4000, 1  # linux/time.h, linux/timerfd.h
_SECOND = 1_000_000_000


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Itimerspec(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class TimerFd:
    """A Linux timerfd on the monotonic clock. ``os.timerfd_create`` came with Python 3.13; this calls the same function through libc.

    Raises :class:`OSError` if the system does not have it.
    """

    def __init__(self) -> None:
        try:
            self._libc: Any = ctypes.CDLL(None, use_errno=True)
            self.fd = int(self._libc.timerfd_create(_MONOTONIC, _NONBLOCK))
        except AttributeError:
            raise OSError("no timerfd on this system") from None
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def set(self, at: int) -> None:
        """Become readable at *at* (ns, monotonic); immediately if that has passed."""
        seconds, nanoseconds = divmod(max(at, 1), _SECOND)
        spec = _Itimerspec(_Timespec(0, 0), _Timespec(seconds, nanoseconds))
        self._libc.timerfd_settime(self.fd, _ABSOLUTE, ctypes.byref(spec), None)

    def clear(self) -> None:
        os.read(self.fd, 8)


class Alarm:
    """Calls *ring* in the loop of gevent's hub at the set time."""

    def __init__(self, loop: Any, ring: Callable[[], None], clock: Callable[[], int]) -> None:
        self._loop, self._ring, self._clock = loop, ring, clock
        self._timer: TimerFd | None
        try:
            self._timer = TimerFd()
        except OSError:
            self._timer, self._watcher = None, None
        else:
            self._watcher = loop.io(self._timer.fd, 1)
            self._watcher.start(self._fired)

    def set(self, at: int) -> None:
        """Ring at *at*, ns on the monotonic clock; a later call replaces an earlier one."""
        if self._timer is not None:
            self._timer.set(at)
            return
        if self._watcher is not None:
            self._watcher.stop()
        self._watcher = self._loop.timer(max(at - self._clock(), 0) / _SECOND)
        self._watcher.start(self._ring, update=True)

    def stop(self) -> None:
        if self._watcher is not None:
            self._watcher.stop()

    def _fired(self) -> None:
        assert self._timer is not None
        self._timer.clear()
        self._ring()
