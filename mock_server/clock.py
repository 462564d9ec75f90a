"""The time of day as the mock sees it: it can be frozen and moved, so that prices and caches need no waiting."""

import time


class Clock:
    """The mock's time of day, seconds since 1970. Pacing does not use it: writes follow the system's monotonic clock."""

    def __init__(self, frozen: float | None = None) -> None:
        self._frozen = frozen
        self.advanced = 0.0

    def now(self) -> float:
        return (time.time() if self._frozen is None else self._frozen) + self.advanced

    def advance(self, seconds: float) -> None:
        self.advanced += seconds
