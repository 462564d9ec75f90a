"""Limits of time and bytes for a run: each exchange gets the remainder."""

from __future__ import annotations

import time
from threading import Lock

from echosounder.wire.errors import RunTooLong, TooMuchToJudge

LEAST = 1.0
"""Seconds that an exchange is worth beginning with."""


class RunMeter:
    """Counts down from its creation. Senders of the same run share it."""

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds, self._size = seconds, size
        self._end, self._room = time.monotonic() + seconds, size
        self._counting = Lock()

    def time(self) -> float:
        """Seconds left. Raises :class:`RunTooLong` if they do not suffice for another exchange."""
        left = self._end - time.monotonic()
        if left < min(LEAST, self._seconds / 10):
            raise RunTooLong(
                f"the {self._seconds:g} s that the run may take are over; is the target that slow? Raise --deadline"
            )
        return left

    def room(self) -> int:
        """Bytes left. Raises :class:`TooMuchToJudge` if there are none."""
        if self._room <= 0:
            raise TooMuchToJudge(
                f"the target has sent more than {self._size:,} bytes in all, too much to judge in one run"
            )
        return self._room

    def took(self, size: int) -> None:
        with self._counting:
            self._room -= size
