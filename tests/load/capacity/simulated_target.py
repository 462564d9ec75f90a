"""A machine of so many slots in virtual time, written for these tests alone: what a search finds is held against what it was told."""

import heapq
from dataclasses import dataclass, field
from random import Random
from typing import Any

from echosounder.load.experiment.script import News, Outcome, Script, Stopped
from echosounder.load.sample import Sample
from echosounder.wire.stream import StreamEnd

S = 1_000_000_000


@dataclass
class Machine:
    """``slots`` requests at a time, first come first served; each takes ``takes`` s, give or take ``jitter`` of it.

    ``queue``: how many may wait, the others are refused. ``slow``: s by which an answer is longer for each that is served with it.
    ``late``: s by which the client is late from ``late_from`` requests a second on.
    """

    slots: int = 8
    takes: float = 0.2
    jitter: float = 0.1
    queue: int | None = None
    ttft: float = 0.02
    slow: float = 0.0
    late: float = 0.0
    late_from: float = 1e9
    seed: int = 0
    now: float = 0.0
    requests: int = 0
    events: list[tuple[float, int, Outcome]] = field(default_factory=list)
    free: list[float] = field(default_factory=list)
    last: float = 0.0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.due: list[tuple[float, int, Any]] = []

    @property
    def capacity(self) -> float:
        """Requests a second that it can serve for ever."""
        return self.slots / self.takes

    def run(self, script: Script[Any], seconds: float = 1e9) -> Any:
        turn = next(script)
        try:
            while True:
                for ask in turn.asks:
                    heapq.heappush(self.due, (max(ask.at, self.now), ask.id, ask))
                news = self._news(turn.until)
                turn = script.throw(Stopped("time", "the time is up")) if self.now > seconds else script.send(news)
        except StopIteration as end:
            return end.value

    def _news(self, until: float | None) -> News:
        while True:
            due = self.due[0][0] if self.due else float("inf")
            event = self.events[0][0] if self.events else float("inf")
            first = min(due, event)
            if until is not None and first > until:
                self.now = until
                return News(self.now)
            self.now = max(self.now, first)
            if event <= due:
                return News(self.now, (heapq.heappop(self.events)[2],))
            self._serve(heapq.heappop(self.due)[2])

    def _serve(self, ask: Any) -> None:
        self.requests += 1
        rate, self.last = 1 / max(self.now - self.last, 1e-9), self.now
        sent = self.now + (self.late if rate > self.late_from else 0.0)
        while self.free and self.free[0] <= sent:
            heapq.heappop(self.free)
        if self.queue is not None and len(self.free) >= self.slots + self.queue:
            return self._end(ask, sent, None, sent + 0.002)
        waiting = len(self.free) - self.slots + 1
        start = sent if waiting <= 0 else heapq.nsmallest(waiting, self.free)[-1]
        takes = self.takes * self.random.uniform(1 - self.jitter, 1 + self.jitter) + self.slow * min(
            len(self.free), self.slots
        )
        heapq.heappush(self.free, start + takes)
        self._end(ask, sent, start + self.ttft + self.slow * min(len(self.free), self.slots), start + takes)
        return None

    def _end(self, ask: Any, sent: float, first: float | None, closed: float) -> None:
        stamps = {"t_sent": int(sent * S), "t_closed": int(closed * S), "t_first_token": first and int(first * S)}
        due = int((ask.at or self.now) * S)
        end, failure = (StreamEnd.DONE, "") if first else (StreamEnd.REFUSED, "http-503")
        sample = Sample(
            f"0-{ask.id}",
            "chat",
            "measured",
            end,
            due,
            int(sent * S),
            failure=failure,
            status=200 if first else 503,
            **stamps,
        )
        outcome = Outcome(ask, sent, first or closed, sample.status, closed=closed, sample=sample)
        heapq.heappush(self.events, (closed, ask.id, outcome))
