"""Tests a result against all requests of the run, including those of other experiments."""

from statistics import median

from echosounder.load.experiment.script import Outcome
from echosounder.load.limits import simulate
from echosounder.load.limits.bench import Bench
from echosounder.load.limits.conclude import ESTIMATORS, PER_TIME
from echosounder.load.limits.seen import INFINITY, Fit, Record, seen

EXACT, AT_ALL = (
    0.01,
    0.5,
)  # strain on all requests from which the result is uncertain, and from which the kind is rejected
PLAYED = 0.9  # share of the decisions that a simulated window must predict correctly
MANY = 1500  # maximum number of decisions; fitting more takes long
SOON = 10.0  # round trips within which a request is accepted after a random refusal


def events(bench: Bench) -> list[Outcome]:
    return [outcome for outcome in bench.book.outcomes.values() if outcome.ask.job.body]


def alike(bench: Bench) -> Record:
    """The record without requests of another key, user or model."""
    mine = [each for each in events(bench) if not each.ask.key and each.ask.job.name != "other"]
    return seen(mine, bench.slack, arrival=bench.arrival)


def off(record: Record, fit: Fit, slack: float) -> float:
    """The relative deviation of *fit* from the record; 0 for an empty record."""
    if not record.all or fit.kind not in PER_TIME:
        return 0.0
    if fit.played:
        return max(PLAYED - simulate.agreement(record, fit), 0.0)
    return ESTIMATORS[fit.kind](record, slack).strain


def only(record: Record, slack: float) -> Fit | None:
    """The only kind per time that explains the whole record; None if several do, or none."""
    if len(record.all) > MANY:
        return None
    exact = [fit for kind in PER_TIME if not (fit := ESTIMATORS[kind](record, slack)).strain]
    likely = simulate.likely(record, exact)
    return likely[0] if len(likely) == 1 else None


def doubt(record: Record, fit: Fit) -> str:
    waits = [accept.answered - refusal.sent for refusal, accept in record.turns if accept is not None]
    soon = median(waits or [INFINITY]) <= SOON * record.round_trip
    chance = "; refusals may be random" if soon else ""
    return f"a {fit.kind} does not explain the requests of other experiments{chance}"
