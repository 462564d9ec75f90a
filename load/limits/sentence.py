"""Describes the result in a sentence, and gives its numbers in the unit that the limiter counts."""

from typing import Any

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.limits.discovery import Discovery
from echosounder.load.limits.seen import Fit, Range
from echosounder.load.limits.weighing import in_unit

WORDS = {
    LimiterKind.NONE: "There is no limiter up to {in_flight} requests in flight, {rate:.0f} requests/s and {count} in {span:.0f} s",
    LimiterKind.CONCURRENCY: "Concurrency limit: at most {limit} requests in flight",
    LimiterKind.BUCKET: "Token bucket: {limit} {unit}/s, burst {burst}",
    LimiterKind.FIXED: "Fixed window: {limit} {unit} per {window} s",
    LimiterKind.SLIDING: "Sliding window: {limit} {unit} within any {window} s",
    LimiterKind.QUEUE: "Queue: {limit} answers are served at a time, further requests wait",
    LimiterKind.LEAKY: "Leaky bucket: {limit} {unit}/s, {burst} at once, all but the first of which are queued",
    LimiterKind.QUOTA: "Quota: {limit} requests, none restored within {span:.0f} s",
    LimiterKind.UNRESOLVED: "Limiter not resolved",
}

UNITS = {
    "prompt and max_tokens": "tokens (of the prompt and of max_tokens)",
    "tokens used": "tokens (of prompt and answer, as used)",
    "cost": "of cost (in tokens of the prompt)",
}


def kind_of(fit: Fit) -> LimiterKind:
    """The kind as reported: a bucket that queues requests is a leaky bucket."""
    return LimiterKind.LEAKY if fit.delayed else fit.kind


def second(fit: Fit | None) -> dict[str, Any] | None:
    """Describes the second limiter behind the first, in requests."""
    if fit is None:
        return None
    limit = (
        None if fit.limit is None else round(fit.limit.rate, 6) if fit.kind is LimiterKind.BUCKET else whole(fit.limit)
    )
    return {
        "kind": str(fit.kind),
        "limit": limit,
        "window_s": rounded(fit.window.mid) if fit.window else None,
        "burst": whole(fit.burst),
    }


def answer(found: Discovery) -> str:
    """Describes the limiter, and the second one behind it, if any."""
    first = _one_answer(found)
    if found.identified.fit.counted:
        first += "; refused requests count too: a client that keeps asking stays locked out"
    behind = found.further.fit
    if behind is None:
        return first
    told = second(behind) or {}
    words = WORDS[behind.kind].format(
        unit="requests",
        **{name: _plain(value) for name, value in told.items() if name != "kind"},
        window=_plain(told["window_s"]),
    )
    return f"{first}; and {words[0].lower()}{words[1:]}"


def _one_answer(found: Discovery) -> str:
    fit, identified = found.identified.fit, found.identified
    return WORDS[kind_of(fit)].format(
        limit=_plain(limit(found)),
        window=_plain(fit.window.mid if fit.window else None),
        burst=_plain(whole(in_unit(fit.burst, found.counts))),
        unit=UNITS.get(unit := found.counts.unit or "requests", unit),
        in_flight=identified.highest_in_flight,
        rate=identified.highest_rate,
        count=len(found.record.accepts),
        span=found.record.span,
    )


def _plain(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"


def limit(found: Discovery) -> float | int | None:
    """The limit in flight, per second (bucket) or per window; None if unknown."""
    bounds = limit_in_unit(found)
    if found.identified.fit.kind is not LimiterKind.BUCKET:
        return whole(bounds)
    return None if bounds is None else round(bounds.rate, 6)


def limit_in_unit(found: Discovery) -> Range | None:
    """Bounds of the limit in the unit that the limiter counts."""
    fit = found.identified.fit
    return in_unit(fit.limit, found.counts, whole=fit.kind is not LimiterKind.BUCKET)


def whole(bounds: Range | None) -> int | None:
    """The whole number within the bounds that is nearest to their middle."""
    if bounds is None:
        return None
    inside = [
        number
        for number in (round(bounds.mid), int(bounds.high), int(bounds.low))
        if bounds.low <= number <= bounds.high
    ]
    return inside[0] if inside else round(bounds.mid)


def rounded(value: float | None) -> float | None:
    """Round to six decimals for reports; None for unknown values."""
    return None if value is None else round(value, 6)
