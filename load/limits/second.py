"""Detects another limiter behind the first one. It only shows below the first limit, over a longer time."""

from dataclasses import dataclass, replace

from echosounder.judgement.limiter import NAMED, LimiterKind
from echosounder.load.experiment.script import Outcome, Script, Stopped
from echosounder.load.limits import simulate
from echosounder.load.limits.bench import Bench, recover, refused
from echosounder.load.limits.conclude import ESTIMATORS, PER_TIME, Identified
from echosounder.load.limits.drain_rate import per_time
from echosounder.load.limits.policies import rest
from echosounder.load.limits.seen import Fit, Range, Record, seen

PACE, BELOW = 1.15, 0.85  # times what the first gives back; less where what it refuses counts, too
WINDOWS, LEAST, SECONDS, REQUESTS = 3, 8.0, 40.0, 300  # for which it is kept up: at least, at least, at most, at most
OUTAGE = 2.5  # times the window, without an accept: longer than the first explains
TURNS = 40  # times as many as a cap, one after the other
RESTED, LEAST_REST, LONGEST_REST = 3.0, 5.0, 90.0  # times as long as using it up, s, s: then it rests
STRICTER = 0.85  # share of its limit, for what the first limiter explains for certain
NEAR = 0.05  # strain up to which a second limiter is named: what the first refused is known less well
ROUNDS = 2  # of the second that are waited for
TRIES = 3  # from ever longer silence


@dataclass(frozen=True, slots=True)
class Further:
    """``tried``: whether another limiter was searched for, with a number of ``seconds`` and ``requests``; ``fit``: the limiter found,
    or None; ``needs``: why a detected limiter cannot be identified.
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
    """As many as nearly fill the cap, again and again: a cap has no reason to refuse any of them."""
    assert found.fit.limit is not None
    size, pause = max(round(found.fit.limit.low) - 1, 1), bench.slack + found.fit.lag
    turns = min(TURNS, REQUESTS // size, max((bench.goal.requests - bench.book.asked) // (4 * size), 0))
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
    """What limits the requests per time, found with fewer in flight than the cap takes."""
    mine, bench.mine, bench.together = bench.mine, set(), together
    try:
        begin = bench.now
        yield from recover(bench)
        pause = min(max(RESTED * (bench.now - begin + made.seconds), LEAST_REST), SECONDS)
        second = yield from _from_rest(bench, pause)
        if second.fit.kind in NAMED and pause < rest(second) < LONGEST_REST:  # it was not full when it was looked at
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
    """From rest, slightly more than the first gives, until nothing comes for longer than it explains; once more after that."""
    fit = found.fit
    assert fit.limit is not None
    window = fit.window.high if fit.window else 1 / fit.limit.low
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
            seconds = []  # what it lets through from rest is known only of one that was at rest
    except Stopped as stop:
        bench.stopped = stop if stop.kind != "patience" else None
        seconds = []
    made = Further(True, bench.now - begin, bench.book.asked - asked)
    if not seconds:
        return replace(made, needs=f"{says}; a longer --duration shows its kind")
    rivals = ", ".join(str(rival.kind) for rival in seconds[1:])
    return replace(made, fit=seconds[0], needs=f"of the slower limiter {rivals} explains as much" if rivals else "")


def _kept_up(bench: Bench, mine: list[int], rate: float, seconds: float, outage: float) -> Script[bool]:
    """True where nothing was accepted any more for as long as *outage*."""
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
    """Wait for it to accept again, with ever longer pauses."""
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
    """What even a stricter first limiter would serve, the first does not explain."""
    assert fit.limit is not None
    if fit.kind is LimiterKind.BUCKET:
        burst = fit.burst and Range(max(fit.burst.low - 1, 1.0), max(fit.burst.low - 1, 1.0))
        return replace(fit, limit=Range(STRICTER * fit.limit.low, STRICTER * fit.limit.low), burst=burst)
    window = fit.window and Range(fit.window.high / STRICTER, fit.window.high / STRICTER)
    limit = max(STRICTER * fit.limit.low, 1.0)
    return replace(fit, limit=Range(limit, limit), window=window, period=window.mid if window else None)


def _behind(record: Record, first: Fit, slack: float) -> list[Fit]:
    """The kinds that explain the refusals that the first does not; the likeliest first."""
    served = {id(each): by_first for each, _, by_first in simulate.predictions(record, _stricter(first))}
    left = Record(tuple(each for each in record.all if each.accepted or served[id(each)]))
    if not left.refusals:
        return []
    fits = [ESTIMATORS[kind](left, slack) for kind in PER_TIME]
    near = simulate.likely(left, [fit for fit in fits if fit.strain <= NEAR])
    return sorted(near, key=lambda fit: (fit.strain, -simulate.agreement(left, fit)))
