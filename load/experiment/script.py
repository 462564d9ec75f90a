"""Experiments as scripts: generators that yield the next action and receive its result. No socket, no clock.

A script yields a :class:`ScriptStep` and is sent :class:`News`. Its runner (:mod:`load.experiment.sender`, or a
simulation in the tests) sends every request at its time and resumes the script at the first news, or at ``until``. All
times are seconds since the script began.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from echosounder.load.client.call import Job
from echosounder.load.sample import Sample
from echosounder.wire.exchange import Exchange, Headers

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DueRequest:
    """One request to send. ``at`` is when it is due; a time in the past means immediately. ``keep``: keep the whole exchange.

    ``key`` is the index of the API key to send it with. ``hang_up``: tokens of a stream after which the client closes the connection.
    """

    id: int
    job: Job
    at: float = 0.0
    key: int = 0
    keep: bool = False
    hang_up: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of a request so far. The target decided at some time between ``sent`` and ``answered``; the client cannot know more
    precisely.

    ``status`` is None if no HTTP response came; ``closed`` is None while the answer continues. ``sample`` and, if requested,
    ``exchange`` are set once it has ended. ``kept``: the connection can be reused.
    """

    ask: DueRequest
    sent: float
    answered: float
    status: int | None = None
    headers: Headers = ()
    closed: float | None = None
    kept: bool | None = None
    sample: Sample | None = None
    exchange: Exchange | None = None

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass(frozen=True, slots=True)
class ScriptStep:
    asks: tuple[DueRequest, ...] = ()
    until: float | None = None


@dataclass(frozen=True, slots=True)
class News:
    """The time, and the outcomes that are new or changed."""

    now: float
    outcomes: tuple[Outcome, ...] = ()


Script = Generator[ScriptStep, News, T]


class Stopped(Exception):
    """Raised inside a script that may not continue: ``kind`` is budget, time, interrupted, key-refused or no-balance."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


@dataclass(slots=True)
class Book:
    """Record of a script's requests and answers; its methods are the steps of scripts."""

    now: float = 0.0
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    asked: int = 0

    def ask(
        self, job: Job, at: float = 0.0, key: int = 0, keep: bool = False, hang_up: int | None = None
    ) -> DueRequest:
        self.asked += 1
        return DueRequest(self.asked, job, at, key, keep, hang_up)

    def turn(self, asks: Iterable[DueRequest] = (), until: float | None = None) -> Script[tuple[Outcome, ...]]:
        """Send *asks*; return at the first news or at *until*."""
        news = yield ScriptStep(tuple(asks), until)
        self.now = max(self.now, news.now)
        self.outcomes.update((outcome.ask.id, outcome) for outcome in news.outcomes)
        return news.outcomes

    def wait(self, until: float) -> Script[None]:
        while self.now < until:
            yield from self.turn(until=until)

    def answered(self, asks: Sequence[DueRequest]) -> Script[list[Outcome]]:
        """Send *asks* and wait until each has its status."""
        return (yield from self._until(asks, lambda outcome: True))

    def ended(self, asks: Sequence[DueRequest]) -> Script[list[Outcome]]:
        """Send *asks* and wait until each answer has ended."""
        return (yield from self._until(asks, lambda outcome: outcome.closed is not None))

    def closed(self, asks: Sequence[DueRequest]) -> Script[list[Outcome]]:
        """Wait until *asks*, sent before, have ended."""
        while any(self._open(ask) for ask in asks):
            yield from self.turn()
        return self.of(asks)

    def of(self, asks: Iterable[DueRequest]) -> list[Outcome]:
        return [self.outcomes[ask.id] for ask in asks if ask.id in self.outcomes]

    def _open(self, ask: DueRequest) -> bool:
        outcome = self.outcomes.get(ask.id)
        return outcome is None or outcome.closed is None

    def _until(self, asks: Sequence[DueRequest], done: Callable[[Outcome], bool]) -> Script[list[Outcome]]:
        waiting = {ask.id for ask in asks}
        batch = tuple(asks)
        while waiting:
            outcomes = yield from self.turn(batch)
            batch = ()
            waiting -= {outcome.ask.id for outcome in outcomes if done(outcome)}
        return self.of(asks)
