"""Runs a script against a target: the load client's connections, one event loop, no thread. It enforces the bounds and the budget."""

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from echosounder.load.client.call import ActiveCall, exchange, sample
from echosounder.load.client.client import Client, Endpoint
from echosounder.load.client.head import Head, common, place
from echosounder.load.client.stamps import Stamps
from echosounder.load.experiment.script import DueRequest, News, Outcome, Script, ScriptStep, Stopped
from echosounder.load.interrupt import held_back
from echosounder.load.worker.alarm import Alarm
from echosounder.load.worker.breaker import Breaker
from echosounder.load.worker.budget import LoadBudget
from echosounder.load.worker.vitals import Vitals
from echosounder.wire.exchange import End, Exchange
from echosounder.wire.runlog import exchange_record
from echosounder.wire.target import Target

T = TypeVar("T")
SECOND = 1_000_000_000
SWEEP = 0.05  # s
REFUSALS_LOGGED = 50

Note = Callable[[str, dict[str, Any]], None]


@dataclass(slots=True, eq=False)
class Asked(ActiveCall):
    """A call that reports its status as soon as it arrives, not only at the end."""

    ask: DueRequest | None = None
    told: Callable[["Asked"], None] | None = None

    def digest(self, stamps: Stamps) -> End | None:
        news = self.framing.status is None
        end = ActiveCall.digest(self, stamps)
        status = self.framing.status
        if news and status is not None:
            assert self.ask is not None
            self.keep = self.ask.keep or status >= 400 or self.ask.job.body == b""
            if not self.keep:
                self.kept.clear()
            if self.told is not None:
                self.told(self)
        return End.CLIENT_CANCELLED if end is None and self._enough() else end

    def _enough(self) -> bool:
        after = self.ask.hang_up if self.ask else None
        return after is not None and self.reader.token_events >= after

    def take(self, data: bytes, read_at: int, ancillary: Any) -> bool:
        """Parse immediately until the status is known, because scripts wait for it, and if a script waits for a token."""
        at_once = self.framing.status is None or (self.ask is not None and self.ask.hang_up is not None)
        return ActiveCall.take(self, data, read_at, ancillary) or at_once


@dataclass(frozen=True, slots=True)
class RunBounds:
    """Limits of a run: seconds, and the number of consecutive failures after which the target counts as broken."""

    seconds: float
    breaker: int = 20


class Sender:
    """Call ``run`` with a script. ``note(kind, record)``, to be set by the owner, receives the records of the run's log."""

    def __init__(
        self, target: Target, keys: Sequence[str | None], endpoint: Endpoint, budget: LoadBudget, bounds: RunBounds
    ) -> None:
        self._target, self._keys, self._budget, self._bounds = target, keys, budget, bounds
        self.note: Note = lambda kind, record: None
        self._heads = [Head(target, key, *keys) for key in keys]
        import gevent.event  # only installed with the extra `load`

        self._loop = gevent.get_hub().loop
        self._client = Client(endpoint, self._loop)
        self._client.done = self._done
        self._alarm = Alarm(self._loop, self._ring, time.monotonic_ns)
        self._vitals = Vitals(self._client.stamps)
        self._breaker = Breaker(bounds.breaker)
        self._wake = gevent.event.Event()
        self._due: list[tuple[int, int, DueRequest]] = []
        self._news: dict[int, Outcome] = {}
        self._stopped: Stopped | None = None
        self._refusals = self.sent = 0
        self._begin = time.monotonic_ns()
        self._wall = time.time_ns() - self._begin

    def wall(self, at: float) -> datetime:
        """The time of day at a script's time."""
        return datetime.fromtimestamp((self._begin + self._wall + at * SECOND) / SECOND, UTC)

    @property
    def now(self) -> float:
        return (time.monotonic_ns() - self._begin) / SECOND

    def run(self, script: Script[T]) -> T:
        """Run the script and return its result. Ctrl-C, the time limit and the budget raise :class:`Stopped` within it,
        on which it returns its result so far.

        """
        self._begin = time.monotonic_ns()
        self._wall = time.time_ns() - self._begin
        self.note("worker", {"worker": 0, "begin": self._begin, "wall_offset": self._wall})
        with held_back() as interrupted:
            sweeper = self._loop.timer(SWEEP, SWEEP)
            sweeper.start(self._sweep, interrupted, update=True)
            try:
                return self._drive(script)
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                sweeper.stop()
                self._close()

    def _drive(self, script: Script[T]) -> T:
        turn = next(script)
        while True:
            news = self._turn(turn)
            stopped, self._stopped = self._stopped, None
            turn = script.throw(stopped) if stopped else script.send(news)

    def _turn(self, turn: ScriptStep) -> News:
        for ask in turn.asks:
            heapq.heappush(self._due, (max(self._begin + round(ask.at * SECOND), 0), ask.id, ask))
        self._ring()
        while not self._news and not self._stopped:
            left = None if turn.until is None else turn.until - self.now
            if left is not None and left <= 0:
                break
            self._wake.clear()
            if not self._news and not self._stopped:
                self._wake.wait(left)
        found, self._news = tuple(self._news.values()), {}
        return News(self.now, found)

    def _ring(self) -> None:
        now = time.monotonic_ns()
        while self._due and self._due[0][0] <= now:
            due, _, ask = heapq.heappop(self._due)
            self._send(ask, max(due, self._begin), now)
        if self._due:
            self._alarm.set(self._due[0][0])

    def _send(self, ask: DueRequest, due: int, now: int) -> None:
        if self._stopped is not None:
            return
        if ask.job.body and not self._budget.debit(ask.job):
            self._stop("budget", "the budget is spent; raise --budget-usd or --budget-requests")
            return
        call = Asked(f"0-{ask.id}", ask.job, due if ask.at else now, now, keep=True, ask=ask, told=self._answered)
        self.sent += bool(ask.job.body)
        self._client.send(call, self._request(ask))

    def _request(self, ask: DueRequest) -> bytes:
        if ask.job.body:
            return self._heads[ask.key].request(ask.job)
        lines = [f"GET {place(self._target, ask.job.path)} HTTP/1.1"]
        lines += map(": ".join, common(self._target, self._keys[ask.key]))
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _answered(self, call: Asked) -> None:
        self._tell(self._outcome(call))

    def _done(self, call: ActiveCall) -> None:
        assert isinstance(call, Asked)
        assert call.ask is not None
        outcome = self._outcome(call, ended=True)
        if outcome.sample is not None:
            self._budget.settle(call.job, outcome.sample.usage, (outcome.status or 0) >= 400)
            self.note("sample", outcome.sample.record())
            if trip := self._breaker.observe(outcome.sample):
                self._stop(trip.kind, trip.reason)
        if outcome.exchange is not None and self._worth_keeping(call.ask, outcome):
            self.note("exchange", exchange_record(outcome.exchange))
        self._tell(outcome)

    def _worth_keeping(self, ask: DueRequest, outcome: Outcome) -> bool:
        self._refusals += (outcome.status or 0) >= 400
        return ask.keep or self._refusals <= REFUSALS_LOGGED

    def _outcome(self, call: Asked, ended: bool = False) -> Outcome:
        assert call.ask is not None
        sent, closed = call.t_sent or call.t_dispatched, call.t_closed or time.monotonic_ns()
        return Outcome(
            call.ask,
            self._seconds(sent),
            self._seconds(max(call.t_headers or closed, sent)),
            call.framing.status,
            call.framing.headers,
            self._seconds(max(closed, sent)) if ended else None,
            call.framing.reusable if ended and call.framing.status is not None else None,
            sample(call, self._heads[call.ask.key].redact) if ended and call.job.body else None,
            self._exchange(call) if ended and call.keep else None,
        )

    def _exchange(self, call: Asked) -> Exchange:
        assert call.ask is not None
        head = self._heads[call.ask.key]
        made = exchange(call, *head.shown(call.job), head.redact)
        return made if call.job.body else replace(made, probe="balance", request=replace(made.request, method="GET"))

    def _tell(self, outcome: Outcome) -> None:
        self._news[outcome.ask.id] = outcome
        self._wake.set()

    def _stop(self, kind: str, reason: str) -> None:
        self._stopped = self._stopped or Stopped(kind, reason)
        self._wake.set()

    def _sweep(self, interrupted: Any) -> None:
        now = time.monotonic_ns()
        self._vitals.beat(now)
        self._client.sweep(now)
        if interrupted.is_set():
            self._stop("interrupted", "interrupted by the user")
        elif self.now > self._bounds.seconds:
            self._stop("time", f"the maximum duration of {self._bounds.seconds:g} s is over; give a longer --duration")

    def _seconds(self, stamp: int) -> float:
        return (stamp - self._begin) / SECOND

    def _close(self) -> None:
        """Abandon requests in flight, and record the client's own health."""
        self._stopped = Stopped("over", "")
        self._alarm.stop()
        self._client.cancel()
        self._client.close()
        now = time.monotonic_ns()
        counts = {"scheduled": self.sent, "skipped": 0, "unsent": 0, "in_flight": 0}
        self.note("tick", {"worker": 0, "at": now, **counts, **self._vitals.take(), "opened": self._client.opened})
        self.note("end", {"worker": 0, "at": now, "stopped_sending": now})
