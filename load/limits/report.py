"""Converts a discovery to the member ``rate_limit`` of ``report.json``, with the data for its charts."""

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.limits import simulate
from echosounder.load.limits.curves import curves, timeline
from echosounder.load.limits.discovery import Discovery
from echosounder.load.limits.policies import Retries, best
from echosounder.load.limits.refusals import how_refused
from echosounder.load.limits.scope import counted_for, fairness
from echosounder.load.limits.seen import Range
from echosounder.load.limits.sentence import answer, kind_of, limit, limit_in_unit, rounded, second, whole
from echosounder.load.limits.told import ToldLimit
from echosounder.load.limits.trials import Trial
from echosounder.load.limits.weighing import in_unit
from echosounder.load.sample import Sample

DOUBTED = 0.99  # maximum confidence of an answer with a doubt


def rate_limit(found: Discovery) -> dict[str, Any]:
    """Member ``rate_limit``. Specified by the design: ``kind``; ``limit`` in flight, per second (bucket) or per window; ``window_s``;
    ``burst``; ``retry_after``; ``recovery_s``; ``confidence``, the share of all decisions that the fitted model predicts correctly.

    Further members: ``answer``, the limiter in words; ``says``, the same with ``needs``; ``limit_ci``, ``window_ci``, ``burst_ci``,
    bounds ``[low, high]``: not standard errors, but values outside contradict an observation; ``rivals``, kinds that explain as much;
    ``needs``, what would resolve the ambiguity; ``hysteresis``, ``lag_s``, ``penalty_s``; ``scope`` ``{key|user_id|model: shared?}``;
    ``refusals``; ``charge``, the cost of an accepted and of a refused request; ``queue``; ``fairness``; ``policies``; ``clock_skew_s``;
    ``timeline`` and ``curves``, see :func:`timeline` and :func:`curves`.
    """
    return {
        **_fitted(found),
        **_bounded(found),
        **_behaviour(found),
        **_beside(found),
        "timeline": timeline(found),
        "curves": list(curves(found)),
    }


def _fitted(found: Discovery) -> dict[str, Any]:
    """The kind and numbers of the limiter, and the confidence in them."""
    fit = found.identified.fit
    return {
        "kind": str(kind_of(fit)),
        "certain": not found.doubts,
        "doubts": found.doubts,
        "answer": answer(found),
        "says": "; ".join([answer(found), *found.identified.needs]),
        "limit": limit(found),
        "unit": found.counts.unit,
        "counts_refused": fit.counted if found.hammered is None else found.hammered,
        "window_s": rounded(fit.window.mid) if fit.window else None,
        "burst": whole(in_unit(fit.burst, found.counts)),
        "retry_after": retry_after(found),
        "recovery_s": rounded(found.recovery_s),
        "confidence": _confidence(found),
        "replicas": found.replicas,
        "second": second(found.further.fit),
        "looked_further": {
            "tried": found.further.tried,
            "requests": found.further.requests,
            "seconds": rounded(found.further.seconds),
        },
    }


def _bounded(found: Discovery) -> dict[str, Any]:
    """Bounds of the numbers, and rival kinds."""
    identified, fit = found.identified, found.identified.fit
    return {
        "limit_ci": _bounds(limit_in_unit(found)),
        "window_ci": _bounds(fit.window),
        "burst_ci": _bounds(in_unit(fit.burst, found.counts)),
        "anchor": None if fit.kind is not LimiterKind.FIXED else "first-request" if fit.phase is None else "clock",
        "rivals": [str(kind) for kind in identified.rivals],
        "needs": identified.needs,
        "highest": {"in_flight": identified.highest_in_flight, "per_s": rounded(identified.highest_rate)},
    }


def _behaviour(found: Discovery) -> dict[str, Any]:
    """How the limiter refuses, and how it recovers."""
    fit = found.identified.fit
    resumes = {"resumes_at": _bounds(fit.resume)} if fit.kind is LimiterKind.CONCURRENCY and fit.resume else None
    return {
        "hysteresis": resumes,
        "lag_s": rounded(fit.lag),
        "penalty_s": rounded(found.identified.penalty),
        "scope": found.scope,
        "scope_says": counted_for(found.scope) if found.scope else None,
        "refusals": {"count": len(found.refusals), **how_refused(found.refusals)},
    }


def _beside(found: Discovery) -> dict[str, Any]:
    """Further findings: the cost of requests, the queue, fairness, retry policies, and the limits that the target announces."""
    return {
        "charge": _charge(found),
        "queue": _queue(found),
        "fairness": _fairness(found),
        "policies": [_policy(result, best(found.policies)) for result in found.policies],
        "clock_skew_s": rounded(found.skew),
        "announced": [_announced(each) for each in found.told],
    }


def retry_after(found: Discovery) -> dict[str, Any] | None:
    """``{"present", "form", "example", "honest", "says"}``; None without refusals. ``honest`` is None if undetermined."""
    if not found.refusals:
        return None
    trials = found.trials
    present = bool(trials and trials[-1].hint.text) or any(
        outcome.header("retry-after") is not None for outcome in found.refusals
    )
    verdicts = {trial.honest for trial in trials}
    return {
        "present": present,
        "form": trials[-1].hint.form if trials else None,
        "meant": trials[-1].hint.meant or None if trials else None,
        "source": trials[-1].hint.source if trials else None,
        "example": trials[-1].hint.text if trials else None,
        "honest": False if False in verdicts else True if True in verdicts else None,
        "says": next((trial.says for trial in trials if trial.says), None),
        "trials": [_trial(trial) for trial in trials],
    }


def _confidence(found: Discovery) -> float:
    """The share of all decisions that the fitted model predicts correctly; below 1 if anything else is in doubt."""
    fit = found.identified.fit
    if fit.kind is LimiterKind.UNRESOLVED:
        return 0.0
    share = round(simulate.agreement(found.record, fit), 6)
    return min(share, DOUBTED) if found.doubts else share


def _bounds(bounds: Range | None) -> list[float] | None:
    return None if bounds is None else [round(bounds.low, 6), round(bounds.high, 6)]


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "text": trial.hint.text,
        "wait_s": trial.hint.wait,
        "accepted_early": trial.early,
        "early_at_s": rounded(trial.early_at),
        "accepted_in_time": trial.late,
    }


def _policy(result: Retries, recommended: Retries | None) -> dict[str, Any]:
    return {
        "policy": result.policy,
        "jobs": result.jobs,
        "done": result.done,
        "abandoned": result.abandoned,
        "requests": result.sent,
        "requests_per_job": rounded(result.requests_per_job),
        "seconds": rounded(result.seconds),
        "rest_s": rounded(result.rest),
        "recommended": result is recommended,
        "goodput_per_s": rounded(result.goodput_per_s),
    }


def _fairness(found: Discovery) -> dict[str, Any] | None:
    shares = found.shares
    if not shares:
        return None
    users = {name: {"offered": offered, "admitted": got} for name, (got, offered) in shares.items()}
    return {"jain": rounded(fairness(shares)), "users": users}


def _announced(told: ToldLimit) -> dict[str, Any]:
    return {
        "what": told.what,
        "limit": told.limit,
        "window_s": told.window,
        "agrees": told.agrees,
        "says": told.says or None,
    }


def _charge(found: Discovery) -> dict[str, Any] | None:
    """Costs of requests in the currency of the balance, as exact text; None if the balance did not show them."""
    if found.charge is None:
        return None
    costs = {"accepted": found.charge.accepted, "refused": found.charge.refused}
    shown = {name: None if cost is None else _decimal(cost) for name, cost in costs.items()}
    return {**shown, "says": found.charge.says or None}


def _decimal(amount: Fraction) -> str:
    return f"{Decimal(amount.numerator) / amount.denominator:f}"


def _queue(found: Discovery) -> dict[str, Any] | None:
    """Time for which accepted requests waited under keep-alives for their first token; None if none did."""
    waits = [wait for outcome in found.events if outcome.sample and (wait := _waited(outcome.sample)) is not None]
    statuses = Counter(outcome.status for outcome in found.refusals)
    if not waits:
        return None
    return {"waited": len(waits), "longest_s": round(max(waits), 3), "refused_503": statuses[503]}


def _waited(sample: Sample) -> float | None:
    if not sample.keepalives or sample.t_sent is None:
        return None
    return ((sample.t_first_token or sample.t_closed or sample.t_sent) - sample.t_sent) / 1e9
