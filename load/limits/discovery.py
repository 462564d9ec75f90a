"""The whole discovery as one script: kind, numbers and other properties, in order of importance."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import ceil, floor

from echosounder.judgement.limiter import NAMED, LimiterKind
from echosounder.load.experiment.script import Outcome, Script, Stopped
from echosounder.load.limits import hammer, policies, replicas, simulate, whole
from echosounder.load.limits.bench import Bench, Wall, calibrate, refused, saturate, typical
from echosounder.load.limits.charge import ObservedCost, charged
from echosounder.load.limits.conclude import PER_TIME, Identified, believed, conclude, doubted
from echosounder.load.limits.fading import fading
from echosounder.load.limits.hammer import counts_refused, recount
from echosounder.load.limits.hints import skew
from echosounder.load.limits.identify import afresh, identify
from echosounder.load.limits.policies import Retries
from echosounder.load.limits.portions import portions
from echosounder.load.limits.scope import contention, scope
from echosounder.load.limits.second import UNTRIED, Further, further
from echosounder.load.limits.seen import INFINITY, Fit, Range, Record
from echosounder.load.limits.told import ToldLimit, told_limits
from echosounder.load.limits.trials import Trial, contradicted, trials
from echosounder.load.limits.weighing import UNKNOWN, CountedUnit, in_unit, weighed

LEAST_PAUSE = 3.0  # s
VAGUE = 0.05  # relative half width from which a number makes the answer uncertain
HALF = 0.4  # fraction of the allowed requests
LONGER, ROUNDS = 4.0, 5.0  # factor for a silence that was too short; duration of a recount, in silences
TRIED = 0.8  # fraction of the allowed requests after which no new attempt is made


@dataclass(slots=True)
class Discovery:
    """Results so far. ``record``: the decisions from which the kind was inferred; ``events``: all outcomes, including those of
    additional requests. ``slack``: time that a last byte may be in transit, s. ``hammered``: whether refused requests count too,
    None if not tested. ``scope``, ``shares``: see :mod:`load.limits.scope`. ``skew``: the target's clock minus ours, s. ``told``:
    the limits that headers announce.
    """

    identified: Identified
    record: Record
    scope: dict[str, bool | None] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    refusals: list[Outcome] = field(default_factory=list)
    skew: float | None = None
    counts: CountedUnit = UNKNOWN
    hammered: bool | None = None
    replicas: bool = False
    further: Further = UNTRIED
    told: list[ToldLimit] = field(default_factory=list)
    shares: dict[str, tuple[int, int]] = field(default_factory=dict)
    charge: ObservedCost | None = None
    policies: list[Retries] = field(default_factory=list)
    events: list[Outcome] = field(default_factory=list)
    slack: float = 0.0
    stopped: Stopped | None = None

    @property
    def doubts(self) -> list[str]:
        """Why the answer is uncertain; empty if all requests agree with it and every test was made."""
        found, fit = self.identified, self.identified.fit
        needs = (
            [] if fit.kind in {LimiterKind.NONE, LimiterKind.QUEUE} else found.needs
        )  # these needs state how far the search went
        doubts = [
            *needs,
            *(f"{kind} explains as much" for kind in found.rivals),
            self.counts.needs,
            self.further.needs,
        ]
        if self.stopped is not None:
            doubts.append(str(self.stopped))
        if fit.strain:
            doubts.append(f"it does not explain everything: its numbers are {fit.strain:.0%} off")
        played = simulate.agreement(self.record, fit) if fit.played else 1.0
        if played < 1 - whole.EXACT or (fit.phase is not None and fit.fading and self.counts.unit != "requests"):
            doubts.append(f"it explains {played:.1%} of the requests, not all")
        if fit.kind in NAMED:
            doubts += self._untried()
        return [doubt for doubt in doubts if doubt]

    def _untried(self) -> Iterator[str]:
        fit = self.identified.fit
        per_time = fit.kind is LimiterKind.BUCKET
        limit = in_unit(fit.limit, self.counts, whole=not per_time)
        exact = [fit.window, limit] if per_time else [fit.window]
        counted = [fit.burst] if per_time else [limit]
        if any(number and number.error > VAGUE for number in exact) or any(
            number and _rough(number) for number in counted
        ):
            yield "its numbers are known only roughly"
        if self.counts.unit is None and not self.counts.needs:
            yield "whether it counts requests, tokens or bytes is unknown"
        if fit.kind in PER_TIME and self.hammered is None:
            yield "whether it counts refused requests was not tested"
        if not self.further.tried:
            yield "a further, slower limiter was not looked for"

    @property
    def recovery_s(self) -> float | None:
        """Time to the next accept, from a freed place (cap: the shortest) or from the last accept (others: the median)."""
        found = self.identified.fit
        if found.kind not in NAMED:
            return None
        capped = found.kind is LimiterKind.CONCURRENCY
        waits = [
            when.mid - self._since(when.high if capped else when.low, capped) for when, _ in self.record.recoveries
        ]
        wait = min(waits, default=None) if capped else typical(waits)
        return None if wait is None else max(wait, 0.0)

    def _since(self, before: float, capped: bool) -> float:
        times = (each.ended if capped else each.answered for each in self.record.accepts)
        return max((at for at in times if at <= before), default=-INFINITY)


def _rough(number: Range) -> bool:
    """Whether several whole numbers are possible that differ by more than :data:`VAGUE`."""
    wholes = floor(number.high) - ceil(number.low) + 1
    return wholes > 1 and (number.error > VAGUE or 1 / max(number.low, 1.0) > VAGUE)


def discover(bench: Bench, wall: Wall, tell: Callable[[str], None] = lambda stage: None) -> Script[Discovery]:
    """Find the limiter. Catches :class:`Stopped` and returns the result so far. ``tell`` receives the name of each stage."""
    found = Discovery(Identified(Fit(LimiterKind.UNRESOLVED, 1.0)), Record(()))
    try:
        tell("calibrate")
        yield from calibrate(bench)
        tell("identify")
        identified = yield from identify(bench)
        yield from _resolved(bench, found, identified, tell)
        if found.identified.fit.kind in NAMED and not bench.stopped:
            yield from _extras(bench, found, wall, tell)
        yield from _against_all(bench, found)
    except Stopped as stop:
        bench.stopped = stop
    if not found.record.all and bench.mine:
        found.record = bench.record
        found.identified = _unfinished(bench)
    _look_back(bench, found, wall)
    return found


def _resolved(bench: Bench, found: Discovery, identified: Identified, tell: Callable[[str], None]) -> Script[None]:
    """Find the kind and the unit that it counts. If the first attempt explains little, repeat it with short requests
    only, sent one at a time or at once.
    """
    unresolved: Identified | None = None
    for gentle in (False, True, None):
        found.counts = UNKNOWN
        found.record = bench.record
        found.identified = believed(found.record, identified)
        if bench.stopped or (yield from _explained(bench, found, tell)):
            break
        if found.identified.fit.kind is LimiterKind.UNRESOLVED:
            unresolved = unresolved or found.identified
        if gentle is None or not _recovers(bench) or bench.book.asked > TRIED * bench.goal.requests:
            found.identified = doubted(found.identified, found.counts.needs)
            break
        tell("again")
        hurried = bench.book.asked > HALF * bench.goal.requests  # too few requests left for another attempt with bursts
        identified = yield from afresh(bench, gentle or found.counts.again or hurried)
    if unresolved is not None and found.identified.fit.kind in PER_TIME and found.counts.unit is None:
        found.identified = unresolved  # a second result that cannot be tested is worth no more than the first
    fit = found.identified.fit
    if (fit.kind is LimiterKind.UNRESOLVED or fit.strain) and not bench.stopped and _recovers(bench):
        yield from _together(bench, found)


def _recovers(bench: Bench) -> bool:
    first = min((each.answered for each in bench.record.refusals), default=INFINITY)
    return any(each.sent > first for each in bench.record.accepts)


def _together(bench: Bench, found: Discovery) -> Script[None]:
    """Test whether several limiters, or another way of counting, explain what no single limiter does."""
    waits = (accept.answered - refusal.sent for refusal, accept in found.record.turns if accept is not None)
    pause = max([*waits, LEAST_PAUSE])
    if bench.book.asked + replicas.MOST > bench.goal.requests or bench.now + 3 * pause > bench.goal.seconds:
        return
    for tried in (portions(bench), fading(bench, pause)):
        if (yield from _alone(bench, found, tried)):
            return
    if (yield from _counted(bench, found, pause)):
        return
    if found.identified.fit.kind is not LimiterKind.UNRESOLVED:
        return
    seen = yield from replicas.mixed(bench, 2 * pause)
    if seen.says:
        found.replicas = seen.over
        found.identified = Identified(found.identified.fit, found.identified.rivals, [seen.says])


def _alone(bench: Bench, found: Discovery, tried: Script[tuple[Record, Fit] | None]) -> Script[bool]:
    """Whether the kind that the experiment *tried* found was reproduced."""
    again = yield from tried
    if again is None or (yield from counts_refused(bench, Identified(again[1]))):
        return False
    counts = yield from weighed(bench, Identified(again[1]))
    if counts.again:
        return False
    found.record, fit = again
    found.identified, found.hammered, found.counts = Identified(fit), False, counts
    return True


def _counted(bench: Bench, found: Discovery, pause: float) -> Script[bool]:
    """Try windows with other ways of counting, from increasing silences; whether refusals count is tested by hammering.
    Returns whether one was found.
    """
    for silence in (pause, LONGER * pause):
        if ROUNDS * silence > bench.goal.seconds - bench.now:
            return False
        again = yield from recount(bench, silence, hammer.ALL)
        if again is None or (yield from counts_refused(bench, Identified(again[1]))) is not again[1].counted:
            continue
        counts = yield from weighed(bench, Identified(again[1]))
        if not counts.again:
            found.record, fit = again
            found.identified, found.hammered, found.counts = Identified(fit), fit.counted, counts
            return True
    return False


def _explained(bench: Bench, found: Discovery, tell: Callable[[str], None]) -> Script[bool]:
    """Whether a kind was found and, for a limiter over time, whether its behavior was reproduced."""
    kind = found.identified.fit.kind
    if kind is LimiterKind.CONCURRENCY:
        tell("sizes")
        found.counts = yield from weighed(bench, found.identified)
        return True
    if kind not in PER_TIME:
        return kind is not LimiterKind.UNRESOLVED
    tell("refusals")
    hammered = yield from counts_refused(bench, found.identified)
    if hammered:
        yield from _recounted(bench, found)
    found.hammered = hammered
    tell("sizes")
    found.counts = yield from weighed(bench, found.identified)
    return not found.counts.again


def _recounted(bench: Bench, found: Discovery) -> Script[None]:
    """Fit the numbers again, because refused requests count too and the first fit counted accepted ones only."""
    fit = found.identified.fit
    window = (
        fit.window.high
        if fit.window
        else (fit.burst.high if fit.burst else 1.0) / (fit.limit.low if fit.limit else 1.0)
    )
    again = yield from recount(bench, window, hammer.COUNTED)
    if again is None:
        found.identified = doubted(
            found.identified,
            "clients that keep asking are locked out: refused requests count too, or refusals are penalized",
        )
    else:
        found.record, fit = again
        found.identified = Identified(fit)


def _look_back(bench: Bench, found: Discovery, wall: Wall) -> None:
    """Evaluate all requests of the run: refusals, clock skew, announced limits, contradicted hints."""
    found.stopped, found.slack = bench.stopped, bench.slack
    found.events = whole.events(bench)
    found.refusals = [outcome for outcome in found.events if refused([outcome])]
    found.skew = skew([(outcome, wall(outcome.answered)) for outcome in found.events])
    if found.identified.fit.kind in NAMED:
        events = [(outcome, wall(outcome.answered)) for outcome in found.events]
        found.told = told_limits(events, found.identified.fit, found.counts)
    mine = [outcome for outcome in found.events if outcome.ask.id in bench.mine]
    if (trial := contradicted(mine, found.identified, wall)) is not None:
        found.trials.append(trial)


def _against_all(bench: Bench, found: Discovery) -> Script[None]:
    """Test the result against all requests, because it was inferred only from those of the main experiment."""
    fit, all_sent = found.identified.fit, _alike(bench, found)
    off = whole.off(all_sent, fit, bench.slack)
    if off > whole.EXACT and (other := whole.only(all_sent, bench.slack)) is not None:
        found.record, found.identified, off = all_sent, Identified(other), 0.0
    if off > whole.AT_ALL:
        found.identified = doubted(found.identified, whole.doubt(all_sent, fit))
    if off > whole.EXACT and _recovers(bench) and not bench.stopped:
        yield from _together(bench, found)
        off = whole.off(_alike(bench, found), found.identified.fit, bench.slack)
    if whole.EXACT < off <= whole.AT_ALL:
        found.identified.needs.append(f"it is {off:.0%} off for the requests of other experiments")


def _alike(bench: Bench, found: Discovery) -> Record:
    """All comparable requests of the run; empty if a request may count for more than one, or if two limiters decide."""
    alone = found.counts.unit == "requests" and not found.further.fit and not found.further.needs
    return whole.alike(bench) if alone and found.identified.fit.kind in PER_TIME else Record(())


def _unfinished(bench: Bench) -> Identified:
    """The result of a run that was stopped early: unresolved, with the possible kinds if anything was refused."""
    seen = conclude(bench) if bench.record.refusals else Identified(Fit(LimiterKind.UNRESOLVED, 1.0))
    reason = bench.stopped.reason if bench.stopped else ""
    rivals = tuple(kind for kind in (seen.fit.kind, *seen.rivals) if kind is not LimiterKind.UNRESOLVED)
    return Identified(Fit(LimiterKind.UNRESOLVED, 1.0), rivals=rivals, needs=[f"stopped early: {reason}", *seen.needs])


def _extras(bench: Bench, found: Discovery, wall: Wall, tell: Callable[[str], None]) -> Script[None]:
    identified = found.identified
    if (
        identified.fit.kind is LimiterKind.SLIDING
    ):  # it frees its places one by one, and the next tests exhaust it at once
        yield from _rest(bench, identified)
    tell("scope")
    held = yield from saturate(bench, identified.fit)
    found.scope = yield from scope(bench, identified.fit)
    yield from bench.book.closed(held)
    yield from bench.book.wait(bench.now + bench.slack + (identified.penalty or 0))
    tell("retry-after")
    yield from trials(bench, found.trials, identified, wall)
    if policies.rest(identified) < policies.LONGEST:
        tell("fairness")
        found.shares = yield from contention(bench, identified.fit, policies.rest(identified) + bench.slack)
        tell("charges")
        yield from _rest(bench, identified)
        found.charge = yield from charged(bench, identified.fit)
    tell("further limiters")
    found.further = yield from further(bench, identified)
    if bench.stopped:
        return
    if bench.goal.policies and policies.affordable(bench, identified):
        tell("retries")
        base = min(max(found.recovery_s or 0.0, bench.hold / 3), 5.0)
        hinted = any(outcome.header("retry-after") for outcome in bench.book.outcomes.values())
        found.policies = yield from policies.policies(bench, identified, base, wall, hinted)


def _rest(bench: Bench, identified: Identified) -> Script[None]:
    yield from bench.book.wait(bench.now + policies.rest(identified) + bench.slack)
