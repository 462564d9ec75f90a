"""What the requirements on limits say about a discovery."""

from collections import Counter
from collections.abc import Callable, Iterator

from echosounder import specs
from echosounder.load.limits.discovery import Discovery
from echosounder.load.limits.seen import Kind
from echosounder.load.sample import Sample
from echosounder.wire.stream import StreamEnd
from echosounder.wire.strict_json import at
from echosounder.wire.verdict import Finding, Result, Verdict

SLOW = 0.25  # s after which a place that became free counts as slow to be given away


def results(found: Discovery, profile: str) -> list[Result]:
    """One result for each requirement of the profile that this run could judge."""
    admitted = {row.id: row for row in specs.requirements(profile)}
    return [_result(name, found) for name in JUDGES if name in admitted]


def _result(name: str, found: Discovery) -> Result:
    judge, needed, level = JUDGES[name], NEEDS[name], specs.requirement(name).level
    if not needed(found):
        return Result(name, Verdict.INCONCLUSIVE, note="the run gave no occasion to judge it")
    findings = tuple(judge(found))
    failed = Verdict.FAIL if level == "MUST" else Verdict.NONSTRICT
    return Result(name, failed if findings else Verdict.PASS, findings)


def _counts_in_flight(found: Discovery) -> Iterator[Finding]:
    kind = found.identified.fit.kind
    if kind is not Kind.CONCURRENCY:
        yield Finding(
            "load.concurrency-limit", f"the limiter is a {kind}, where a cap on requests in flight is documented"
        )
    if statuses := sorted({outcome.status for outcome in found.refusals} - {429}, key=str):
        yield Finding("load.concurrency-limit", f"refused with {', '.join(map(str, statuses))} instead of 429")


def _envelope(found: Discovery) -> Iterator[Finding]:
    for outcome in found.refusals:
        body = outcome.exchange.json if outcome.exchange else None
        if outcome.exchange and outcome.status == 429 and at(body, "error", "type") != "rate_limit_error":
            excerpt = outcome.exchange.text[:200]
            message = f"a 429 has error.type {at(body, 'error', 'type')!r}, expected 'rate_limit_error'"
            yield Finding("load.429-envelope", message, outcome.exchange.id, pointer="/error/type", excerpt=excerpt)
            return


def _not_charged(found: Discovery) -> Iterator[Finding]:
    if found.charge is not None and found.charge.refused:
        share = found.charge.refused / (found.charge.accepted or 1)
        message = f"each refused request lowers the balance, by {float(share):.0%} of what an accepted one costs"
        yield Finding("load.429-not-charged", message)


def _recovers(found: Discovery) -> Iterator[Finding]:
    fit, penalty = found.identified.fit, found.identified.penalty
    if fit.lag > SLOW:
        yield Finding("load.recovers", f"a place stays taken for {fit.lag:.2f} s after its answer is complete")
    if fit.resume is not None and fit.limit is not None:
        below = f"{fit.resume.low:.0f} to {fit.resume.high:.0f}"
        yield Finding(
            "load.recovers",
            f"after a refusal nothing is accepted until only {below} of {fit.limit.low:.0f} are in flight",
        )
    if penalty:
        yield Finding(
            "load.recovers",
            f"after a refusal nothing is accepted for about {penalty:.1f} s, and asking again renews that",
        )


def _readable(found: Discovery) -> Iterator[Finding]:
    for trial in found.trials:
        if trial.hint.form == "unparsable":
            yield Finding("load.retry-after-readable", trial.says)
            return


def _true(found: Discovery) -> Iterator[Finding]:
    yield from (Finding("load.retry-after-true", trial.says) for trial in found.trials if trial.honest is False)


def _complete(found: Discovery) -> Iterator[Finding]:
    ends = Counter(str(sample.end) for sample in _ended(found))
    cut = ends.total() - ends[StreamEnd.DONE]
    if cut:
        how = ", ".join(f"{count} {end}" for end, count in ends.most_common() if end != StreamEnd.DONE)
        yield Finding("load.streams-complete", f"{cut} of {ends.total()} accepted streams did not run to [DONE]: {how}")


def _ended(found: Discovery) -> Iterator[Sample]:
    return (outcome.sample for outcome in found.events if outcome.status == 200 and outcome.sample is not None)


JUDGES: dict[str, Callable[[Discovery], Iterator[Finding]]] = {
    "load.concurrency-limit": _counts_in_flight,
    "load.429-envelope": _envelope,
    "load.429-not-charged": _not_charged,
    "load.recovers": _recovers,
    "load.streams-complete": _complete,
    "load.retry-after-readable": _readable,
    "load.retry-after-true": _true,
}
NEEDS: dict[str, Callable[[Discovery], bool]] = {
    "load.concurrency-limit": lambda found: (
        found.identified.fit.kind in (Kind.CONCURRENCY, Kind.BUCKET, Kind.FIXED, Kind.SLIDING)
    ),
    "load.429-envelope": lambda found: any(outcome.exchange and outcome.status == 429 for outcome in found.refusals),
    "load.429-not-charged": lambda found: found.charge is not None and found.charge.refused is not None,
    "load.recovers": lambda found: found.identified.fit.kind is Kind.CONCURRENCY,
    "load.streams-complete": lambda found: any(_ended(found)),
    "load.retry-after-readable": lambda found: bool(found.trials),
    "load.retry-after-true": lambda found: any(trial.honest is not None for trial in found.trials),
}
