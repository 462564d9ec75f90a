"""Whether the mock kept time while a suite ran: how long it took to answer a question that costs it nothing."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import httpx

EVERY_S = 0.05
LATE_S = 0.1  # half of what the bounds of the laboratory leave above the slowest legal variant


class Pulse:
    """Polls the health of the mock at *url* continuously, as a context manager, and records late answers.

    The clock is the monotonic one that stamps exchanges. A process without CPU time answers late whatever its deviations, and
    deviations do not delay the control interface.
    """

    def __init__(self, url: str) -> None:
        self._url = f"{url}/__mock/health"
        self._late: list[tuple[int, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._feel, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def late(self, begin: int, end: int) -> bool:
        """Whether an answer was late between two times, in nanoseconds."""
        return any(asked < end and answered > begin for asked, answered in self._late)

    def _feel(self) -> None:
        with (
            suppress(httpx.HTTPError),
            httpx.Client(timeout=60, trust_env=False) as client,
        ):  # whoever is gone is not late
            while not self._over.wait(EVERY_S):
                asked = time.monotonic_ns()
                client.get(self._url)
                answered = time.monotonic_ns()
                if answered - asked > LATE_S * 1e9:
                    self._late.append((asked, answered))
