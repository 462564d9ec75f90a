"""Tests ``Retry-After``: is a request refused before the announced time, and accepted at that time?"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import DueRequest, Outcome, Script
from echosounder.load.limits.bench import Bench, Wall, refused, saturate
from echosounder.load.limits.conclude import Identified, next_recovery
from echosounder.load.limits.hints import NO_HINT, ROUNDING, hint
from echosounder.load.limits.seen import Fit
from echosounder.wire.waits import Wait

EARLY_MARGIN = 0.25  # s
LONGEST_HINT = 30.0  # maximum wait, s, that is tested
POLLS = 12  # number of early requests, because the time of the recovery is not known exactly
TRIES = 8  # tries of a zero wait: a fast limiter may have recovered while our request was in transit


@dataclass(frozen=True, slots=True)
class Trial:
    """Result of testing a hint. ``early``: accepted before the announced time, ``early_at`` s after the response; ``late``: accepted at
    that time. None: not tried.
    """

    hint: Wait
    early: bool | None = None
    early_at: float | None = None
    late: bool | None = None

    @property
    def honest(self) -> bool | None:
        """Whether a request was accepted at the announced time, and not earlier by more than rounding; None if not determined."""
        if self.early or self.late is False or self.hint.wrong:
            return False
        return True if self.late else None

    @property
    def says(self) -> str:
        """Describes the error; empty if there is none."""
        if self.hint.wrong:
            return self.hint.wrong
        shown = f"{self.hint.source}: {self.hint.text!r}"
        if self.early:
            return f"{shown}, but a request {self.early_at:.1f} s after the refusal was accepted: the announced wait is too long"
        if self.late is False:
            return f"{shown}, but a request {self.hint.wait:g} s after the refusal was refused again: the announced wait is too short"
        return ""


def trials(bench: Bench, done: list[Trial], found: Identified, wall: Wall) -> Script[None]:
    """Test a hint with requests before the announced time; if these are refused, test hints at the announced time.
    *done* receives the results.
    """
    held = yield from saturate(bench, found.fit)
    said = _last_hint(bench, wall)
    if said is not None:
        done.append(Trial(said) if said.wait is None or said.wrong else (yield from _early(bench, said, found, held)))
    yield from bench.book.closed(held)
    if (
        said is None
        or said.wait is None
        or said.wrong
        or done[-1].early
        or said.wait > min(LONGEST_HINT, bench.goal.seconds - bench.now)
    ):
        return
    for _ in range(1 if said.wait else TRIES):
        yield from bench.book.wait(bench.now + bench.slack + found.fit.lag + (found.penalty or 0))
        # Our own requests must have ended by the announced time, unless the wait is zero.
        held = yield from saturate(bench, found.fit, min(bench.hold, said.wait / 2) if said.wait else None)
        done.append((yield from _late(bench, found, wall)))
        yield from bench.book.closed(held)
        if done[-1].late is False:
            return


def contradicted(outcomes: Sequence[Outcome], found: Identified, wall: Wall) -> Trial | None:
    """Find a hint that other requests contradict: one was refused at or after the announced time, without an accept in
    between. Against a fast limiter many requests are needed for this; a single trial may arrive just after it has
    recovered.

    """
    if found.penalty:
        return None  # every refused request restarts the wait
    refusals = sorted((each for each in outcomes if refused([each])), key=lambda each: each.sent)
    accepts = sorted((each for each in outcomes if each.status == 200), key=lambda each: each.sent)
    asked, latest = [each.sent for each in accepts], list(accumulate((each.answered for each in accepts), max))
    for each in refusals:
        said = hint(each, wall(each.answered))
        if said is None or said.wait is None or (found.fit.kind is LimiterKind.CONCURRENCY and said.wait >= 1):
            continue
        later = bisect_left(refusals, each.answered + said.wait, key=lambda other: other.sent)
        if later < len(refusals):
            before = bisect_left(asked, refusals[later].answered)
            if not before or latest[before - 1] < each.sent:
                return Trial(said, late=False)
    return None


def _early(bench: Bench, said: Wait, found: Identified, held: Sequence[DueRequest]) -> Script[Trial]:
    """Send requests from the time at which the limiter should accept until well before the announced time; only one if
    refusals are penalized.
    """
    last = _last_refusal(bench)
    assert last is not None
    assert said.wait is not None
    begin = _ready(bench, found.fit) if not held else bench.now
    # The wait is bounded, so that the target does not determine the length of the run; early requests suffice to refute
    # a long hint.
    longest = max(begin - last.answered, 0.0) + LONGEST_HINT
    soonest = last.answered + min(said.wait - ROUNDING.get(said.form, 0.0) - EARLY_MARGIN, longest)
    if held:
        yield from bench.book.closed(held)
        yield from bench.book.wait(bench.now + bench.slack + found.fit.lag + (found.penalty or 0))
    else:
        yield from bench.book.wait(min(begin, soonest))
    trial, step = Trial(said), (soonest - last.answered) / POLLS
    while bench.now < soonest and not trial.early and not (found.penalty and trial.early is False):
        [outcome] = yield from bench.book.answered([bench.short()])
        trial = Trial(said, outcome.status == 200, outcome.sent - last.answered)
        yield from bench.book.wait(min(bench.now + step, soonest))
    return trial


def _ready(bench: Bench, fit: Fit) -> float:
    """Expected time at which a drained limiter over time accepts again."""
    if fit.kind is LimiterKind.BUCKET and fit.limit is not None:
        return bench.now + 1.5 / fit.limit.low
    expected = next_recovery(bench.record, fit)
    return bench.now if expected is None else expected.high + bench.slack


def _late(bench: Bench, found: Identified, wall: Wall) -> Script[Trial]:
    """Send a request at the announced time."""
    last, said = _last_refusal(bench), _last_hint(bench, wall)
    if last is None or said is None or said.wait is None:
        return Trial(said or NO_HINT)
    yield from bench.book.wait(last.answered + said.wait)
    busy = sum(outcome.closed is None for outcome in bench.book.outcomes.values() if outcome.status == 200)
    [outcome] = yield from bench.book.answered([bench.short()])
    # The target cannot know when our requests end, so only a zero wait is wrong while they are in flight.
    excused = said.wait >= 1 and found.fit.limit is not None and busy >= found.fit.limit.low
    return Trial(said, late=True if outcome.status == 200 else None if excused else False)


def _last_hint(bench: Bench, wall: Wall) -> Wait | None:
    last = _last_refusal(bench)
    return hint(last, wall(last.answered)) if last else None


def _last_refusal(bench: Bench) -> Outcome | None:
    found = [outcome for id, outcome in bench.book.outcomes.items() if id in bench.mine and refused([outcome])]
    return max(found, key=lambda outcome: outcome.answered, default=None)
