"""Steps of experiments: fill, watch, drain, recover, saturate. Each sends as few requests as possible."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.client.call import Job
from echosounder.load.experiment.script import Book, DueRequest, Outcome, Script, Stopped
from echosounder.load.limits.goal import LimiterGoal, LimiterJobs, RequestSize
from echosounder.load.limits.seen import Fit, Range, Record, seen
from echosounder.wire.errors import CannotJudge
from echosounder.wire.exchange import TURNED_AWAY

SAMPLE_TOKENS = 32  # length of the answer from which the time per token is measured
HOLD = (0.6, 8.0)  # s for which a request is held in flight: minimum, maximum
HOLD_TOKENS = 4096
RATIO = 1.1  # growth factor of the time since the refusal, from poll to poll
PATIENT = 6.0  # s of single requests; then more at a time, because a limiter that refills as fast as we ask would never refuse
TOGETHER = 64  # from this many at a time on, wait for their ends, because the limiter may count ended requests only
POLLS = 12  # polls between the bounds of the expected recovery
LEAST_POLL = 0.004  # s

Wall = Callable[[float], datetime]  # script time -> time of day


@dataclass(slots=True)
class Bench:
    """The state of an experiment. Times in s: ``rtt``, from sending to the status; ``itl``, per token; ``hold``, for
    which a request is held open.

    """

    goal: LimiterGoal
    asking: LimiterJobs
    book: Book = field(default_factory=Book)
    rtt: float = 0.005
    itl: float = 0.02
    ttft: float = 0.0
    hold: float = HOLD[0]
    stopped: Stopped | None = None
    # maximum number of requests that a drain sends at once; one more would fill a known cap
    together: int | None = None
    arrival: bool = False  # the limiter decides on arrival, but some answers come later
    gentle: bool = False  # send sequentially: a limiter that counts ended requests would count a burst too late
    mine: set[int] = field(default_factory=set)  # ids of the requests that the estimators read

    @property
    def now(self) -> float:
        return self.book.now

    @property
    def slack(self) -> float:
        """Time after its last byte for which a request may still count, or the byte may be in transit, s."""
        return 0.02 + 2 * self.rtt

    @property
    def record(self) -> Record:
        mine = [outcome for id, outcome in self.book.outcomes.items() if id in self.mine]
        record = seen(mine, self.slack, self.gentle, self.arrival)
        return record if self.together is None else record.below(self.together + 1, self.slack)

    @property
    def hold_tokens(self) -> int:
        return min(max(round((self.hold - self.ttft) / max(self.itl, 1e-5)), 2), HOLD_TOKENS)

    def short(self, at: float = 0.0) -> DueRequest:
        return self.ask(self.asking.job(1), at)

    def held(self, share: float = 1.0) -> DueRequest:
        return self.ask(self.asking.job(max(round(self.hold_tokens * share), 2)))

    def sized(self, size: RequestSize) -> DueRequest:
        """A request of another size, excluded from the estimators, which assume that all requests are alike."""
        return self.book.ask(self.asking.job(size.tokens, size=size))

    def decided(self, asks: Sequence[DueRequest]) -> Script[list[Outcome]]:
        """Wait until the requests count: until their status, or their last byte if ``gentle``."""
        return (yield from self.book.ended(asks) if self.gentle else self.book.answered(asks))

    def ask_other(self, at: float = 0.0) -> DueRequest:
        """A short request for comparison, excluded from the estimators."""
        return self.book.ask(self.asking.job(1), at)

    def ask(self, job: Job, at: float = 0.0) -> DueRequest:
        made = self.book.ask(job, at)
        self.mine.add(made.id)
        return made


def refused(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.status in TURNED_AWAY for outcome in outcomes)


def accepted(outcomes: Sequence[Outcome]) -> int:
    return sum(outcome.status == 200 for outcome in outcomes)


def calibrate(bench: Bench) -> Script[None]:
    """Measure how fast the target decides and writes. Raises :class:`CannotJudge` if it serves no request."""
    first = yield from _first(bench)
    [sample] = yield from bench.book.ended([bench.ask(bench.asking.job(SAMPLE_TOKENS))])
    if sample.status in TURNED_AWAY:
        yield from recover(bench)
        [sample] = yield from bench.book.ended([bench.ask(bench.asking.job(SAMPLE_TOKENS))])
    bench.rtt = max(min(first.answered - first.sent, sample.answered - sample.sent), 0.001)
    bench.itl, bench.ttft = _pace(sample)
    bench.hold = min(max(16 * bench.rtt, HOLD[0]), HOLD[1])


def _first(bench: Bench) -> Script[Outcome]:
    [first] = yield from bench.book.ended([bench.short()])
    if first.status in TURNED_AWAY:
        first = yield from recover(bench)
    if first.status != 200:
        said = (first.sample.error or first.sample.failure) if first.sample else ""
        raise CannotJudge(f"a plain request is answered {first.status or said}, so limits cannot be measured: {said}")
    return first


def _pace(outcome: Outcome) -> tuple[float, float]:
    """Seconds per token, and until the first token."""
    sample = outcome.sample
    if sample is None or sample.t_first_token is None or sample.t_last_token is None or sample.t_sent is None:
        return 0.02, 0.0
    tokens = (sample.usage.completion if sample.usage else None) or sample.token_events
    ttft = (sample.t_first_token - sample.t_sent) / 1e9
    return max((sample.t_last_token - sample.t_first_token) / 1e9 / max(tokens - 1, 1), 1e-5), ttft


def fill(bench: Bench, most: int) -> Script[list[DueRequest]]:
    """Put requests in flight and hold them open, doubling the number each time, until one is refused or *most* are held."""
    held: list[DueRequest] = []
    while len(held) < most:
        batch = [bench.held() for _ in range(min(max(len(held), 1), most - len(held)))]
        outcomes = yield from bench.book.answered(batch)
        held += batch
        if refused(outcomes):
            break
    return held


def watch(bench: Bench, held: Sequence[DueRequest], polls: int) -> Script[None]:
    """Poll with short requests until *held* have ended, *polls* times per hold."""
    step = max(bench.hold / polls, bench.rtt, LEAST_POLL)
    due = bench.now + step
    while any(outcome.closed is None for outcome in bench.book.of(held)):
        yield from bench.book.wait(due)
        yield from bench.book.answered([bench.short()])
        due = max(due + step, bench.now)


def drain(bench: Bench, expected: int = 1) -> Script[int]:
    """Send short requests until one is refused; returns the number accepted. *expected* of them are sent at once."""
    begin, count, size = bench.now, 0, min(max(expected, 1), bench.together or expected)
    while True:
        if bench.gentle or bench.together:
            outcomes = yield from bench.book.ended(
                [bench.short() for _ in range(1 + int((bench.now - begin) / PATIENT) if bench.gentle else size)]
            )
        else:
            outcomes = yield from bench.book.answered([bench.short() for _ in range(size)])
            if size >= TOGETHER and not refused(outcomes):  # the limiter may count ended requests only
                yield from bench.book.wait(bench.now + bench.ttft + bench.slack)
        count += accepted(outcomes)
        if refused(outcomes):
            return count
        size = min(2 * size if expected <= 1 else max(count // 8, 2), bench.together or bench.goal.in_flight)


def recover(bench: Bench, expected: Range | None = None) -> Script[Outcome]:
    """Poll until a request is accepted: at short intervals around the times in *expected*, else at growing intervals."""
    since = bench.now
    upcoming = _polls(bench, expected)
    while True:
        due = max(upcoming(bench.now, since), bench.now + max(bench.rtt / 2, LEAST_POLL))
        if due > since + bench.goal.patience + (max(expected.high - since, 0.0) if expected else 0.0):
            waited = f"nothing was accepted for {bench.now - since:.0f} s after a refusal"
            raise Stopped("patience", f"{waited}; a longer --duration waits longer")
        yield from bench.book.wait(due)
        [outcome] = yield from bench.decided([bench.short()])
        if outcome.status == 200:
            return outcome


def _polls(bench: Bench, expected: Range | None) -> Callable[[float, float], float]:
    """Return a function of the current time and the begin of polling that gives the time of the next poll."""
    if expected is None:
        return lambda now, since: since + (now - since) * RATIO
    margin = max((expected.high - expected.low) / POLLS, bench.rtt)
    begin = expected.low - 2 * margin

    def next_poll(now: float, since: float) -> float:
        if now < begin:
            return begin
        if now < expected.high + 2 * margin:
            return now + margin
        return expected.low + (now - expected.low) * RATIO

    return next_poll


def typical(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def saturate(bench: Bench, fit: Fit, hold: float | None = None) -> Script[list[DueRequest]]:
    """Exhaust the limiter; returns the requests that occupy the places of a cap."""
    if fit.kind is not LimiterKind.CONCURRENCY or fit.limit is None:
        yield from drain(bench, round(fit.limit.high) if fit.limit and fit.kind is not LimiterKind.BUCKET else 1)
        return []
    held = [bench.held(hold / bench.hold if hold else 1.0) for _ in range(round(fit.limit.high))]
    yield from bench.book.answered(held)
    yield from bench.book.answered([bench.short()])
    return held
