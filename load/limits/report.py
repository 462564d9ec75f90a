"""From a discovery to the member ``rate_limit`` of ``report.json``, and the figures to draw."""

from collections import Counter, deque
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.limits import simulate
from echosounder.load.limits.discovery import Discovery
from echosounder.load.limits.policies import Retries, best
from echosounder.load.limits.refusals import how_refused
from echosounder.load.limits.scope import fairness
from echosounder.load.limits.seen import Fit, Range
from echosounder.load.limits.told import ToldLimit
from echosounder.load.limits.trials import Trial
from echosounder.load.limits.weighing import in_unit
from echosounder.load.sample import Sample

DOUBTED = 0.99  # the most that is said of an answer with a doubt
BIN = 0.1  # s of a timeline; longer where a run has more than BINS of them
BINS = 600
WORDS = {
    LimiterKind.NONE: "There is no limiter up to {in_flight} requests in flight, {rate:.0f} requests/s and {count} in {span:.0f} s",
    LimiterKind.CONCURRENCY: "Concurrency limit: at most {limit} requests in flight",
    LimiterKind.BUCKET: "Token bucket: {limit} {unit}/s, burst {burst}",
    LimiterKind.FIXED: "Fixed window: {limit} {unit} per {window} s",
    LimiterKind.SLIDING: "Sliding window: {limit} {unit} within any {window} s",
    LimiterKind.QUEUE: "Queue: {limit} answers are written at once, further requests wait",
    LimiterKind.LEAKY: "Leaky bucket: {limit} {unit}/s, {burst} at once, of which all but the first wait in line",
    LimiterKind.QUOTA: "Quota: {limit} requests, and nothing came back within {span:.0f} s",
    LimiterKind.UNRESOLVED: "Limiter not resolved",
}

UNITS = {
    "prompt and max_tokens": "tokens (of the prompt and of max_tokens)",
    "tokens used": "tokens (of prompt and answer, as used)",
    "cost": "of cost (in tokens of the prompt)",
}


def rate_limit(found: Discovery) -> dict[str, Any]:
    """Member ``rate_limit``. Named by the design: ``kind``; ``limit`` in flight, per second (bucket) or per window; ``window_s``;
    ``burst``; ``retry_after``; ``recovery_s``; ``confidence``, the share of all decisions that the fitted model gets right.

    More: ``answer`` what it is, ``says`` the same with ``needs``; ``limit_ci``, ``window_ci``, ``burst_ci`` bounds ``[low, high]``, not
    standard errors: what lies outside contradicts an observation;
    ``rivals`` kinds that explain as much; ``needs`` what it would take to know more; ``hysteresis``,
    ``lag_s``, ``penalty_s``; ``scope`` ``{key|user_id|model: together?}``; ``refusals``; ``charge`` what an accepted and a refused
    request cost; ``queue``; ``fairness``; ``policies``; ``clock_skew_s``; ``timeline`` and ``curves``, see :func:`timeline` and
    :func:`curves`.
    """
    identified, fit = found.identified, found.identified.fit
    return {
        "kind": str(_kind(fit)),
        "certain": not found.doubts,
        "doubts": found.doubts,
        "answer": _answer(found),
        "says": "; ".join([_answer(found), *identified.needs]),
        "limit": _limit(found),
        "unit": found.counts.unit,
        "counts_refused": found.identified.fit.counted if found.hammered is None else found.hammered,
        "window_s": _round(fit.window.mid) if fit.window else None,
        "burst": _whole(in_unit(fit.burst, found.counts)),
        "retry_after": retry_after(found),
        "recovery_s": _round(found.recovery_s),
        "confidence": _confidence(found),
        "replicas": found.replicas,
        "second": _second(found.further.fit),
        "looked_further": {
            "tried": found.further.tried,
            "requests": found.further.requests,
            "seconds": _round(found.further.seconds),
        },
        "limit_ci": _bounds(_in_unit(found)),
        "window_ci": _bounds(fit.window),
        "burst_ci": _bounds(in_unit(fit.burst, found.counts)),
        "anchor": None if fit.kind is not LimiterKind.FIXED else "first-request" if fit.phase is None else "clock",
        "rivals": [str(kind) for kind in identified.rivals],
        "needs": identified.needs,
        "highest": {"in_flight": identified.highest_in_flight, "per_s": _round(identified.highest_rate)},
        "hysteresis": {"resumes_at": _bounds(fit.resume)}
        if fit.kind is LimiterKind.CONCURRENCY and fit.resume
        else None,
        "lag_s": _round(fit.lag),
        "penalty_s": _round(identified.penalty),
        "scope": found.scope,
        "refusals": {"count": len(found.refusals), **how_refused(found.refusals)},
        "charge": _charge(found),
        "queue": _queue(found),
        "fairness": _fairness(found),
        "policies": [_policy(result, best(found.policies)) for result in found.policies],
        "clock_skew_s": _round(found.skew),
        "announced": [_announced(each) for each in found.told],
        "timeline": timeline(found),
        "curves": list(curves(found)),
    }


def retry_after(found: Discovery) -> dict[str, Any] | None:
    """``{"present", "form", "example", "honest", "says"}``; None where nothing was refused. ``honest`` None: not found out."""
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


def timeline(found: Discovery) -> list[dict[str, Any]]:
    """The fitted model over what happened: per bin of time ``{"t_s", "admitted", "rejected", "model_admitted", "model_rejected"}``,
    counts of the requests that the kind was told from."""
    decisions = list(simulate.predictions(found.record, found.identified.fit))
    width = max(BIN, max((at for _, at, _ in decisions), default=0.0) / BINS)
    bins: dict[int, Counter[str]] = {}
    for each, when, served in decisions:
        counts = bins.setdefault(int(when / width), Counter())
        counts["admitted" if each.accepted else "rejected"] += 1
        counts["model_admitted" if served else "model_rejected"] += 1
    names = ("admitted", "rejected", "model_admitted", "model_rejected")
    return [{"t_s": round(index * width, 3), **{name: bins[index][name] for name in names}} for index in sorted(bins)]


def curves(found: Discovery) -> Iterator[dict[str, Any]]:
    """Over the whole run, a second each: ``{"t_s", "offered", "admitted", "rejected", "abandoned", "in_flight"}``.

    ``abandoned``: jobs that a client gave up after its last try; ``in_flight``: the most that were certainly served at once,
    of the first key and without those of another user or model.
    """
    events = [outcome for outcome in found.events if outcome.status is not None]
    counts = {
        "offered": Counter(int(outcome.sent) for outcome in events),
        "admitted": Counter(int(outcome.answered) for outcome in events if outcome.status == 200),
        "rejected": Counter(int(outcome.answered) for outcome in events if outcome.status != 200),
        "abandoned": Counter(int(at) for result in found.policies for at in result.abandoned_at),
    }
    busiest = _busiest(found)
    for second in range(int(max((outcome.closed or outcome.answered for outcome in events), default=-1.0)) + 1):
        yield {"t_s": second, **{name: each[second] for name, each in counts.items()}, "in_flight": next(busiest)}


def _busiest(found: Discovery) -> Iterator[int]:
    """The most in flight in each second. A last byte is on its way for a while in which its place is already another's."""
    accepts = [
        each for each in found.events if each.status == 200 and not each.ask.key and each.ask.job.name != "other"
    ]
    ends = (max(each.closed - found.slack, each.answered) for each in accepts if each.closed is not None)
    changes = deque(sorted([*((each.answered, 1) for each in accepts), *((end, -1) for end in ends)]))
    level = 0
    for second in count(1):
        most = level
        while changes and changes[0][0] < second:
            level += changes.popleft()[1]
            most = max(most, level)
        yield most


def _kind(fit: Fit) -> LimiterKind:
    return LimiterKind.LEAKY if fit.delayed else fit.kind


def _confidence(found: Discovery) -> float:
    """The share of all decisions that the fitted model gets right; below 1 where anything else is in doubt."""
    fit = found.identified.fit
    if fit.kind is LimiterKind.UNRESOLVED:
        return 0.0
    share = round(simulate.agreement(found.record, fit), 6)
    return min(share, DOUBTED) if found.doubts else share


def _second(fit: Fit | None) -> dict[str, Any] | None:
    """The limiter behind the one that was found, in requests."""
    if fit is None:
        return None
    limit = (
        None if fit.limit is None else round(fit.limit.rate, 6) if fit.kind is LimiterKind.BUCKET else _whole(fit.limit)
    )
    return {
        "kind": str(fit.kind),
        "limit": limit,
        "window_s": _round(fit.window.mid) if fit.window else None,
        "burst": _whole(fit.burst),
    }


def _answer(found: Discovery) -> str:
    first = _one_answer(found)
    if found.identified.fit.counted:
        first += "; what is refused counts too: who goes on asking is kept out"
    second = found.further.fit
    if second is None:
        return first
    told = _second(second) or {}
    words = WORDS[second.kind].format(
        unit="requests",
        **{name: _plain(value) for name, value in told.items() if name != "kind"},
        window=_plain(told["window_s"]),
    )
    return f"{first}; and {words[0].lower()}{words[1:]}"


def _one_answer(found: Discovery) -> str:
    fit, identified = found.identified.fit, found.identified
    return WORDS[_kind(fit)].format(
        limit=_plain(_limit(found)),
        window=_plain(fit.window.mid if fit.window else None),
        burst=_plain(_whole(in_unit(fit.burst, found.counts))),
        unit=UNITS.get(found.counts.unit or "requests", found.counts.unit),
        in_flight=identified.highest_in_flight,
        rate=identified.highest_rate,
        count=len(found.record.accepts),
        span=found.record.span,
    )


def _plain(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"


def _limit(found: Discovery) -> float | int | None:
    bounds = _in_unit(found)
    if found.identified.fit.kind is not LimiterKind.BUCKET:
        return _whole(bounds)
    return None if bounds is None else round(bounds.rate, 6)


def _in_unit(found: Discovery) -> Range | None:
    fit = found.identified.fit
    return in_unit(fit.limit, found.counts, whole=fit.kind is not LimiterKind.BUCKET)


def _whole(bounds: Range | None) -> int | None:
    """The whole number within the bounds that is nearest to their middle."""
    if bounds is None:
        return None
    inside = [
        number
        for number in (round(bounds.mid), int(bounds.high), int(bounds.low))
        if bounds.low <= number <= bounds.high
    ]
    return inside[0] if inside else round(bounds.mid)


def _bounds(bounds: Range | None) -> list[float] | None:
    return None if bounds is None else [round(bounds.low, 6), round(bounds.high, 6)]


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "text": trial.hint.text,
        "wait_s": trial.hint.wait,
        "accepted_early": trial.early,
        "early_at_s": _round(trial.early_at),
        "accepted_in_time": trial.late,
    }


def _policy(result: Retries, recommended: Retries | None) -> dict[str, Any]:
    return {
        "policy": result.policy,
        "jobs": result.jobs,
        "done": result.done,
        "abandoned": result.abandoned,
        "requests": result.sent,
        "requests_per_job": _round(result.requests_per_job),
        "seconds": _round(result.seconds),
        "rest_s": _round(result.rest),
        "recommended": result is recommended,
        "goodput_per_s": _round(result.goodput_per_s),
    }


def _fairness(found: Discovery) -> dict[str, Any] | None:
    shares = found.shares
    if not shares:
        return None
    users = {name: {"offered": offered, "admitted": got} for name, (got, offered) in shares.items()}
    return {"jain": _round(fairness(shares)), "users": users}


def _announced(told: ToldLimit) -> dict[str, Any]:
    return {
        "what": told.what,
        "limit": told.limit,
        "window_s": told.window,
        "agrees": told.agrees,
        "says": told.says or None,
    }


def _charge(found: Discovery) -> dict[str, Any] | None:
    """By the balance and in its currency, as exact text; None where the balance did not tell."""
    if found.charge is None:
        return None
    costs = {"accepted": found.charge.accepted, "refused": found.charge.refused}
    shown = {name: None if cost is None else _decimal(cost) for name, cost in costs.items()}
    return {**shown, "says": found.charge.says or None}


def _decimal(amount: Fraction) -> str:
    return f"{Decimal(amount.numerator) / amount.denominator:f}"


def _queue(found: Discovery) -> dict[str, Any] | None:
    """How long accepted requests waited for their first token while the target kept them alive; None where none did."""
    waits = [wait for outcome in found.events if outcome.sample and (wait := _waited(outcome.sample)) is not None]
    statuses = Counter(outcome.status for outcome in found.refusals)
    if not waits:
        return None
    return {"waited": len(waits), "longest_s": round(max(waits), 3), "refused_503": statuses[503]}


def _waited(sample: Sample) -> float | None:
    if not sample.keepalives or sample.t_sent is None:
        return None
    return ((sample.t_first_token or sample.t_closed or sample.t_sent) - sample.t_sent) / 1e9
