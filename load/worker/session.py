"""One worker's run: sending requests on time, and handling their answers. Runs inside gevent's loop, in its callbacks."""

import os
import platform
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from echosounder.load.client.call import ActiveCall, Job, exchange, sample
from echosounder.load.client.client import Client, make_room
from echosounder.load.client.head import Head, marked
from echosounder.load.options import Options
from echosounder.load.sample import MEASURED, NOT_FINISHED, WARMUP, Sample
from echosounder.load.worker.alarm import Alarm
from echosounder.load.worker.breaker import Breaker, Trip
from echosounder.load.worker.budget import LoadBudget
from echosounder.load.worker.dialogue import Chain, Dialogue
from echosounder.load.worker.dialogues import FAILED, Dialogues, LiveSession, SessionCall
from echosounder.load.worker.dispatcher import Dispatcher
from echosounder.load.worker.limited import LimitedUsers
from echosounder.load.worker.machine import boot
from echosounder.load.worker.recorder import Recorder
from echosounder.load.worker.rehearsal import rehearse
from echosounder.load.worker.vitals import Vitals, resident_kb

Opened = tuple[str, Dialogue, Callable[[Chain], Job]] | None
"""A new session: the name of its item, its dialogue and its requests; None for a single request."""
SECOND = 1_000_000_000
SWEEP = 0.05  # s
MOST_KB = 4 * 1024 * 1024  # of memory; a thousand streams at once take 0.2 GB
AT_ONCE = (
    5  # one in so many of the exchanges that are kept whole may come from the very beginning; the others come evenly
)


class Session:
    """Sends jobs at the times of the *dispatcher* until the end of the run, then drains. ``ended`` is called once."""

    def __init__(
        self,
        options: Options,
        worker: int,
        *,
        jobs: Callable[[int, float], Job],
        head: Head,
        dispatcher: Dispatcher,
        client: Client,
        recorder: Recorder,
        budget: LoadBudget,
        breaker: Breaker,
        loop: Any,
        observe: Callable[[Sample], None],
        ended: Callable[[], None],
        opened: Callable[[int], Opened] | None = None,
    ) -> None:
        self.worker, self._options, self._workers = worker, options, options.workers
        self._jobs, self._head, self._dispatcher = jobs, head, dispatcher
        self._client, self._recorder, self._budget, self._breaker = client, recorder, budget, breaker
        self._observe, self._ended, self._opened = observe, ended, opened
        self._dialogues = Dialogues(loop, self._say, self._closed) if opened else None
        self._limited = LimitedUsers(options.patience) if options.users is not None else None
        self._alarm = Alarm(loop, self._ring, time.monotonic_ns)
        self._sweeper = loop.timer(SWEEP, SWEEP)
        self._vitals = Vitals(client.stamps)
        self._skipped = self._completed = self._failed = 0
        self._begin = self._warm = self._flushed = self._stop_at = self._drained = 0
        self._keep_from = self._keep_gap = float("inf")
        self._kept_pair = -1
        self._said = 0  # requests of sessions
        self._over = self._tripped = self._filling = False
        self._cause = NOT_FINISHED if options.drain else ""  # without a timeout, slow and hung cannot be distinguished
        client.done = self.finished
        recorder.failed = self._disk_failed

    def start(self, at: int) -> None:
        """Begin at *at*, ns on the monotonic clock."""
        options = self._options
        self._begin = self._flushed = at
        self._warm = at + round(options.warmup * SECOND)
        self._stop_at = at + round(options.seconds * SECOND)
        self._drained = self._stop_at + round(options.drain * SECOND)
        if options.sample_limit:
            span = self._stop_at - at
            self._keep_gap = span * (1 + 1 / AT_ONCE) / options.sample_limit
            self._keep_from = at - span / AT_ONCE + self._keep_gap
        wall = time.time_ns() - time.monotonic_ns()
        facts = {"pid": os.getpid(), "host": platform.node(), "boot": boot(), "begin": at, "wall_offset": wall}
        self._recorder.note("worker", {"worker": self.worker, **facts})
        make_room()
        rehearse(self._jobs, self._head.request)
        self._sweeper.start(self._sweep, update=True)
        self._set(self._dispatcher.begin(at))

    @property
    def broken(self) -> bool:
        """Whether the samples could not be written."""
        return bool(self._recorder.broken)

    def stop(self, drain: float = 0.0) -> None:
        """Send nothing more; wait *drain* seconds for requests in flight. Without a drain they are abandoned, which does not count as a
        failure.
        """
        now = time.monotonic_ns()
        self._stop_at = min(self._stop_at, now)
        self._drained = min(self._drained, now + round(drain * SECOND))
        if not drain:
            self._cause = ""

    def finished(self, call: ActiveCall) -> None:
        """Handle a call that has ended."""
        record = sample(call, self._head.redact)
        said = call if isinstance(call, SessionCall) else None
        if said is not None:
            record = msgspec.structs.replace(record, session=said.session, turn=said.number)
        self._budget.settle(call.job, record.usage, call.refused)
        self._recorder.sample(record)
        if call.keep:
            url, headers = self._head.shown(call.job)
            if said is not None and (name := self._options.session_header):
                headers = (*headers, (name.lower(), self._affinity(said.live)))
            self._recorder.exchange(exchange(call, url, headers, self._head.redact))
        self._completed += not record.failure
        self._failed += bool(record.failure)
        self._observe(record)
        if not self._tripped and (trip := self._breaker.observe(record)):
            self.trip(trip)
        if self._limited is not None:
            self._rest(call, self._limited)
        if said is None:
            self._dispatcher.release(time.monotonic_ns(), bool(record.failure))
        elif self._dialogues is not None:
            self._dialogues.answered(said, record)
        self._fill()

    def _rest(self, call: ActiveCall, users: LimitedUsers) -> None:
        if (until := users.heard(call, time.monotonic_ns(), self._stop_at)) is not None:
            self._dispatcher.hold(until)

    def _closed(self, record: dict[str, Any]) -> None:
        """Release the user of a finished session."""
        self._recorder.note("session", {"worker": self.worker, **record})
        self._dispatcher.release(time.monotonic_ns(), record["ended"] == FAILED)
        self._fill()

    def trip(self, trip: Trip) -> None:
        """Stop for a reason; requests in flight are abandoned."""
        self._tripped = True
        self._recorder.note("stopped", {"worker": self.worker, "why": trip.kind, "reason": trip.reason})
        self.stop()

    def _ring(self) -> None:
        """Called by the alarm: send every request that is due, or queue it for a free user."""
        self._set(self._dispatcher.fall_due(time.monotonic_ns(), self._stop_at))
        self._fill()

    def _set(self, at: int | None) -> None:
        if at is not None:
            self._alarm.set(at)

    def _fill(self) -> None:
        """Schedule work for free users."""
        if not self._filling:
            self._filling = True
            self._client.turns.later(self._give)

    def _give(self) -> None:
        """Give one request to a free user, and continue in the next turn."""
        self._filling = False
        now = time.monotonic_ns()
        if now < self._stop_at and (turn := self._dispatcher.take(now)):
            self._dispatch(now, *turn)
            if self._dispatcher.ready:
                self._fill()

    def _dispatch(self, now: int, index: int, due: int, queued: bool) -> None:
        phase = WARMUP if due < self._warm else MEASURED
        if self._opened is not None and (opened := self._opened(index)) is not None:
            name, dialogue, utterance = opened
            live = LiveSession(f"{self.worker}-{index}", name, phase, due, dialogue, utterance)
            self._say(live, dialogue.begin().chain, due, queued)
            return
        job = self._jobs(index, (due - self._warm) / SECOND)
        if not self._affords(job):
            self._dispatcher.release(now, failed=False)
            return
        call = ActiveCall(
            f"{self.worker}-{index}", job, due, time.monotonic_ns(), phase, queued, self._keeps(index, now)
        )
        self._client.send(call, self._head.request(job))

    def _affords(self, job: Job) -> bool:
        """Debit the budget; returns False and ends the run if it is spent."""
        if self._budget.debit(job):
            return True
        self._skipped += 1
        self._recorder.note("stopped", {"worker": self.worker, "why": "budget", "reason": "the budget is spent"})
        self.stop(self._options.drain)
        return False

    def _say(self, live: LiveSession, chain: Chain, due: int, queued: bool = False) -> None:
        """Send the next request of a session."""
        assert self._dialogues is not None
        now, job = time.monotonic_ns(), live.job(chain)
        if now >= self._stop_at or not self._affords(job):
            self._dialogues.drop(live)
            return
        live.requests += 1
        chain.requests += 1
        phase = WARMUP if due < self._warm else MEASURED
        self._said += 1
        keep = self._keeps(self._said * self._workers, now)
        call = SessionCall(
            f"{live.id}.{live.requests}",
            job,
            due,
            time.monotonic_ns(),
            phase,
            queued,
            keep,
            live=live,
            chain=chain,
            number=chain.requests,
        )
        request = self._head.request(job)
        header = self._options.session_header
        self._client.send(call, marked(request, header, self._affinity(live)) if header else request)

    def _affinity(self, live: LiveSession) -> str:
        """The value of the session header, unique to a session and a run."""
        return f"{self._options.seed:x}-{live.id}"

    def _keeps(self, index: int, now: int) -> bool:
        """Whether this exchange is kept for the checks; kept exchanges are spread over the run.

        Two in a row are kept, which are mostly in progress at once, so that mixed-up answers can be detected.
        """
        pair, second = divmod(index // self._workers, 2)
        if second:
            return pair == self._kept_pair
        if now < self._keep_from or pair % self._options.sample_every:
            return False
        self._keep_from += 2 * self._keep_gap
        self._kept_pair = pair
        return True

    def _disk_failed(self, reason: str) -> None:
        print(f"echosounder: {reason}", file=sys.stderr, flush=True)
        self.stop()

    def _sweep(self) -> None:
        now = time.monotonic_ns()
        self._vitals.beat(now)
        self._client.sweep(now)
        if self._dialogues is not None and now >= self._stop_at:
            self._dialogues.stop(now)
        self._dispatcher.adjust(now)
        self._fill()
        if now - self._flushed >= self._options.flush * SECOND:
            self._flushed = now
            self._tick(now)
        if self._nothing_left(now):
            self._finish(now)

    def _nothing_left(self, now: int) -> bool:
        over = now >= self._stop_at or self._dispatcher.exhausted
        return over and (not self._dispatcher.busy or now >= self._drained)

    def _tick(self, now: int) -> None:
        counts = {
            "scheduled": self._dispatcher.scheduled,
            "skipped": self._skipped,
            "unsent": self._dispatcher.waiting,
            "in_flight": self._client.in_flight,
            "completed": self._completed,
            "failed": self._failed,
            **(self._limited.facts if self._limited else {}),
        }
        self._recorder.note(
            "tick", {"worker": self.worker, "at": now, **counts, **self._vitals.take(), "opened": self._client.opened}
        )
        self._recorder.flush()
        if not self._tripped and resident_kb() > MOST_KB:
            reason = f"a worker took {MOST_KB // 1024} MB of memory: the target sends too much data to this many users"
            self.trip(Trip("memory", reason))

    def _finish(self, now: int) -> None:
        if self._over:
            return
        self._over = True
        # A rate lasts for its whole duration, even if no more requests are due; a trace ends with its last line.
        stopped = min(self._stop_at, now) if self._options.trace else self._stop_at
        try:
            self._alarm.stop()
            self._sweeper.stop()
            self._client.cancel(self._cause)
            self._client.close()
            self._tick(now)
            waited = self._dispatcher.waited(self._warm, self._stop_at)
            self._recorder.note(
                "end", {"worker": self.worker, "at": now, "stopped_sending": stopped, "unsent_us": waited}
            )
            self._recorder.close()
        finally:
            self._ended()
