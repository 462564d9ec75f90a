"""Compares the limits announced in a target's headers with the identified limiter."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import Outcome
from echosounder.load.limits.bench import refused
from echosounder.load.limits.seen import Fit, Range
from echosounder.load.limits.weighing import REQUESTS, CountedUnit, in_unit
from echosounder.wire.limit_headers import Announced, announced

TOKENS = {"prompt tokens", "prompt and max_tokens", "tokens used", "completion tokens used"}
NEAR = 0.05  # relative tolerance of announced numbers


@dataclass(frozen=True, slots=True)
class ToldLimit:
    """An announced limit. ``agrees`` is None if there is no measured limit to compare with; ``says`` describes a difference."""

    what: str
    limit: float | None
    window: float | None
    agrees: bool | None
    says: str = ""


def told_limits(
    outcomes: Sequence[tuple[Outcome, datetime]], fit: Fit, counts: CountedUnit = REQUESTS
) -> list[ToldLimit]:
    """Compare the announced limits, each with its last value."""
    limits: dict[str, Announced] = {}
    left: dict[str, float] = {}
    for outcome, now in outcomes:
        for each in announced(outcome.headers, now):
            limits[each.what] = each
            if refused([outcome]) and each.remaining:
                left[each.what] = each.remaining
    number = replace(
        fit,
        limit=in_unit(fit.limit, counts, whole=fit.kind is not LimiterKind.BUCKET),
        burst=in_unit(fit.burst, counts),
    )
    found = {
        "requests": fit if counts.unit in {None, "requests"} else None,
        "tokens": number if counts.unit in TOKENS else None,
    }
    return [
        _held(each, found.get(each.what, fit), left.get(each.what) if len(limits) == 1 else None)
        for each in limits.values()
    ]


def _held(said: Announced, fit: Fit | None, left: float | None) -> ToldLimit:
    """Compare an announced limit with *fit*, which is in the announced unit; None if the limiter counts another unit."""
    agrees = _agrees(said, fit) if fit else None
    says = f"{said.limit:g} {said.what} are announced, which differs from the measured limit" if agrees is False else ""
    if left:
        agrees, says = False, f"a refusal announces that {left:g} {said.what} are left"
    return ToldLimit(said.what, said.limit, said.window, agrees, says)


def _agrees(said: Announced, fit: Fit) -> bool | None:
    """Whether the announced number matches the cap, the burst, the limit per window or, with the announced window, the rate."""
    if said.limit is None or fit.limit is None:
        return None
    if fit.kind is LimiterKind.BUCKET:
        rate = said.window is not None and _near(said.limit / max(said.window, 1e-9), fit.limit)
        return rate or (fit.burst is not None and _near(said.limit, fit.burst))
    if fit.kind in {LimiterKind.FIXED, LimiterKind.SLIDING} and fit.window is not None:
        same = _near(said.limit, fit.limit) and (said.window is None or _near(said.window, fit.window))
        rate = said.window is not None and _near(
            said.limit / max(said.window, 1e-9), Range(*_rate(fit.limit, fit.window))
        )
        return same or rate
    return _near(said.limit, fit.limit) if fit.kind is LimiterKind.CONCURRENCY else None


def _rate(limit: Range, window: Range) -> tuple[float, float]:
    return limit.low / window.high, limit.high / max(window.low, 1e-9)


def _near(value: float, found: Range) -> bool:
    return found.low * (1 - NEAR) <= value <= found.high * (1 + NEAR)
