"""``report.json`` of observed traffic: the schema of a check's, with a summary as its member ``traffic``. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from echosounder import specs
from echosounder.judgement.baseline import Baseline
from echosounder.judgement.passive import rows
from echosounder.judgement.rates import BreakRates
from echosounder.judgement.report import NO_BASELINE, SCHEMA, counts_by_verdict, requirement_row
from echosounder.judgement.rule import unmet
from echosounder.wire.header import Header
from echosounder.wire.verdict import Result, Verdict

BROKEN = {"MUST": Verdict.FAIL, "SHOULD": Verdict.NONSTRICT, "MAY": Verdict.UNSUPPORTED}
SUITE = "listen"


def results(rates: BreakRates, profile: str, policy: str) -> tuple[Result, ...]:
    """A verdict for each requirement that the traffic allowed to judge."""
    found = (rates.result(row.id, BROKEN[row.level]) for row in rows(profile, policy))
    return tuple(result for result in found if result is not None)


def report(
    header: Header, policy: str, rates: BreakRates, traffic: Mapping[str, Any], baseline: Baseline = NO_BASELINE
) -> dict[str, Any]:
    """The report on observed traffic. *traffic* holds its amount and cost; its ``requests``, ``groups`` and ``reason`` (why there is
    too little to judge) are used here too.
    """
    judged = results(rates, header.profile, policy)
    accepted = baseline.apply(judged, header.target.url, datetime.fromisoformat(header.started).date())
    broken = [each for each in judged if unmet(specs.requirement(each.requirement).level, each.verdict)]
    deviates = accepted.stale or any(each.requirement not in accepted.reasons for each in broken)
    reason = str(traffic.get("reason") or "") or ("" if judged else "no exchange could be judged")
    return {
        "schema": SCHEMA,
        "verdict": "deviates" if deviates else "inconclusive" if reason else "conforms",
        "target": {"url": header.target.url, "model": None, "position": header.target.position},
        "profile": header.profile,
        "policy": policy,
        "suite": SUITE,
        "started": header.started,
        "counts": counts_by_verdict(judged),
        "cost": _cost(traffic["requests"], traffic["groups"]),
        "requirements": [requirement_row(each, accepted, None) for each in judged],
        "unchecked": [
            row.id for row in specs.requirements(header.profile) if row.id not in {e.requirement for e in judged}
        ],
        "unsent": {},
        "reason": reason,
        "traffic": {**traffic, "rates": list(rates.rows())},
        "baseline": accepted.record(),
    }


def _cost(requests: int, groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of all groups; ``usd`` None where one has no price."""
    sums = [group["usd"] for group in groups if group["tokens"]["prompt"] or group["usd"]]
    total = None if not sums or None in sums else format(sum(map(Decimal, sums)), "f")
    return {
        "requests": requests,
        "prompt_tokens": sum(group["tokens"]["prompt"] for group in groups),
        "completion_tokens": sum(group["tokens"]["output"] for group in groups),
        "usd": total,
    }
