"""Another time of day for the tests: every Python process below shifts what it reads from the wall clock, and nothing else.

Python imports a module of this name at its start when its folder is in PYTHONPATH, before anything can have kept a clock.
ECHOSOUNDER_INSTANT_SHIFT names a file that holds the shift in seconds as eight bytes. Every process reads them anew at each
look at the clock, so whoever writes them moves all processes at once: a worker, a mock and their test agree on the day.
Monotonic clocks and whatever waits are left alone, as are the kernel's own stamps (the times of files).
"""

import ctypes
import datetime
import gc
import mmap
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

VARIABLE = "ECHOSOUNDER_INSTANT_SHIFT"
DOUBLE = struct.Struct("d")


class Shift:
    """The shift in seconds that stands at *path*."""

    def __init__(self, path: Path) -> None:
        self.follow(path)

    def follow(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._cell = mmap.mmap(file.fileno(), DOUBLE.size)

    def __call__(self) -> float:
        (seconds,) = DOUBLE.unpack_from(self._cell)
        return float(seconds)


class Function:
    """A function that a class may hold without making a method of it, as `logging` holds `time.localtime`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *given: Any) -> Any:
        return self._function(*given)


def install(shift: Callable[[], float]) -> None:
    """Add *shift* seconds to every reading of the wall clock in this process."""
    real, real_ns, wall = time.time, time.time_ns, time.CLOCK_REALTIME
    get, get_ns = time.clock_gettime, time.clock_gettime_ns
    replaced: dict[str, Callable[..., Any]] = {
        "time": lambda: real() + shift(),
        "time_ns": lambda: real_ns() + round(shift() * 1e9),
        "clock_gettime": lambda clock: get(clock) + (shift() if clock == wall else 0.0),
        "clock_gettime_ns": lambda clock: get_ns(clock) + (round(shift() * 1e9) if clock == wall else 0),
        **{name: _of_now(getattr(time, name)) for name in ("gmtime", "localtime", "ctime")},
        **{name: _of_parts(getattr(time, name), place) for name, place in (("asctime", 0), ("strftime", 1))},
    }
    for name, function in replaced.items():
        setattr(time, name, Function(function))
    # The class itself stays, for C extensions know it by its address. `today` goes through time.time by itself.
    _set(datetime.datetime, "now", classmethod(lambda cls, tz=None: cls.fromtimestamp(time.time(), tz)))
    _set(datetime.datetime, "utcnow", classmethod(lambda cls: cls.now(datetime.UTC).replace(tzinfo=None)))


def _of_now(function: Callable[[float], Any]) -> Callable[..., Any]:
    return lambda seconds=None: function(time.time() if seconds is None else seconds)


def _of_parts(function: Callable[..., str], place: int) -> Callable[..., str]:
    return lambda *given: function(*given) if len(given) > place else function(*given, time.localtime())


def _set(owner: type, name: str, value: object) -> None:
    """Replace a method of a class that is written in C: its dictionary is what its read-only view refers to."""
    (methods,) = gc.get_referents(owner.__dict__)
    methods[name] = value
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(owner))


if VARIABLE in os.environ:
    shift = Shift(Path(os.environ[VARIABLE]))
    install(shift)
