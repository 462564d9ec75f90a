"""Describes the form of refusals."""

from collections.abc import Iterator, Sequence

from echosounder.load.experiment.script import Outcome
from echosounder.load.limits.bench import typical
from echosounder.wire.strict_json import at


def how_refused(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Form of the refusals: ``{"statuses", "latency_ms", "body", "kept_connection", "headers"}``."""
    bodies = [outcome.exchange.json for outcome in outcomes if outcome.exchange]
    kept = [outcome.kept for outcome in outcomes if outcome.kept is not None]
    latency = typical([outcome.answered - outcome.sent for outcome in outcomes])
    return {
        "statuses": {
            str(status): sum(o.status == status for o in outcomes)
            for status in sorted({o.status or 0 for o in outcomes})
        },
        "latency_ms": None if latency is None else round(latency * 1000, 3),
        "body": "error-object"
        if bodies and all(at(body, "error", "message") for body in bodies)
        else "other"
        if bodies
        else None,
        "kept_connection": sum(kept) / len(kept) if kept else None,
        "headers": sorted(set(_limit_headers(outcomes))),
    }


def _limit_headers(outcomes: Sequence[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        yield from (
            name.lower() for name, _ in outcome.headers if "ratelimit" in name.lower() or name.lower() == "retry-after"
        )
