"""Converts a billing run to the members ``cache``, ``cost`` and ``slo`` of ``report.json``."""

from collections.abc import Sequence
from decimal import Decimal
from math import gcd
from typing import Any

from echosounder.judgement.bill import WITHHELD, BillEvidence, Role
from echosounder.load.pricing.evidence import Counted, Evidence, confusion
from echosounder.load.pricing.first_tokens import compared
from echosounder.load.pricing.ledger import ZERO, Entry, merged, money, total
from echosounder.load.pricing.verifiable import unverified
from echosounder.wire.prices import bill
from echosounder.wire.verdict import Result, Verdict


def cache(evidence: Evidence, billed: BillEvidence) -> dict[str, Any]:
    """Member ``cache``. Specified by the design: ``prompt_tokens``, ``hit_tokens``, ``expected_hit_tokens`` (promised by the profile's
    cache model), ``hit_ratio``, ``mismatches`` (requests with fewer hits than promised, or more than possible).

    Further members: ``model`` and ``unit`` of the profile; ``granularity``, the greatest common divisor of all hits; ``settle_s``, from
    the end of a first answer to a request that hits it; ``kept_s``, the longest time that a prompt was observed to be kept;
    ``evicted``; ``confusion`` per model, see :func:`load.pricing.evidence.confusion`; ``points`` ``[{"name", "expected", "most",
    "reported"}]`` to plot; ``leaks``, names of requests; ``tokens_per_word`` of our prompts, 1 with DeepSeek's vocabulary; ``latency``,
    see :func:`load.pricing.first_tokens.compared`.
    """
    counted = evidence.counted
    hits = [each.hit for each in counted]
    prompt = sum((each.answer.usage.prompt or 0) if each.answer.usage else 0 for each in counted)
    wrong = [each for each in counted if not evidence.promised(each) <= each.hit <= each.expected.most]
    low, high = evidence.lab.scale.per_word
    return {
        "prompt_tokens": prompt if counted else None,
        "hit_tokens": sum(hits) if counted else None,
        "expected_hit_tokens": sum(map(evidence.promised, counted)) if counted and evidence.model else None,
        "hit_ratio": round(sum(hits) / prompt, 6) if prompt else None,
        "mismatches": len(wrong) if counted else None,
        "model": evidence.model,
        "unit": evidence.unit,
        "granularity": gcd(*hits) or None,
        "smallest_hit": min((hit for hit in hits if hit), default=None),
        "settle_s": _round(evidence.lab.settle),
        "kept_s": _round(_kept(counted)),
        "evicted": _evicted(evidence),
        "confusion": confusion(evidence) if counted else None,
        "points": [_point(each, evidence) for each in counted if each.answer.send.keep],
        "leaks": [said.name for _, said in billed.leaked],
        "tokens_per_word": round((low + high) / 2, 4),
        "latency": _latency(counted),
    }


def cost(evidence: Evidence) -> dict[str, Any]:
    """Member ``cost``. Specified by the design, decimal strings in ``currency``: ``usd``, ``usd_without_cache``,
    ``balance_delta``, ``unexplained`` (amount charged beyond the bill; 0 if it agrees to the last digit that the
    balance shows).

    Further members: ``unit``, the value of that digit; ``unverified``, why there is no verdict, None if there is one;
    ``entries`` ``[{"name", "requests", "billed", "fell", "unexplained", "explained"}]``; ``causes`` ``[{"name",
    "says", "requirement", "entries"}]``; ``waterfall`` ``[{"label", "amount"}]``, each step added to the previous
    ones, the last one the sum; ``settled_s``, the longest time until a charge appeared; ``unknown``, answers of
    unknown cost; ``clock_skew_s``, target minus ours; ``hang_ups``, the charge of streams from which the client
    disconnects, see :class:`load.pricing.hang_ups.HangUps`, None if not tested.
    """
    lab, entries = evidence.lab, evidence.entries
    known = [entry for entry in entries if entry.remainder is not None]
    whole = merged(known, "all") if known else None
    return {
        "usd": money(total(entry.billed for entry in entries)),
        "usd_without_cache": money(total(charge.uncached for entry in entries for charge in entry.charges)),
        "balance_delta": money(total(entry.fell or ZERO for entry in known)) if known else None,
        "unexplained": money(unexplained(evidence)),
        "currency": lab.tariff.currency,
        "unit": money(lab.accountant.unit) if known else None,
        "coarse": bool(whole and whole.coarse),
        "unverified": unverified(evidence) or None,
        "entries": [_entry(entry) for entry in entries],
        "causes": [
            {"name": each.name, "says": each.says, "requirement": each.requirement, "entries": list(each.entries)}
            for each in evidence.causes
        ],
        "waterfall": waterfall(evidence),
        "settled_s": _round(max(lab.accountant.settled_after, default=None)),
        "unknown": sum(entry.unknown for entry in entries),
        "clock_skew_s": _round(lab.skew.total_seconds() if lab.skew else None),
        "hang_ups": lab.hung.member() if lab.hung else None,
        "moved_by_others": money(lab.idle.fell) if lab.idle and lab.idle.fell else None,
    }


def answer(evidence: Evidence, results: Sequence[Result]) -> dict[str, str]:
    """Members ``verdict`` (right, wrong, unverified) and ``says``, one sentence on the bill."""
    why, causes = unverified(evidence), evidence.causes
    broken = [result.findings[0].message for result in results if result.verdict is Verdict.FAIL and result.findings]
    if causes:
        more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
        return {"verdict": "wrong", "says": f"The bill is wrong: {causes[0].says}{more}"}
    if broken:
        return {"verdict": "wrong", "says": f"The bill does not follow the rules: {broken[0]}"}
    if why:
        return {"verdict": "unverified", "says": f"The bill could not be verified: {why}"}
    requests = sum(len(entry.charges) for entry in evidence.entries)
    amount = f"{money(total(entry.billed for entry in evidence.entries))} {evidence.lab.tariff.currency}"
    return {"verdict": "right", "says": f"The bill is right: {amount} for {requests} requests"}


def objectives(evidence: Evidence, billed: BillEvidence) -> list[dict[str, Any]]:
    """Member ``slo``: the objectives of a bill, whatever the level of the requirement. Objectives without a verdict are omitted."""
    due, short = billed.wanting
    rest = unexplained(evidence)
    told = {
        "unexplained=0": None if rest is None or unverified(evidence) else (float(rest), rest == 0),
        "invented_hits=0": (len(billed.invented), not billed.invented) if evidence.counted else None,
        "leaked_hits=0": (len(billed.leaked), not billed.leaked) if evidence.counted else None,
        f"withheld_hits<={WITHHELD:.0%}": (len(short) / len(due), len(short) <= WITHHELD * len(due)) if due else None,
    }
    return [{"expr": expr, "value": said[0], "met": said[1]} for expr, said in told.items() if said is not None]


def unexplained(evidence: Evidence) -> Decimal | None:
    """The sum of the absolute unexplained amounts, so that faults do not cancel out; None without a balance."""
    known = [entry for entry in evidence.entries if entry.remainder is not None]
    if not known:
        return None
    apart = total(abs(_left(entry)) for entry in known)
    return apart or abs(_left(merged(evidence.entries, "all")))


def waterfall(evidence: Evidence) -> list[dict[str, str]]:
    """The bill as a waterfall: cost of the prompts, savings by the cache, cost of the answers, unexplained rest, and the sum."""
    charges = [charge for entry in evidence.entries for charge in entry.charges]
    prompts = total(bill(0, charge.hit + charge.miss, 0, charge.rates[0]).total for charge in charges)
    answers = total(bill(0, 0, charge.output, charge.rates[0]).total for charge in charges)
    billed = total(entry.billed for entry in evidence.entries)
    rest = total(_left(entry) for entry in evidence.entries)
    steps = {
        "prompts without a cache": prompts,
        "saved by the cache": billed - prompts - answers,
        "answers": answers,
        "unexplained": rest,
        "taken" if evidence.told else "billed": billed + rest,
    }
    return [{"label": label, "amount": format(amount, "f")} for label, amount in steps.items()]


def _left(entry: Entry) -> Decimal:
    """The unexplained amount of an entry; 0 if it is below the last digit that the balance shows."""
    return ZERO if entry.explained else entry.remainder or ZERO


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "requests": len(entry.charges) + entry.unknown,
        "billed": money(entry.billed),
        "fell": money(entry.fell),
        "unexplained": money(entry.remainder),
        "explained": entry.explained,
    }


def _point(each: Counted, evidence: Evidence) -> dict[str, Any]:
    members = {"expected": evidence.promised(each), "most": each.expected.most, "reported": each.hit}
    return {"name": each.answer.name, **members}


def _latency(counted: Sequence[Counted]) -> dict[str, Any] | None:
    """Comparison of times to first token of long prompts, cold and warm according to usage."""
    times = [(each.hit > 0, each.answer.ttft_ms) for each in counted if each.answer.send.role is Role.TIMED]
    groups = ([time for warm, time in times if warm is kind and time is not None] for kind in (False, True))
    return compared(*groups)


def _kept(counted: Sequence[Counted]) -> float | None:
    """The longest time between the first use of a prompt and a hit by a repetition."""
    first: dict[object, float] = {}
    waits = []
    for each in counted:
        sent = each.answer.outcome.sent
        begin = first.setdefault((each.answer.send.prompt, each.answer.send.user_id), sent)
        waits += [sent - begin] if each.hit and sent > begin else []
    return max(waits, default=None)


def _evicted(evidence: Evidence) -> list[str]:
    """Names of requests whose prompt had hit before and then missed."""
    last: dict[object, int] = {}
    gone = []
    for each in evidence.counted:
        key = (each.answer.send.prompt, each.answer.send.user_id)
        if last.get(key) and not each.hit and evidence.promised(each):
            gone.append(each.answer.name)
        last[key] = each.hit
    return gone


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
