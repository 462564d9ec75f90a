"""The sessions of a worker in progress: which request comes next, and when. Uses no sockets, and the loop only for its alarm."""

import heapq
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec

from echosounder.load.client.call import ActiveCall, Job
from echosounder.load.client.reader import StreamReader
from echosounder.load.sample import Sample
from echosounder.load.worker.alarm import Alarm
from echosounder.load.worker.dialogue import Chain, Dialogue, Next
from echosounder.wire import sse
from echosounder.wire.answer import Answer, Mark
from echosounder.wire.formats import Format
from echosounder.wire.stream import StreamEnd
from echosounder.wire.strict_json import parse

SECOND = 1_000_000_000
COMPLETE, FAILED, CUT = "complete", "failed", "cut"
"""How a session ends: with its last answer, with a request that failed, or because the run was over."""

WHOLE = (StreamEnd.DONE, StreamEnd.FINISH_WITHOUT_DONE)

_strict = msgspec.json.Decoder().decode


class Listener(StreamReader):
    """A stream reader that keeps the answer, because the next request repeats it."""

    __slots__ = ("heard",)

    def __init__(self, format: Format) -> None:
        super().__init__(format)
        self.heard: list[bytes] = []

    def feed(self, at: int, pieces: Any) -> None:
        self.heard += pieces
        super().feed(at, pieces)


@dataclass(slots=True, eq=False)
class SessionCall(ActiveCall):
    """A request of a session. ``number`` counts the requests of its ``chain``."""

    live: "LiveSession" = field(kw_only=True)
    chain: Chain = field(kw_only=True)
    number: int = field(kw_only=True)

    def __post_init__(self) -> None:
        ActiveCall.__post_init__(self)
        self.reader = Listener(self.format)

    @property
    def session(self) -> str:
        """The session's id, with the number of the sub-agent after a slash."""
        return f"{self.live.id}/{self.chain.number}" if self.chain.number else self.live.id

    def answer(self) -> Answer:
        """The whole answer; empty if it cannot be read."""
        if not self.framing.streamed:
            try:
                return self.format.answer(json.loads(b"".join(self.body)))
            except (ValueError, RecursionError):
                return Answer()
        assert isinstance(self.reader, Listener)
        events = sse.Decoder().feed(b"".join(self.reader.heard))
        found = (item for item in events if isinstance(item, sse.Event))
        return self.format.joined([(place, _mark(self.format, event)) for place, event in enumerate(found)])


@dataclass(slots=True, eq=False)
class LiveSession:
    """A session in progress, and its sums. ``begin``: when its first request was due, ns; ``busy_us``: total duration of its answers."""

    id: str
    item: str
    phase: str
    begin: int
    dialogue: Dialogue
    job: Callable[[Chain], Job]
    requests: int = 0
    prompt: int = 0
    hit: int = 0
    output: int = 0
    split: bool = True  # all answers so far reported hits and misses
    failed: bool = False
    busy_us: int = 0


class Dialogues:
    """``begin`` starts a session with its first request; ``answered`` adds the requests that follow; ``send`` is called with each when
    it is due, ``ended`` with the record of each finished session.
    """

    def __init__(
        self, loop: Any, send: Callable[[LiveSession, Chain, int], None], ended: Callable[[dict[str, Any]], None]
    ) -> None:
        self._send, self._ended = send, ended
        self._alarm = Alarm(loop, self._ring, time.monotonic_ns)
        self._due: list[tuple[int, int, LiveSession, Chain]] = []
        self._numbers = count()
        self._over = False

    def answered(self, call: SessionCall, record: Sample) -> None:
        """Record an answer, and schedule the requests that follow it."""
        live = call.live
        live.busy_us += max((record.t_closed or record.t_dispatched) - record.t_dispatched, 0) // 1000
        _count(live, record)
        live.failed = live.failed or bool(record.failure)
        at = record.t_closed or time.monotonic_ns()
        if live.failed or self._over or record.end not in WHOLE:  # a conversation cannot go on without its answer
            self._dropped(live, at)
            return
        for following in live.dialogue.answered(call.chain, call.answer()):
            self._later(live, following, at)
        if not live.dialogue.open:
            self._end(live, at, COMPLETE)

    def drop(self, live: LiveSession) -> None:
        """A request of the session is not sent because the budget is exhausted."""
        self._dropped(live, time.monotonic_ns())

    def stop(self, now: int) -> None:
        """Send nothing more: sessions in a pause are ended."""
        if not self._over:
            self._over = True
            self._alarm.stop()
            waiting, self._due = self._due, []
            for _, _, live, _ in waiting:
                self._dropped(live, now)

    def _dropped(self, live: LiveSession, at: int) -> None:
        live.dialogue.open -= 1
        if not live.dialogue.open:
            self._end(live, at, FAILED if live.failed else CUT)

    def _end(self, live: LiveSession, at: int, how: str) -> None:
        self._ended(
            {
                "id": live.id,
                "item": live.item,
                "phase": live.phase,
                "ended": how,
                "begin": live.begin,
                "at": at,
                "busy_us": live.busy_us,
                "requests": live.requests,
                "questions": live.dialogue.questions,
                "calls": live.dialogue.calls,
                "subagents": live.dialogue.subagents,
                "prompt": live.prompt,
                "hit": live.hit if live.split else None,
                "output": live.output,
            }
        )

    def _later(self, live: LiveSession, following: Next, at: int) -> None:
        due = at + round(following.pause * SECOND)
        heapq.heappush(self._due, (due, next(self._numbers), live, following.chain))
        self._alarm.set(self._due[0][0])

    def _ring(self) -> None:
        now = time.monotonic_ns()
        while self._due and self._due[0][0] <= now:
            due, _, live, chain = heapq.heappop(self._due)
            self._send(live, chain, due)
        if self._due:
            self._alarm.set(self._due[0][0])


def _count(live: LiveSession, record: Sample) -> None:
    usage = record.usage
    hit = None if usage is None else usage.cached if usage.hit is None else usage.hit
    live.split = live.split and hit is not None
    if usage is not None:
        live.prompt += usage.prompt or 0
        live.hit += hit or 0
        live.output += usage.completion or 0


def _mark(format: Format, event: sse.Event) -> Mark:
    data = event.data.encode("utf-8", "surrogatepass")
    if data == format.marker:
        return Mark(end=True)
    try:
        value = _strict(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        try:
            value = parse(event.data).value
        except (ValueError, RecursionError):
            return Mark()
    return format.mark(event.event, value)
