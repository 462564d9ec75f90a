"""From a run to the members ``cache`` and ``cost`` of ``report.json``, and the figures to draw."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations
from math import comb, gcd
from statistics import median
from typing import Any

from load.pricing.diagnose import Cause
from load.pricing.judge import Evidence, confusion
from load.pricing.lab import Answer
from load.pricing.ledger import ZERO, Entry, total
from wire.prices import bill


def cache(evidence: Evidence) -> dict[str, Any]:
    """Member ``cache``. Named by the design: ``prompt_tokens``, ``hit_tokens``, ``expected_hit_tokens`` (promised by the profile's
    cache model, of requests after the first were stored), ``hit_ratio``, ``mismatches`` (less than promised, or more than is shared).

    More: ``model`` and ``unit`` of the profile; ``granularity``, the greatest number that all hits are multiples of; ``settle_s`` from
    the end of a first answer to a request that hits it; ``kept_s`` for how long an entry was seen to last; ``confusion`` per model,
    see :func:`load.pricing.judge.confusion`; ``points`` ``[{"name", "phase", "expected", "most", "reported"}]`` to draw; ``leaks``;
    ``latency`` ``{"cold_ms", "warm_ms", "pairs", "saved_ms", "p"}``, medians, and the chance of such a difference without any cause.
    """
    counted = evidence.counted
    prompt = sum((answer.usage.prompt or 0) if answer.usage else 0 for answer in counted)
    hits = [answer.hit or 0 for answer in counted]
    ready = [answer for answer in counted if answer.ready]
    wrong = [answer for answer in ready if not evidence.promised(answer) <= (answer.hit or 0) <= answer.expected.most]
    return {
        "prompt_tokens": prompt if counted else None,
        "hit_tokens": sum(hits) if counted else None,
        "expected_hit_tokens": sum(evidence.promised(answer) for answer in ready) if counted else None,
        "hit_ratio": round(sum(hits) / prompt, 6) if prompt else None,
        "mismatches": len(wrong) if counted else None,
        "model": evidence.model,
        "unit": evidence.unit,
        "granularity": gcd(*hits) or None,
        "smallest_hit": min((hit for hit in hits if hit), default=None),
        "settle_s": _round(evidence.lab.settle),
        "kept_s": _round(_kept(counted)),
        "evicted": _evicted(counted, evidence),
        "confusion": confusion(evidence),
        "points": [_point(answer, evidence) for answer in ready],
        "leaks": [
            answer.name
            for answer in counted
            if answer.about.startswith("other-") and (answer.hit or 0) > answer.expected.most
        ],
        "latency": latency(counted),
    }


def cost(evidence: Evidence, causes: Sequence[Cause], currency: str) -> dict[str, Any]:
    """Member ``cost``. Named by the design, decimal strings in ``currency``: ``usd``, ``usd_without_cache``, ``balance_delta``,
    ``unexplained`` (what was taken beyond the bill; 0 where all is explained to the last digit that the balance shows).

    More: ``unit`` the value of that digit; ``entries`` ``[{"name", "requests", "billed", "fell", "unexplained", "explained"}]``;
    ``causes`` ``[{"name", "says", "entries"}]``; ``waterfall`` ``[{"label", "amount"}]``, each step added to the one before, the last
    one is the sum; ``settled_s`` the longest that a charge took to show; ``unknown`` answers without a usage.
    """
    lab = evidence.lab
    entries = lab.entries
    known = [entry for entry in entries if entry.remainder is not None]
    without = total(charge.uncached for entry in entries for charge in entry.charges)
    delta = total(entry.fell for entry in known) if known else None
    rest = total(_left(entry) for entry in known) if known else None
    return {
        "usd": _money(total(entry.billed for entry in entries)),
        "usd_without_cache": _money(without),
        "balance_delta": _money(delta),
        "unexplained": _money(rest),
        "currency": currency,
        "unit": _money(lab.accountant.unit) if known else None,
        "entries": [_entry(entry) for entry in entries],
        "causes": [{"name": cause.name, "says": cause.says, "entries": list(cause.entries)} for cause in causes],
        "waterfall": waterfall(entries),
        "settled_s": _round(max(lab.accountant.settled_after, default=None)),
        "unknown": sum(entry.unknown for entry in entries),
        "clock_skew_s": _round(lab.skew.total_seconds() if lab.skew else None),
        "moved_by_others": _money(lab.idle.fell) if lab.idle and lab.idle.fell else None,
    }


def waterfall(entries: Sequence[Entry]) -> list[dict[str, str]]:
    """What the prompts would have cost, what the cache saved, what the answers cost, what nobody explains, and the sum."""
    charges = [charge for entry in entries for charge in entry.charges]
    prompts = total(bill(0, charge.usage.prompt or 0, 0, charge.rates).total for charge in charges)
    answers = total(bill(0, 0, charge.usage.completion or 0, charge.rates).total for charge in charges)
    billed = total(charge.amount for charge in charges)
    rest = total(_left(entry) for entry in entries if entry.remainder is not None)
    steps = {
        "prompts without cache": prompts,
        "saved by the cache": billed - prompts - answers,
        "answers": answers,
        "unexplained": rest,
        "taken": billed + rest,
    }
    return [{"label": label, "amount": format(amount, "f")} for label, amount in steps.items()]


def latency(answers: Sequence[Answer]) -> dict[str, Any] | None:
    """First tokens of long prompts, cold and warm. The p value is exact: the share of all ways to deal the times to the two groups
    that differ as much in their sums."""
    phase = [answer for answer in answers if answer.phase == "first tokens" and answer.ttft_ms is not None]
    cold = [answer.ttft_ms or 0.0 for answer in phase if not answer.hit]
    warm = [answer.ttft_ms or 0.0 for answer in phase if answer.hit]
    if len(cold) < 2 or len(warm) < 2:
        return None
    saved = median(cold) - median(warm)
    return {
        "cold_ms": round(median(cold), 3),
        "warm_ms": round(median(warm), 3),
        "pairs": min(len(cold), len(warm)),
        "saved_ms": round(saved, 3),
        "p": round(_chance(cold, warm), 4),
    }


def _chance(cold: list[float], warm: list[float]) -> float:
    pool = [*cold, *warm]
    found = sum(sum(chosen) >= sum(cold) for chosen in combinations(pool, len(cold)))
    return found / comb(len(pool), len(cold))


def _left(entry: Entry) -> Decimal:
    """What is unexplained: nothing where it is below the last digit that the balance shows."""
    return ZERO if entry.explained else entry.remainder or ZERO


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "requests": len(entry.charges) + entry.unknown,
        "billed": _money(entry.billed),
        "fell": _money(entry.fell),
        "unexplained": _money(entry.remainder),
        "explained": entry.explained,
    }


def _point(answer: Answer, evidence: Evidence) -> dict[str, Any]:
    members = {"expected": evidence.promised(answer), "most": answer.expected.most, "reported": answer.hit}
    return {"name": answer.name, "phase": answer.phase, **members}


def _kept(answers: Sequence[Answer]) -> float | None:
    """The longest time between a prompt and a later one that hit it whole."""
    first: dict[object, float] = {}
    longest = None
    for answer in answers:
        begin = first.setdefault((answer.prompt, answer.scope), answer.outcome.sent)
        if answer.hit and answer.outcome.sent > begin:
            longest = max(longest or 0.0, answer.outcome.sent - begin)
    return longest


def _evicted(answers: Sequence[Answer], evidence: Evidence) -> list[str]:
    """Prompts that had been hit and later were not."""
    last: dict[object, bool] = {}
    gone: Counter[str] = Counter()
    for answer in answers:
        key = (answer.prompt, answer.scope)
        if last.get(key) and not answer.hit and evidence.promised(answer):
            gone[answer.name] += 1
        last[key] = bool(answer.hit)
    return sorted(gone)


def _money(amount: Decimal | None) -> str | None:
    """Without exponent and without zeros at the end."""
    if amount is None:
        return None
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
