"""``report.json`` of a check run: schema ``echosounder/check/1``, a pure function of the log and its results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

from echosounder import specs
from echosounder.judgement.answers import answer, completion
from echosounder.judgement.baseline import BROKEN, Accepted, Baseline
from echosounder.judgement.causes import explanations, umbrella
from echosounder.judgement.checks.served import dead, lacking, tally
from echosounder.specs.grammar import UNKNOWN
from echosounder.wire.exchange import Exchange
from echosounder.wire.header import RunKind
from echosounder.wire.prices import Rated, bill_usage
from echosounder.wire.runlog import Run
from echosounder.wire.usage import Usage
from echosounder.wire.verdict import Finding, Result, Verdict

SCHEMA = "echosounder/check/1"
CLIENT = "client"
"""The feature of requirements that no server can be held to."""
HELD = frozenset({Verdict.FAIL, Verdict.UNTESTABLE})
NO_BASELINE = Baseline()
NOTHING_ACCEPTED = Accepted({}, (), ())


CAPS = frozenset({"BudgetSpent", "RunTooLong", "TooMuchToJudge"})
"""What ends a run early and is not an excuse: what was sent before counts."""


def report(run: Run, results: Sequence[Result], baseline: Baseline = NO_BASELINE) -> dict[str, Any]:
    """Members beyond design section 6: ``started``, ``unchecked`` (requirements of the profile that this run did not judge),
    ``unsent`` (probes and why), ``baseline``, ``served`` (how many legal requests were, by path), ``unjudged`` (exchanges of paths that
    no wire format is known for, by path), ``reason`` (why there is too little to judge by), ``waited`` (for a limiter: seconds, requests
    that were sent again, whether patience was over); of a requirement ``note``, ``accepted``,
    ``explained_by`` (the broken requirement behind it), ``umbrella`` (others say more precisely what is wrong) and ``remedy`` (what to
    change, see :mod:`specs.remedies`); of a finding ``offset``, ``cause``, ``status`` and ``accepted``.
    """
    header, target, asked = run.header, run.header.target, run.header.checking
    started = datetime.fromisoformat(header.started)
    probes = {exchange.id: exchange.probe for exchange in run.exchanges}
    accepted = baseline.apply(results, target.url, started.date(), probes)
    judged, whys = {result.requirement for result in results}, explanations(results)
    return {
        "schema": SCHEMA,
        "verdict": verdict(run, results, accepted),
        "target": {"url": target.url, "model": target.model, "position": target.position},
        "profile": header.profile,
        "policy": asked.policy,
        "suite": asked.suite,
        "started": header.started,
        "counts": counts_by_verdict(results),
        "cost": cost(run.exchanges, target.model or "", started, asked.prices)
        | {"usd_at_most": (run.footer or {}).get("at_most_usd")},
        "requirements": [requirement_row(result, accepted, whys.get(result.requirement)) for result in results],
        "unchecked": [
            row.id for row in specs.requirements(header.profile) if row.id not in judged and CLIENT not in row.features
        ],
        "unsent": (run.footer or {}).get("unsent", {}),
        "served": tally(filter(_of_the_target, run.exchanges)),
        "unjudged": unjudged(run.exchanges),
        "waited": (run.footer or {}).get("waited"),
        "reason": reason(run),
        "baseline": accepted.record(),
    }


def unjudged(exchanges: Iterable[Exchange]) -> dict[str, int]:
    """Number of requests to each path that has no known wire format and belongs to no probe of a requirement."""
    probes = {pattern for row in specs.requirements() for pattern in row.probes}
    odd = [each for each in exchanges if each.format == UNKNOWN and each.request.method == "POST"]
    return dict(Counter(each.request.path for each in odd if not any(fnmatchcase(each.probe, one) for one in probes)))


def verdict(run: Run, results: Iterable[Result], accepted: Accepted = NOTHING_ACCEPTED) -> str:
    """``deviates`` if a MUST failed or could not be tested because of a fault, or if a baseline entry is stale. ``inconclusive`` if the
    run was cut short, an error was ours, nothing passed, or a feature was never served. ``conforms`` otherwise. A target that could
    not be judged, or stopped answering, is inconclusive whatever was found before; an exhausted budget is not an excuse.
    """
    results, footer = tuple(results), run.footer or {}
    if footer.get("stopped_by", "BudgetSpent") not in CAPS:
        return "inconclusive"
    if _probed(run) and dead(run.exchanges):
        return "inconclusive"
    broken = [result for result in results if _level(result) == "MUST" and result.verdict in HELD]
    if accepted.stale or any(result.requirement not in accepted.reasons for result in broken):
        return "deviates"
    cut_short = run.footer is None or "interrupted" in footer or bool(footer.get("unsent")) or bool(reason(run))
    seen = {result.verdict for result in results}
    return "inconclusive" if cut_short or Verdict.ERROR in seen or Verdict.PASS not in seen else "conforms"


def reason(run: Run) -> str:
    """Why the data do not suffice for a verdict, in one line: what ended the run, or what was never served; empty if they do."""
    footer = run.footer or {}
    if footer.get("stopped_by", "BudgetSpent") not in CAPS:
        return str(footer["stopped"])
    return lacking(run.exchanges) if _probed(run) else ""


def _probed(run: Run) -> bool:
    """Was the target itself asked? Behind a proxy it is we who answer, often on purpose with an error."""
    return run.header.kind_of_run is RunKind.CHECK


def cost(
    exchanges: Iterable[Exchange], model: str, at: datetime, prices: Sequence[str] | None = None
) -> dict[str, Any]:
    """Cost of the answers by their reported usage, at *prices* (hit, miss, output) or those of *at*.

    ``usd`` is a decimal string, None if no price is known.
    """
    exchanges = tuple(exchanges)
    counts = [usage for each in exchanges if completion(each) and (usage := answer(each).usage) is not None]
    return {
        "requests": len(exchanges),
        "prompt_tokens": sum(max(usage.prompt or 0, 0) for usage in counts),
        "completion_tokens": sum(max(usage.completion or 0, 0) for usage in counts),
        "usd": _usd(counts, model, at, prices),
    }


def _usd(counts: Iterable[Usage], model: str, at: datetime, prices: Sequence[str] | None) -> str | None:
    try:
        rates: Rated = specs.Rates(*map(Decimal, prices)) if prices else specs.price(model, at)
    except specs.UnknownPriceError:
        return None
    return format(sum(bill_usage(usage, rates).total for usage in counts), "f")


def counts_by_verdict(results: Iterable[Result]) -> dict[str, int]:
    seen = Counter(result.verdict for result in results)
    return {str(verdict): seen[verdict] for verdict in Verdict if seen[verdict]}


def _of_the_target(exchange: Exchange) -> bool:
    """Does it say how the target serves? Behind a proxy an upstream of ours fails on purpose, and its side is no answer to a client."""
    return not exchange.side and not exchange.notes.get("upstream")


def _level(result: Result) -> str:
    return specs.requirement(result.requirement).level


def requirement_row(result: Result, accepted: Accepted, cause: str | None) -> dict[str, Any]:
    row = specs.requirement(result.requirement)
    document: dict[str, Any] = {
        "id": row.id,
        "level": row.level,
        "verdict": str(result.verdict),
        "title": row.title,
        "text": row.text,
        "sources": [{"page": source.page, "section": source.section, "date": source.date} for source in row.sources],
        "findings": _findings(result, accepted),
    }
    if result.note:
        document["note"] = result.note
    if result.verdict in BROKEN and (remedy := specs.remedy(row.id)):
        document["remedy"] = remedy.record()
    if cause is not None:
        document["explained_by"] = cause
    if umbrella(result):
        document["umbrella"] = True
    if reason := accepted.reasons.get(row.id):
        document["accepted"] = reason
    return document


def _findings(result: Result, accepted: Accepted) -> list[dict[str, Any]]:
    """What a baseline accepts comes last: the first finding is what there is to fix."""
    reasons = accepted.findings.get(result.requirement) or ("",) * len(result.findings)
    rows = [_finding(finding, reason) for finding, reason in zip(result.findings, reasons, strict=False)]
    return sorted(rows, key=lambda row: "accepted" in row)


def _finding(finding: Finding, reason: str) -> dict[str, Any]:
    names = ("message", "exchange", "event", "offset", "pointer", "excerpt", "cause", "status")
    found = {name: getattr(finding, name) for name in names}
    return found | ({"accepted": reason} if reason else {})
