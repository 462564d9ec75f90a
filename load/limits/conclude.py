"""Fits each kind of limiter to the decisions so far, and names the simplest kind that explains them all."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.limits import bucket, concurrency, simulate, windows
from echosounder.load.limits.bench import Bench
from echosounder.load.limits.seen import INFINITY, Fit, Range, Record

PER_TIME = (LimiterKind.BUCKET, LimiterKind.SLIDING, LimiterKind.FIXED)
PUNISHING = 20  # times the round trip; a longer wait between a refusal and the next accept is not an accident
VAGUE = 0.1  # relative error from which a number is too vague for a simulation
BELIEVED = 0.6  # share of the decisions that a named kind must predict correctly
LOOSE = 0.2  # strain up to which the nearest kind is named, although it does not explain everything


@dataclass(slots=True)
class Identified:
    """The kind and its fit; ``rivals`` explain the observations equally well. ``needs`` states what would resolve the ambiguity."""

    fit: Fit
    rivals: tuple[LimiterKind, ...] = ()
    needs: list[str] = field(default_factory=list)
    # upper bound, s, of the time after a refusal in which everything is refused; asking again restarts it
    penalty: float | None = None
    highest_rate: float = 0.0  # requests per second, all accepted, if none was refused
    highest_in_flight: int = 0


# The simplest first: of two kinds that explain everything, the first is chosen.
ESTIMATORS: dict[LimiterKind, Callable[[Record, float], Fit]] = {
    LimiterKind.CONCURRENCY: concurrency.fit,
    LimiterKind.BUCKET: lambda record, slack: bucket.fit(record),
    LimiterKind.SLIDING: lambda record, slack: windows.sliding(record),
    LimiterKind.FIXED: lambda record, slack: windows.fixed(record),
}


def conclude(bench: Bench, kinds: Iterable[LimiterKind] = tuple(ESTIMATORS)) -> Identified:
    """The simplest kind that explains all observations; else the nearest, if it is near enough; else none."""
    record = bench.record
    if not record.all:
        return Identified(Fit(LimiterKind.UNRESOLVED, 1.0), needs=["nothing was accepted"])
    found = sorted((ESTIMATORS[kind](record, bench.slack) for kind in kinds), key=lambda each: each.strain)
    feasible = _likely(record, [fit for fit in found if not fit.strain])
    if feasible:
        return Identified(feasible[0], tuple(fit.kind for fit in feasible[1:]))
    if found and found[0].strain <= LOOSE:
        return Identified(found[0], needs=[_near(found[0])])
    needs = ["no known kind of limiter explains which requests were accepted and refused"]
    if PUNISHING * bench.rtt < record.quiet < INFINITY:
        needs.append(f"nothing was ever accepted within {record.quiet:.1f} s of a refusal: refusals may be punished")
    return Identified(Fit(LimiterKind.UNRESOLVED, 1.0), needs=needs)


def _likely(record: Record, feasible: list[Fit]) -> list[Fit]:
    """The fits without those that explain the record only by coincidence. Fits with vague numbers are kept, because
    they cannot be simulated.
    """
    sure = [
        fit for fit in feasible if all(number is None or number.error < VAGUE for number in (fit.limit, fit.window))
    ]
    left = simulate.likely(record, sure)
    return [fit for fit in feasible if fit in left or fit not in sure]


def believed(record: Record, found: Identified) -> Identified:
    """Unresolved if the kind allows each decision but predicts most of them wrongly: such decisions look random."""
    if found.fit.kind is LimiterKind.UNRESOLVED or (share := simulate.agreement(record, found.fit)) >= BELIEVED:
        return found
    says = f"a {found.fit.kind} is the nearest kind, but predicts only {share:.0%} of the decisions: refusals may be random"
    return Identified(Fit(LimiterKind.UNRESOLVED, 1.0), (found.fit.kind, *found.rivals), [says])


def doubted(found: Identified, why: str) -> Identified:
    """Unresolved, because the kind did not repeat its predicted behavior."""
    if found.fit.kind is LimiterKind.UNRESOLVED:
        return found
    return Identified(Fit(LimiterKind.UNRESOLVED, 1.0), (found.fit.kind, *found.rivals), [why])


def _near(fit: Fit) -> str:
    return f"{fit.kind} is the nearest kind, but its numbers are {fit.strain:.0%} off: the limit may change over time"


def as_cap(bench: Bench) -> Identified | None:
    """The record interpreted as a cap, with a penalty for refusals if necessary; None if it cannot be one."""
    record, slack = bench.record, bench.slack
    others = [fit for kind in PER_TIME if not (fit := ESTIMATORS[kind](record, slack)).strain]
    plain = concurrency.fit(record, slack)
    if not plain.strain:
        return Identified(
            plain, tuple(fit.kind for fit in simulate.likely(record, [plain, *others]) if fit is not plain)
        )
    rivals = tuple(fit.kind for fit in others)
    if PUNISHING * bench.rtt < record.quiet < INFINITY:
        lenient = concurrency.fit(record.unpunished(record.quiet), slack)
        if not lenient.strain:
            return Identified(lenient, rivals, penalty=record.quiet)
    return None


def next_recovery(record: Record, fit: Fit) -> Range | None:
    """Expected time at which an exhausted limiter per window accepts again; None if too little is known."""
    if fit.window is None or fit.limit is None or not record.recoveries:
        return None
    if fit.kind is LimiterKind.SLIDING:
        oldest = record.accepts[-min(round(fit.limit.low), len(record.accepts))]
        return Range(oldest.sent + fit.window.low, oldest.answered + fit.window.high)
    last = record.recoveries[-1][0]
    return Range(last.low + fit.window.low, last.high + fit.window.high) if fit.kind is LimiterKind.FIXED else None
