"""Handles rate limits: a refused request is sent again when the target says so, within a time limit.

What it cost is counted: a run that waited says for how long, and one whose patience was over says what more would have done.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from echosounder.wire.exchange import TURNED_AWAY, Exchange
from echosounder.wire.limit_headers import announced
from echosounder.wire.waits import wait

USUAL = 600.0
"""s that a run waits in all, if nobody says otherwise."""
UNTOLD = (0.5, 1.0, 2.0)
"""s before each try where the target does not say when; then it counts as one that does not recover."""
LONGER = (*UNTOLD, 4.0, 8.0, 16.0, 32.0)
"""The same, where patience was asked for."""
MOST_TRIES, STRIKES = 4, 2
"""Tries of one request, and requests that were refused as often, after which nothing is sent again: that is not a limiter."""
MARGIN = 0.05
"""s: a second that is counted in whole ones is over a little later."""


@dataclass
class Patience:
    """``seconds``: maximum total time to wait, None for the default. ``sleep`` and ``now`` are parameters for tests."""

    seconds: float | None = None
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    waited: float = field(default=0.0, init=False)
    refused: int = field(default=0, init=False)
    over: bool = field(default=False, init=False)
    _served: bool = field(default=False, init=False)
    _strikes: int = field(default=0, init=False)
    _hopeless: bool = field(default=False, init=False)

    @property
    def left(self) -> float:
        return (USUAL if self.seconds is None else self.seconds) - self.waited

    def again(self, exchange: Exchange, tries: int) -> bool:
        """Waits, if permitted, and returns whether a refused request should be sent again, after *tries*."""
        if exchange.status not in TURNED_AWAY:
            self._served = self._served or exchange.status == 200
            self._pace(exchange)
            return False
        pause = self._pause(exchange, tries)
        if pause is None or tries >= MOST_TRIES or self._strikes >= STRIKES:
            self._strikes += tries >= MOST_TRIES
            return False
        if pause > self.left:
            self.over = True
            return False
        self.refused += 1
        self._rest(pause)
        return True

    def _pause(self, exchange: Exchange, tries: int) -> float | None:
        said = wait(exchange.headers, exchange.json, self.now())
        if said is not None and said.wait is not None:
            return said.wait + MARGIN
        resets = [
            each.reset
            for each in announced(exchange.headers, self.now())
            if each.reset is not None and not each.remaining
        ]
        if resets:
            return max(resets) + MARGIN
        pauses = UNTOLD if self.seconds is None else LONGER
        # A target that never served anything, or that refuses one request for ever, is not one to wait for.
        if not self._served or self._hopeless or tries >= len(pauses):
            self._hopeless = self._hopeless or tries >= len(pauses)
            return None
        return pauses[tries]

    def _pace(self, exchange: Exchange) -> None:
        """Nothing is left: the next would be refused before that is over."""
        spent = [each.reset for each in announced(exchange.headers, self.now()) if each.remaining == 0 and each.reset]
        if spent and max(spent) + MARGIN <= self.left:
            self._rest(max(spent) + MARGIN)

    def _rest(self, seconds: float) -> None:
        self.waited += seconds
        self.sleep(seconds)

    def record(self) -> dict[str, Any] | None:
        """Record for the footer of the log; None if there was no waiting."""
        if not (self.waited or self.over):
            return None
        return {"seconds": round(self.waited, 1), "requests": self.refused, "over": self.over}
