"""Effect of retry policies on throughput: the same burst of jobs, offered by four clients that differ in their policy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import DueRequest, Outcome, Script
from echosounder.load.limits.bench import Bench, Wall
from echosounder.load.limits.conclude import Identified
from echosounder.load.limits.hints import hint
from echosounder.wire.exchange import TURNED_AWAY

ATTEMPTS = 6
EXCESS = (4, 16)  # jobs beyond what the limiter accepts at once: minimum, maximum
LONGEST = 20.0  # maximum duration of one client, s

Delay = Callable[
    [int, float | None, Random, float], float | None
]  # attempt, hint s, random, base s -> wait s, or give up


@dataclass(frozen=True, slots=True)
class Retries:
    """Result of one client. ``seconds`` until the last job was done or given up, ``rest`` until the limiter had
    recovered.

    ``goodput_per_s``: jobs done per second of ``seconds`` and ``rest`` together. Without the rest, a client that uses
    the burst and gives up all other jobs would seem faster than the limiter allows.
    """

    policy: str
    jobs: int
    done: int
    abandoned: int
    sent: int
    seconds: float
    rest: float = 0.0
    abandoned_at: tuple[float, ...] = ()

    @property
    def goodput_per_s(self) -> float:
        return self.done / (self.seconds + self.rest) if self.seconds + self.rest else 0.0

    @property
    def requests_per_job(self) -> float | None:
        return self.sent / self.done if self.done else None


POLICIES: dict[str, Delay] = {
    "none": lambda attempt, said, random, base: None,
    "fixed": lambda attempt, said, random, base: base,
    # "Full jitter": a random fraction of a wait that doubles with each attempt.
    "exponential-jitter": lambda attempt, said, random, base: random.uniform(0, base * 2**attempt),
    "retry-after": lambda attempt, said, random, base: said,
}


def policies(bench: Bench, found: Identified, base: float, wall: Wall, hinted: bool) -> Script[list[Retries]]:
    """Run each client in turn, from a limiter at rest. *base*: unit of the waiting times, s; Retry-After is tested only if the target
    sends it.
    """
    results = []
    for name, delay in POLICIES.items():
        if name == "retry-after" and not hinted:
            continue
        yield from bench.book.wait(bench.now + rest(found) + bench.slack)
        results.append((yield from _client(bench, found, name, delay, base, wall)))
    return results


def rest(found: Identified) -> float:
    """Seconds until an idle limiter is back in its initial state."""
    fit = found.fit
    if fit.kind is LimiterKind.BUCKET and fit.limit and fit.burst:
        return fit.burst.high / fit.limit.low + (fit.turn if fit.portion else 0.0)
    windows = 2 if fit.fading else 1  # a fading count lasts for two windows
    return (windows * fit.window.high if fit.window else fit.lag) + (found.penalty or 0.0)


def affordable(bench: Bench, found: Identified) -> bool:
    """Whether all clients fit into the remaining time and requests."""
    jobs = _jobs(found)
    seconds = len(POLICIES) * (2 * rest(found) + 2 * bench.hold)
    return (
        rest(found) < LONGEST
        and bench.now + seconds < bench.goal.seconds
        and bench.book.asked + 8 * jobs < bench.goal.requests
    )


def _jobs(found: Identified) -> int:
    number = found.fit.burst if found.fit.kind is LimiterKind.BUCKET else found.fit.limit
    size = round(number.mid) if number else 1
    return size + min(max(size // 4, EXCESS[0]), EXCESS[1])


def _client(bench: Bench, found: Identified, name: str, delay: Delay, base: float, wall: Wall) -> Script[Retries]:
    random, begin = Random(f"{bench.goal.seed} {name}"), bench.now
    jobs = _jobs(found)
    tokens = max(bench.hold_tokens // 3, 1) if found.fit.kind is LimiterKind.CONCURRENCY else 1
    waiting: dict[int, int] = {}  # request id -> number of earlier attempts
    abandoned: list[float] = []
    done = sent = 0
    batch: list[DueRequest] = []

    def retry(attempt: int, wait: float) -> None:
        ask = bench.book.ask(bench.asking.job(tokens), bench.now + wait)
        waiting[ask.id] = attempt
        batch.append(ask)

    for _ in range(jobs):
        retry(0, 0.0)
    while waiting:
        sent += len(batch)
        outcomes = yield from bench.book.turn(tuple(batch))
        batch.clear()
        for outcome in outcomes:
            if outcome.closed is None or outcome.ask.id not in waiting:
                continue
            attempt = waiting.pop(outcome.ask.id)
            wait = _wait(outcome, attempt, delay, random, base, wall)
            if outcome.status == 200:
                done += 1
            elif wait is None or bench.now + wait > begin + LONGEST:
                abandoned.append(bench.now)
            else:
                retry(attempt + 1, wait)
    return Retries(name, jobs, done, len(abandoned), sent, bench.now - begin, rest(found), tuple(abandoned))


def best(results: Sequence[Retries]) -> Retries | None:
    """The client that gives up the fewest jobs; among equals the one with the fewest requests per job, then the
    fastest. None if even that client does not complete most of its jobs.

    """
    if not results:
        return None
    first = min(results, key=lambda each: (each.abandoned, round(each.requests_per_job or ATTEMPTS, 1), each.seconds))
    return first if first.done > first.abandoned else None


def _wait(outcome: Outcome, attempt: int, delay: Delay, random: Random, base: float, wall: Wall) -> float | None:
    if outcome.status not in TURNED_AWAY or attempt + 1 >= ATTEMPTS:
        return None
    said = hint(outcome, wall(outcome.answered))
    return delay(attempt, said.wait if said else None, random, base)
