"""Finds the unit that a limiter counts: requests, prompt tokens, tokens requested or used, bytes, or a sum of these.

The limiter is exhausted from rest with requests of one size, then with requests that are larger in one respect. If it
accepts fewer of these, it counts that respect, and the ratio of the numbers gives the weight.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import Outcome, Script
from echosounder.load.limits.bench import Bench, accepted, drain, recover, refused
from echosounder.load.limits.conclude import Identified, next_recovery
from echosounder.load.limits.goal import RequestSize
from echosounder.load.limits.policies import rest
from echosounder.load.limits.seen import Fit, Range

FACTOR = (3, 6)  # factor by which requests are enlarged: minimum, maximum
COUNTS = 1.3  # ratio of weights from which a limiter counts the enlarged quantity
DEARER = 1.6  # weight of an output token relative to a prompt token from which the unit is cost, not tokens
HURRY = 3.0  # sending rate in multiples of the recovery rate, to exhaust the limiter
LEAST_REST, LONGEST_REST = 0.3, 100.0  # s
CALM, LEAST_CALM = (
    4.0,
    12.0,
)  # silence in multiples of the rest, and minimum s, if identical requests were not served as before


@dataclass(frozen=True, slots=True)
class CountedUnit:
    """The unit that is counted. ``unit``: its name, None if unknown; ``weight`` of one short request in it; ``needs``: why it is
    unknown and what would show it; ``ratio``: weight of an output token relative to a prompt token. ``again``: identical requests
    were not served as before.
    """

    unit: str | None = None
    weight: float = 1.0
    needs: str = ""
    ratio: float | None = None
    again: bool = False
    error: float = 0.0  # relative error of the weight, which is inferred from numbers of served requests


REQUESTS = CountedUnit("requests")
ASKED_FOR = "tokens of max_tokens"
AFTERWARDS = {"tokens used", "completion tokens used"}
# Of one request, in short ones, for the units of which that is known beforehand.
WEIGHT: dict[str, Callable[[RequestSize], int]] = {
    "prompt tokens": lambda size: size.prompts,
    ASKED_FOR: lambda size: size.tokens,
}
TOLERATED = 0.1  # of the number that is expected to be served
UNKNOWN = CountedUnit()
CHANGED = "a repetition with the same requests had {} served: it does not count requests alone"
BEHIND = 6.0  # s of silence before a second try: a limiter over time behind the cap may be exhausted
HEAVY = 4  # prompt length in multiples of the usual one


@dataclass(frozen=True, slots=True)
class Poured:
    """``served`` requests of one size, from rest, within ``seconds``, after ``before`` short ones. ``prompt``, ``used``: tokens of one
    request, from its usage.
    """

    served: int
    seconds: float
    before: int = 0
    prompt: float | None = None
    used: float | None = None
    # Number of concurrent requests that may have been served beyond the limit before any of them counted.
    unseen: int = 0

    def dearer(self, fit: Fit) -> float:
        """Estimated weight of one such request in short requests; the refused request bounds it."""
        capacity = self.capacity(fit)
        return capacity / (self.served + 0.5) * (1 + 0.5 / max(capacity, 1))

    def capacity(self, fit: Fit) -> float:
        """Number of short requests that the limiter would have served meanwhile."""
        assert fit.limit is not None
        if fit.kind is LimiterKind.BUCKET:
            return (fit.burst.mid if fit.burst else 1.0) + fit.limit.rate * self.seconds
        return fit.limit.mid - self.before


def weighed(bench: Bench, found: Identified) -> Script[CountedUnit]:
    """Find the unit that the limiter counts: for a cap with requests in flight, for a limiter over time only if its numbers are known."""
    fit = found.fit
    if fit.kind is LimiterKind.CONCURRENCY:
        return (yield from _weighed_cap(bench, found))
    capacity = fit.burst if fit.kind is LimiterKind.BUCKET else fit.limit
    if capacity is None:
        return UNKNOWN
    if rest(found) > LONGEST_REST or bench.now + 3 * rest(found) > bench.goal.seconds:
        return CountedUnit(needs="whether it counts requests, tokens or bytes was not tested; use a longer --duration")
    made = yield from _weighed(bench, found, 0.0)
    calm = max(CALM * rest(found), LEAST_CALM)
    if not made.again or bench.now + 3 * calm > bench.goal.seconds:
        return made
    return (yield from _weighed(bench, found, calm))  # a slower limiter may have been exhausted meanwhile


def _weighed(bench: Bench, found: Identified, calm: float) -> Script[CountedUnit]:
    """One attempt to find the unit. *calm*: s of silence before each rest."""
    fit = found.fit
    capacity = fit.burst if fit.kind is LimiterKind.BUCKET else fit.limit
    assert capacity is not None
    sizes = list[tuple[RequestSize, Poured]]()

    def pour(size: RequestSize) -> Script[Poured]:
        made = yield from poured(bench, found, calm, size)
        sizes.append((size, made))
        return made

    factor = round(min(max(capacity.mid / 4, FACTOR[0]), FACTOR[1]))
    base = yield from pour(RequestSize())
    if not same(base, fit):
        return CountedUnit(needs=CHANGED.format(base.served), again=True)
    prompt = base.prompt or 20.0
    larger = _Larger(factor, round(prompt), round(factor * prompt), (factor - 1) * len(bench.asking.job(1).body))
    every = yield from pour(RequestSize(larger.used, factor, larger.blanks))
    usual = base.dearer(
        fit
    )  # above 1 if fewer are accepted than the fit predicts; the other weights have the same bias
    if every.dearer(fit) / usual < COUNTS:
        return REQUESTS
    size = yield from _apart(fit, pour, larger, usual)
    # Control: fewer must have been served because of their size, not because of earlier requests.
    again = yield from pour(RequestSize())
    if not same(again, fit):
        return CountedUnit(needs=CHANGED.format(again.served), again=True)
    named = _named(bench, size, larger, prompt, capacity.mid)
    if named.unit in WEIGHT and not all(_suits(named.unit, fit, *each) for each in sizes):
        return CountedUnit(needs=CHANGED.format(again.served), again=True)
    return named


def _suits(unit: str, fit: Fit, size: RequestSize, made: Poured) -> bool:
    """Whether as many were served as a limiter lets through that counts *unit*."""
    expected = made.capacity(fit) / WEIGHT[unit](size)
    return abs(made.served - int(expected)) <= 1 + TOLERATED * expected + made.unseen


def _weighed_cap(bench: Bench, found: Identified) -> Script[CountedUnit]:
    """Test a cap with as many concurrent requests as it allows, each with a longer prompt: a cap on requests serves them all."""
    assert found.fit.limit is not None
    size, count = RequestSize(bench.hold_tokens, HEAVY), round(found.fit.limit.low)
    if count > bench.goal.requests - bench.book.asked:
        return CountedUnit(needs="whether it counts requests or tokens in flight was not tested")
    pause = bench.slack + found.fit.lag + (found.penalty or 0.0)
    for wait in (pause, pause + BEHIND):
        yield from bench.book.wait(bench.now + wait)
        if not refused((yield from bench.book.ended([bench.sized(size) for _ in range(count)]))):
            return REQUESTS
    return CountedUnit(
        needs="the same number of requests with longer prompts was not served completely: it counts more than requests"
    )


def same(base: Poured, fit: Fit) -> bool:
    """Whether the number served matches the fitted limiter, allowing for recovery in the meantime."""
    assert fit.limit is not None
    number = fit.burst if fit.kind is LimiterKind.BUCKET else fit.limit
    assert number is not None
    more = fit.limit.high * base.seconds + fit.portion if fit.kind is LimiterKind.BUCKET else 0.0
    return number.low - 1 <= base.served + base.before <= number.high + more + 1 + base.unseen


@dataclass(frozen=True, slots=True)
class _Larger:
    """How requests are enlarged: ``factor`` for the prompt, ``used`` tokens, ``long`` requested but unused tokens,
    ``blanks`` in bytes.
    """

    factor: int
    used: int
    long: int
    blanks: int


@dataclass(frozen=True, slots=True)
class _Apart:
    """Relative weight of requests enlarged in one respect: bytes, prompt, requested tokens (few, many), used tokens."""

    blanks: float
    prompt: float
    few: float
    many: float
    used: float


def _apart(fit: Fit, pour: Callable[[RequestSize], Script[Poured]], larger: _Larger, usual: float) -> Script[_Apart]:
    def dearer(size: RequestSize) -> Script[float]:
        return (yield from pour(size)).dearer(fit) / usual

    blanks = few = many = yield from dearer(RequestSize(larger.long, 1, larger.blanks, stopped=True))
    if many >= COUNTS:
        blanks = yield from dearer(RequestSize(1, 1, larger.blanks))
        few = yield from dearer(RequestSize(larger.factor, stopped=True))
        many = yield from dearer(RequestSize(larger.long, stopped=True))
    prompt = yield from dearer(RequestSize(1, larger.factor))
    used = many if many >= COUNTS else (yield from dearer(RequestSize(larger.used)))
    return _Apart(blanks, prompt, few, many, used)


def _named(bench: Bench, size: _Apart, larger: _Larger, prompt: float, capacity: float) -> CountedUnit:
    """The unit, from the respects in which larger requests weigh more. Bytes come first, because a longer prompt also has more bytes."""
    if size.blanks >= COUNTS:
        both = size.many > COUNTS
        return CountedUnit("bytes and max_tokens" if both else "bytes", len(bench.asking.job(1).body))
    if size.few >= max(COUNTS, larger.factor / 2):
        return CountedUnit(ASKED_FOR, 1.0)
    if size.many >= COUNTS:
        return (
            _both(size.many, prompt, larger.long, "prompt and max_tokens", capacity)
            if size.prompt >= COUNTS
            else CountedUnit(ASKED_FOR)
        )
    if size.used >= COUNTS:
        if size.prompt < COUNTS:
            return CountedUnit("completion tokens used", 1.0)
        return _both(size.used, prompt, larger.used, "tokens used", capacity)
    if size.prompt >= COUNTS:
        return CountedUnit("prompt tokens", prompt)
    return CountedUnit(
        needs="requests that are larger in every respect weigh more, but in no single respect; several such runs are needed"
    )


def _both(dearer: float, prompt: float, long: int, unit: str, capacity: float) -> CountedUnit:
    """A unit that includes prompt and answer. The weight ``ratio`` of an output token follows from ``prompt + ratio
    long = dearer (prompt + ratio)``; its error is the change by half a served request of ``capacity / dearer``.
    """
    ratio = prompt * (dearer - 1) / max(long - dearer, 1e-9)
    if ratio >= DEARER:
        error = ratio / (prompt + ratio) * (1 / (2 * max(capacity / dearer, 0.5))) * dearer / max(dearer - 1, 1e-9)
        return CountedUnit("cost", prompt + ratio, ratio=round(ratio, 1), error=error)
    return CountedUnit(unit, prompt + 1)


def poured(bench: Bench, found: Identified, calm: float, size: RequestSize) -> Script[Poured]:
    """From rest, send requests of one size until one is refused, in the smallest batches that outpace the recovery."""
    yield from bench.book.wait(bench.now + calm)
    before = yield from _at_rest(bench, found)
    fit = found.fit
    capacity = fit.burst if fit.kind is LimiterKind.BUCKET else fit.limit
    assert capacity is not None
    begin, outcomes = bench.now, list[Outcome]()
    batch = max(
        ceil(
            _per_second(fit) * HURRY * (2 * bench.rtt + bench.ttft + bench.itl * (1 if size.stopped else size.tokens))
        ),
        1,
    )
    if fit.delayed:  # queued requests give it time to recover, so send all at once
        batch = 2 * ceil(capacity.high) + 2
    while not refused(outcomes) and accepted(outcomes) <= 4 * capacity.high + 8:
        outcomes += yield from bench.book.ended([bench.sized(size) for _ in range(batch)])
    served = [outcome for outcome in outcomes if outcome.status == 200]
    over = min((outcome.answered for outcome in outcomes if refused([outcome])), default=bench.now)
    until = [outcome for outcome in served if outcome.sent < over]
    taken = 0.0 if fit.delayed else over - begin
    unseen = batch - 1 if bench.gentle else 0
    return Poured(len(until), taken, before, _mean(served, "prompt"), _mean(served, "completion"), unseen)


def _per_second(fit: Fit) -> float:
    """The recovery rate in requests per second, which sending must exceed to exhaust the limiter."""
    assert fit.limit is not None
    return fit.limit.high / (fit.window.low if fit.window else 1.0)


def _at_rest(bench: Bench, found: Identified) -> Script[int]:
    """Wait until the limiter is at rest. A fixed window begins with its first accepted request; returns the number of
    requests used for that.
    """
    if found.fit.kind is not LimiterKind.FIXED or found.fit.limit is None:
        yield from bench.book.wait(bench.now + max(rest(found), LEAST_REST) + bench.slack)
        return 0
    yield from drain(bench, round(found.fit.limit.high))
    yield from recover(bench, next_recovery(bench.record, found.fit))
    return 1


def _mean(served: list[Outcome], name: str) -> float | None:
    counts = list(_told(served, name))
    return sum(counts) / len(counts) if counts else None


def _told(served: list[Outcome], name: str) -> Iterator[int]:
    for outcome in served:
        usage = outcome.sample.usage if outcome.sample else None
        if usage is not None and (count := getattr(usage, name)) is not None:
            yield count


def in_unit(bounds: Range | None, counts: CountedUnit, whole: bool = True) -> Range | None:
    """A number of requests in the counted unit. That number was served and the next was refused, so the limit lies in between. If usage
    counts after the answer, requests are served while anything is left: the last one may have exceeded the limit.
    """
    if bounds is None or counts.weight == 1.0:
        return bounds
    low, high = (1 - counts.error) * counts.weight, (1 + counts.error) * counts.weight
    if counts.unit in AFTERWARDS:
        return Range((bounds.low - 0.999 * whole) * low, bounds.high * high)
    return Range(bounds.low * low, (bounds.high + 0.999 * whole) * high)
