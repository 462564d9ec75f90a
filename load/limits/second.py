"""Detects another limiter behind the first one, which only shows below the first limit and over a longer time."""

from dataclasses import dataclass, replace

from echosounder.judgement.limiter import NAMED, LimiterKind
from echosounder.load.experiment.script import Outcome, Script, Stopped
from echosounder.load.limits import simulate
from echosounder.load.limits.bench import Bench, recover, refused
from echosounder.load.limits.conclude import ESTIMATORS, PER_TIME, Identified
from echosounder.load.limits.drain_rate import per_time
from echosounder.load.limits.policies import rest
from echosounder.load.limits.seen import Fit, Range, Record, seen

PACE, BELOW = 1.15, 0.85  # sending rate in multiples of the first limit; the lower one if refused requests count too
WINDOWS, LEAST, SECONDS, REQUESTS = (
    3,
    8.0,
    40.0,
    300,
)  # duration of sending: minimum in windows, minimum s, maximum s, maximum number of requests
OUTAGE = 2.5  # windows without an accept that the first limiter does not explain
TURNS, SENT = 40, 240  # number of batches of nearly the cap, and of requests, whichever takes longer
RESTED, LEAST_REST, LONGEST_REST = 3.0, 5.0, 90.0  # rest in multiples of the time to exhaust it; minimum and maximum, s
STRICTER = 0.85  # share of the first limit up to which that limiter certainly serves
NEAR = 0.05  # strain up to which a second limiter is named, because its refusals are known less precisely
ROUNDS = 2  # number of recoveries of the second limiter observed
TRIES = 3  # tries, from increasing silences


@dataclass(frozen=True, slots=True)
class Further:
    """Result of the search for another limiter. ``tried``: whether it was made, taking ``seconds`` and ``requests``;
    ``fit``: the limiter found, or None; ``needs``: why a detected limiter cannot be identified.
    """

    tried: bool = False
    seconds: float = 0.0
    requests: int = 0
    fit: Fit | None = None
    needs: str = ""


UNTRIED = Further()


def further(bench: Bench, found: Identified) -> Script[Further]:
    if found.fit.kind is LimiterKind.CONCURRENCY:
        return (yield from _behind_cap(bench, found))
    return (yield from _slower(bench, found))


# ------------------------------------------------------------------------------------------------------------ behind a cap


def _behind_cap(bench: Bench, found: Identified) -> Script[Further]:
    """Search behind a cap: send batches of one less than the cap, none of which a cap would refuse."""
    assert found.fit.limit is not None
    size, pause = max(round(found.fit.limit.low) - 1, 1), bench.slack + found.fit.lag
    turns = min(
        max(TURNS, SENT // size), REQUESTS // size, max((bench.goal.requests - bench.book.asked) // (4 * size), 0)
    )
    if turns < 2 or (found.fit.resume is not None and found.fit.resume.low < size):
        return UNTRIED
    yield from bench.book.wait(bench.now + pause + (found.penalty or 0.0))
    begin, sent = bench.now, 0
    for _ in range(turns):
        outcomes = yield from bench.book.ended([bench.ask_other() for _ in range(size)])
        sent += size
        if refused(outcomes):
            return (yield from _per_time(bench, Further(True, bench.now - begin, sent), size))
        yield from bench.book.wait(bench.now + pause)
    return Further(True, bench.now - begin, sent)


def _per_time(bench: Bench, made: Further, together: int) -> Script[Further]:
    """Identify the limiter over time behind a cap, with at most *together* requests in flight."""
    mine, bench.mine, bench.together = bench.mine, set(), together
    try:
        begin = bench.now
        yield from recover(bench)
        pause = min(max(RESTED * (bench.now - begin + made.seconds), LEAST_REST), SECONDS)
        second = yield from _from_rest(bench, pause)
        if (
            second.fit.kind in NAMED and pause < rest(second) < LONGEST_REST
        ):  # the first measurement did not start from rest
            second = yield from _from_rest(bench, RESTED * rest(second))
    except Stopped as stop:
        bench.stopped = stop
        second = Identified(Fit(LimiterKind.UNRESOLVED, 1.0), needs=[str(stop)])
    bench.mine, bench.together = mine, None
    if second.fit.kind not in NAMED or second.fit.strain:
        return replace(
            made, needs="; ".join(["another limiter refuses requests that the cap would serve", *second.needs])
        )
    return replace(made, fit=second.fit)


def _from_rest(bench: Bench, pause: float) -> Script[Identified]:
    yield from bench.book.wait(bench.now + pause)
    bench.mine = set()
    return (yield from per_time(bench))


# ------------------------------------------------------------------------------------------------------- behind a window


def _slower(bench: Bench, found: Identified) -> Script[Further]:
    """Search behind a limiter over time: send slightly above its rate until nothing is accepted for longer than it
    explains; then measure the second limiter from rest.
    """
    fit = found.fit
    assert fit.limit is not None
    window = fit.turn
    rate = (BELOW if fit.counted else PACE) * (fit.limit.high / fit.window.low if fit.window else fit.limit.high)
    longest = min(max(WINDOWS * window, LEAST, 10 / rate), SECONDS, REQUESTS / rate)
    if (
        3 * longest + rest(found) > bench.goal.seconds - bench.now
        or rate * longest > bench.goal.requests - bench.book.asked
    ):
        return UNTRIED
    begin, asked, mine = bench.now, bench.book.asked, list[int]()
    outage = OUTAGE * window + 4 / rate + bench.slack
    if not (yield from _kept_up(bench, mine, rate, longest, outage)):
        return Further(True, bench.now - begin, bench.book.asked - asked)
    seconds, says = list[Fit](), f"another, slower limiter refused everything for more than {outage:.1f} s"
    try:
        yield from _recovered(bench, mine)
        silence = 2 * (bench.now - begin)
        for _ in range(TRIES):
            yield from bench.book.wait(bench.now + silence)
            mine.clear()
            for _ in range(ROUNDS):
                yield from _kept_up(bench, mine, rate, SECONDS, outage)
                yield from _recovered(bench, mine)
            seconds = _behind(seen((bench.book.outcomes[id] for id in mine), bench.slack), fit, bench.slack)
            needed = RESTED * rest(Identified(seconds[0])) if seconds else 0.0
            if needed / RESTED <= silence:
                break
            silence = min(needed, LONGEST_REST)
        else:
            seconds = []  # the limiter never rested long enough, so its capacity from rest is unknown
    except Stopped as stop:
        bench.stopped = stop if stop.kind != "patience" else None
        seconds = []
    made = Further(True, bench.now - begin, bench.book.asked - asked)
    if not seconds:
        return replace(made, needs=f"{says}; use a longer --duration to find its kind")
    rivals = ", ".join(str(rival.kind) for rival in seconds[1:])
    return replace(made, fit=seconds[0], needs=f"of the slower limiter {rivals} explains as much" if rivals else "")


def _kept_up(bench: Bench, mine: list[int], rate: float, seconds: float, outage: float) -> Script[bool]:
    """Send at *rate* for *seconds*; returns whether nothing was accepted for *outage* s."""
    begin = last = bench.now
    while bench.now - begin < seconds or bench.now - last > outage / 2:
        outcome = yield from _one(bench, mine)
        if outcome.status == 200:
            last = bench.now
        elif bench.now - last > outage:
            return True
        yield from bench.book.wait(max(begin, outcome.sent + 1 / rate))
    return False


def _recovered(bench: Bench, mine: list[int]) -> Script[None]:
    """Poll with increasing pauses until a request is accepted. Raises :class:`Stopped` when patience is exhausted."""
    begin = bench.now
    while (yield from _one(bench, mine)).status != 200:
        if bench.now - begin > bench.goal.patience:
            raise Stopped("patience", "it does not accept again")
        yield from bench.book.wait(bench.now + max((bench.now - begin) * 0.05, 0.05))


def _one(bench: Bench, mine: list[int]) -> Script[Outcome]:
    ask = bench.ask_other()
    mine.append(ask.id)
    return (yield from bench.book.answered([ask]))[0]


def _stricter(fit: Fit) -> Fit:
    """A stricter version of the first limiter: refusals of requests that even this one would serve are not the first limiter's."""
    assert fit.limit is not None
    if fit.kind is LimiterKind.BUCKET:
        burst = fit.burst and Range(max(fit.burst.low - 1, 1.0), max(fit.burst.low - 1, 1.0))
        return replace(fit, limit=Range(STRICTER * fit.limit.low, STRICTER * fit.limit.low), burst=burst)
    window = fit.window and Range(fit.window.high / STRICTER, fit.window.high / STRICTER)
    limit = max(STRICTER * fit.limit.low, 1.0)
    return replace(fit, limit=Range(limit, limit), window=window, period=window.mid if window else None)


def _behind(record: Record, first: Fit, slack: float) -> list[Fit]:
    """The fits that explain the refusals that the first limiter does not, the likeliest first."""
    served = {id(each): by_first for each, _, by_first in simulate.predictions(record, _stricter(first))}
    left = Record(tuple(each for each in record.all if each.accepted or served[id(each)]))
    if not left.refusals:
        return []
    fits = [ESTIMATORS[kind](left, slack) for kind in PER_TIME]
    near = simulate.likely(left, [fit for fit in fits if fit.strain <= NEAR])
    return sorted(near, key=lambda fit: (fit.strain, -simulate.agreement(left, fit)))
