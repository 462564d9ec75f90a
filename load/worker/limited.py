"""Reacts to a limiter: users of a closed loop rest as long as the target requests, and the rests are counted. An open
loop keeps its schedule.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from echosounder.load.client.call import ActiveCall
from echosounder.load.client.framing import Framing
from echosounder.wire.exchange import TURNED_AWAY
from echosounder.wire.limit_headers import announced
from echosounder.wire.strict_json import parse
from echosounder.wire.waits import wait

SECOND = 1_000_000_000
MARGIN = 0.05
"""Margin, s, because a wait in whole seconds ends slightly later."""
LARGEST = 64 * 1024
"""Bytes of a refusal that are searched for a wait."""


@dataclass(slots=True)
class LimitedUsers:
    """When the users of a worker may continue. ``patience``: maximum total rest, s; a rest that would exceed it is not begun."""

    patience: float
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    rested: float = field(default=0.0, init=False)
    refused: int = field(default=0, init=False)
    over: bool = field(default=False, init=False)
    _until: int = field(default=0, init=False)

    def heard(self, call: ActiveCall, at: int, end: int) -> int | None:
        """Until when (ns) users should pause, according to an answer that ended at *at*; None if it has no wait, or if
        patience is exhausted. No rest lasts beyond *end*.

        """
        seconds = self._told(call)
        if seconds is None:
            return None
        until = min(at + round((seconds + MARGIN) * SECOND), end)
        longer = (until - max(at, self._until)) / SECOND
        if longer <= 0:
            return None
        if self.rested + longer > self.patience:
            self.over = True
            return None
        self.rested += longer
        self._until = until
        return until

    def _told(self, call: ActiveCall) -> float | None:
        framing = call.framing
        if framing.status in TURNED_AWAY:
            self.refused += 1
            said = wait(framing.headers, _read(b"".join(call.body)), self.now())
            return said.wait if said is not None and said.wait is not None else self._reset(framing, nothing_left=False)
        return self._reset(framing, nothing_left=True)

    def _reset(self, framing: Framing, *, nothing_left: bool) -> float | None:
        if not framing.mentions(b"ratelimit"):  # asked first, because every answer is while others are being measured
            return None
        limits = [each for each in announced(framing.headers, self.now()) if each.reset is not None]
        spent = [each.reset for each in limits if (each.remaining == 0 if nothing_left else not each.remaining)]
        return max((reset for reset in spent if reset is not None), default=None)

    @property
    def facts(self) -> dict[str, Any]:
        """The state, for a tick."""
        return {"turned_away": self.refused, "rested_s": round(self.rested, 3), "impatient": self.over}


def _read(body: bytes) -> Any:
    try:
        return parse(body.decode("utf-8")).value if len(body) <= LARGEST else None
    except ValueError:
        return None
