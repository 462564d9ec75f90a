"""The search as a script: apply a level, wait until it is steady, observe it until there is a verdict, and so on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from statistics import median

from echosounder.load.capacity.holding import Held, backlog, held, needed
from echosounder.load.capacity.search import Search
from echosounder.load.client.call import Job
from echosounder.load.experiment.script import Book, DueRequest, Outcome, Script, Stopped
from echosounder.load.figures.latency import COMPLETED, outcome
from echosounder.load.figures.slo import Slo
from echosounder.load.sample import Sample

LOOK = 0.25  # s between two looks at a level
SETTLE = 1.5  # times an answer takes, until what was begun before the level has left
LEAST = 4.0  # s that a level is watched: a backlog that grows slowly takes time to show
LOOKS = (1, 2, 4)  # times as many requests as it takes at least; then a level stays undecided
GIVEN = 30  # requests of which an early miss is seen
FULL = 3.0  # times as many in flight as the level needs, and the backlog only grows
LATE_MS = 20.0  # of a dispatch at p99, from which it is the client that limits
MET, MISSED, UNDECIDED, CLIENT = "met", "missed", "undecided", "client"
WORDS = {True: MET, False: MISSED, None: UNDECIDED}


@dataclass(frozen=True, slots=True)
class Watched:
    """A level of load and its result. Times in s of the script; ``samples``: those of its steady part, in the order of their due times."""

    level: float
    verdict: str
    why: str
    begin: float
    steady: float
    end: float
    sent: int
    held: tuple[Held, ...] = ()
    samples: tuple[Sample, ...] = ()
    late_ms: float = 0.0


@dataclass(slots=True)
class Hunt:
    """The state of a search. ``closed_loop``: a level is a number of users, else requests per second."""

    search: Search
    slos: tuple[Slo, ...]
    jobs: Callable[[int], Job]
    closed_loop: bool = False
    poisson: bool = False
    seed: int = 0
    book: Book = field(default_factory=Book)
    watched: list[Watched] = field(default_factory=list)
    takes: float | None = None  # s of an answer at the least load
    stopped: Stopped | None = None
    asked: int = 0

    def ask(self, at: float) -> DueRequest:
        self.asked += 1
        return self.book.ask(self.jobs(self.asked - 1), at)

    @property
    def by_client(self) -> bool:
        """Whether the client was unable to keep up at the last level."""
        return bool(self.watched) and self.watched[-1].verdict == CLIENT


def hunt(state: Hunt, tell: Callable[[str], None] = lambda said: None) -> Script[Hunt]:
    """Try levels until the answer is narrow enough, or something stops the search: then the state holds the partial result."""
    try:
        while (level := state.search.next()) is not None:
            tell(f"{level:g}")
            watched = yield from _watch(state, level)
            if watched.verdict == CLIENT:  # another process may have needed the core
                watched = yield from _watch(state, level)
            if watched.verdict == CLIENT:
                break
            state.search.tell(level, {MET: True, MISSED: False}.get(watched.verdict))
    except Stopped as stop:
        state.stopped = stop
    return state


def _watch(state: Hunt, level: float) -> Script[Watched]:
    book, begin, asks = state.book, state.book.now + 0.05, list[DueRequest]()
    times = _due(state, level, begin)
    upcoming = next(times)
    while True:
        until = book.now + LOOK
        fresh = []
        while upcoming < until and not state.closed_loop:
            fresh.append(state.ask(upcoming))
            upcoming = next(times)
        yield from _pass(state, level, asks, fresh, until)
        found = look(state, level, begin, [(ask, book.outcomes.get(ask.id)) for ask in asks])
        if found is not None:
            state.watched.append(found)
            if found.verdict != MET:  # the next level is a lower one, and begins with an empty queue
                yield from book.closed(asks)
            _learn(state, found)
            return found


def _pass(state: Hunt, level: float, asks: list[DueRequest], fresh: list[DueRequest], until: float) -> Script[None]:
    """Send until the next check: due requests, or for users, the next request of each one whose answer has ended."""
    book = state.book
    asks += fresh
    while book.now < until:
        if state.closed_loop:
            fresh = [
                state.ask(0.0) for _ in range(round(level) - sum(map(state.book._open, asks[-round(level) * 2 :])))
            ]
            asks += fresh
        yield from book.turn(fresh, until)
        fresh = []


def _due(state: Hunt, level: float, begin: float) -> Iterator[float]:
    draw, at = Random(f"{state.seed} {level}"), begin
    while True:
        yield at
        at += draw.expovariate(level) if state.poisson else 1 / level


def look(state: Hunt, level: float, begin: float, asked: list[tuple[DueRequest, Outcome | None]]) -> Watched | None:
    """The verdict on a level so far; None if it must be observed further."""
    now, takes = state.book.now, state.takes or _takes(asked)
    if takes is None:
        return None
    steady = begin + SETTLE * takes
    closed = _known(asked, begin if state.takes is None else steady)
    in_flight = sum(each is None or each.closed is None for ask, each in asked if ask.at <= now)
    full = not state.closed_loop and in_flight > FULL * level * takes + GIVEN
    late = _late_ms(closed)
    rows = tuple(held(slo, closed) for slo in state.slos)

    def said(verdict: str, why: str) -> Watched:
        return Watched(level, verdict, why, begin, steady, now, len(asked), rows, tuple(closed), late)

    if len(closed) >= GIVEN and late > LATE_MS:
        return said(CLIENT, f"the client sent {late:.0f} ms late at p99")
    if full:
        return said(MISSED, f"the backlog only grows: {in_flight} in flight")
    return _decide(state, closed, rows, now - steady, said)


def _decide(
    state: Hunt,
    closed: list[Sample],
    rows: tuple[Held, ...],
    seconds: float,
    said: Callable[[str, str], Watched],
) -> Watched | None:
    missed = [f"{row.expr}: {row.beyond} of {row.of} are beyond it" for row in rows if row.met is False]
    if missed and len(closed) >= GIVEN:
        return said(MISSED, "; ".join(missed))
    least = needed(state.slos)
    if len(closed) < least or seconds < LEAST:
        return None
    grows = False if state.closed_loop else backlog(closed)
    if grows:
        return said(MISSED, "the time to first token keeps growing")
    if all(row.met for row in rows) and grows is False:
        return said(MET, "every objective is met")
    if len(closed) >= LOOKS[-1] * least:
        open_ = [f"{row.expr}: {row.beyond} of {row.of}" for row in rows if row.met is None]
        return said(UNDECIDED, "; ".join(open_) or "whether the time to first token grows is unknown")
    return None


def _known(asked: list[tuple[DueRequest, Outcome | None]], since: float) -> list[Sample]:
    """The samples of requests due from *since* on, up to the first whose end is unknown, so that none is omitted for being slow."""
    found: list[Sample] = []
    for ask, each in asked:
        if (ask.at or (each.sent if each else since)) < since:
            continue
        if each is None or each.closed is None or each.sample is None:
            break
        found.append(each.sample)
    return found


def _takes(asked: list[tuple[DueRequest, Outcome | None]]) -> float | None:
    """The shortest duration of an answer so far; 0 if all failed."""
    ended = [each for _, each in asked if each is not None and each.closed is not None and each.sample is not None]
    whole = [each.closed - each.sent for each in ended if each.closed and each.sample and not each.sample.failure]
    return min(whole, default=0.0 if len(ended) >= GIVEN else None)


def _late_ms(samples: list[Sample]) -> float:
    late = sorted(sample.t_dispatched - sample.t_scheduled for sample in samples)
    return late[int(0.99 * len(late))] / 1e6 if late else 0.0


def _learn(state: Hunt, found: Watched) -> None:
    """Record how long an answer takes, from the first level with answers."""
    if state.takes is None:
        spans = [s.t_closed - s.t_dispatched for s in found.samples if s.t_closed and outcome(s) == COMPLETED]
        state.takes = median(spans) / 1e9 if spans else None
