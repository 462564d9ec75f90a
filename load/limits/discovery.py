"""The whole discovery as one script: what kind, which numbers, and everything else worth knowing, in the order of importance."""

from collections.abc import Callable
from dataclasses import dataclass, field

from echosounder.judgement.limiter import NAMED, LimiterKind
from echosounder.load.experiment.script import Outcome, Script, Stopped
from echosounder.load.limits import policies
from echosounder.load.limits.bench import Bench, Wall, calibrate, refused, saturate, typical
from echosounder.load.limits.charge import ObservedCost, charged
from echosounder.load.limits.conclude import Identified, believed, conclude
from echosounder.load.limits.hints import skew
from echosounder.load.limits.identify import identify
from echosounder.load.limits.policies import Retries
from echosounder.load.limits.scope import contention, scope
from echosounder.load.limits.seen import INFINITY, Fit, Record
from echosounder.load.limits.told import ToldLimit, told_limits
from echosounder.load.limits.trials import Trial, contradicted, trials


@dataclass(slots=True)
class Discovery:
    """What was found. ``record``: the decisions that the kind was told from; ``events``: all outcomes, those of the extras too.
    ``slack``: s that a last byte may be on its way. ``scope``, ``shares``: see :mod:`load.limits.scope`. ``skew``: the target's clock
    minus ours, s. ``told``: the limits that headers announce."""

    identified: Identified
    record: Record
    scope: dict[str, bool | None] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    refusals: list[Outcome] = field(default_factory=list)
    skew: float | None = None
    told: list[ToldLimit] = field(default_factory=list)
    shares: dict[str, tuple[int, int]] = field(default_factory=dict)
    charge: ObservedCost | None = None
    policies: list[Retries] = field(default_factory=list)
    events: list[Outcome] = field(default_factory=list)
    slack: float = 0.0
    stopped: Stopped | None = None

    @property
    def recovery_s(self) -> float | None:
        """From a place that became free (cap), or from the last accept (others), to the next accept: the shortest, or the median."""
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


def discover(bench: Bench, wall: Wall, tell: Callable[[str], None] = lambda stage: None) -> Script[Discovery]:
    """Never raises :class:`Stopped`: what is known when it must stop is what it returns. ``tell`` hears the name of each stage."""
    found = Discovery(Identified(Fit(LimiterKind.UNRESOLVED, 1.0)), Record(()))
    try:
        tell("calibrate")
        yield from calibrate(bench)
        tell("identify")
        identified = yield from identify(bench)
        found.record = bench.record
        found.identified = believed(found.record, identified)
        if found.identified.fit.kind in NAMED and not bench.stopped:
            yield from _extras(bench, found, wall, tell)
    except Stopped as stop:
        bench.stopped = stop
    if not found.record.all and bench.mine:
        found.record = bench.record
        found.identified = _unfinished(bench)
    _look_back(bench, found, wall)
    return found


def _look_back(bench: Bench, found: Discovery, wall: Wall) -> None:
    """What can be told from all that happened."""
    found.stopped, found.slack = bench.stopped, bench.slack
    found.events = [outcome for outcome in bench.book.outcomes.values() if outcome.ask.job.body]
    found.refusals = [outcome for outcome in found.events if refused([outcome])]
    found.skew = skew([(outcome, wall(outcome.answered)) for outcome in found.events])
    if found.identified.fit.kind in NAMED:
        found.told = told_limits([(outcome, wall(outcome.answered)) for outcome in found.events], found.identified.fit)
    mine = [outcome for outcome in found.events if outcome.ask.id in bench.mine]
    if (trial := contradicted(mine, found.identified, wall)) is not None:
        found.trials.append(trial)


def _unfinished(bench: Bench) -> Identified:
    """What a stop in the middle leaves. Without a refusal there is nothing to explain, and not enough to say that there is none."""
    seen = conclude(bench) if bench.record.refusals else Identified(Fit(LimiterKind.UNRESOLVED, 1.0))
    reason = bench.stopped.reason if bench.stopped else ""
    rivals = tuple(kind for kind in (seen.fit.kind, *seen.rivals) if kind is not LimiterKind.UNRESOLVED)
    return Identified(Fit(LimiterKind.UNRESOLVED, 1.0), rivals=rivals, needs=[f"stopped early: {reason}", *seen.needs])


def _extras(bench: Bench, found: Discovery, wall: Wall, tell: Callable[[str], None]) -> Script[None]:
    identified = found.identified
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
    if bench.goal.policies and policies.affordable(bench, identified):
        tell("retries")
        base = min(max(found.recovery_s or 0.0, bench.hold / 3), 5.0)
        hinted = any(outcome.header("retry-after") for outcome in bench.book.outcomes.values())
        found.policies = yield from policies.policies(bench, identified, base, wall, hinted)


def _rest(bench: Bench, identified: Identified) -> Script[None]:
    yield from bench.book.wait(bench.now + policies.rest(identified) + bench.slack)
