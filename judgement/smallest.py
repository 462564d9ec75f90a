"""Finds the smallest request that still fails, from the smaller requests of a run, with its confidence. Pure.

The requests were sent by :mod:`conformance.reducer`; their note ``reduces`` names the requirement, ``of`` the exchange that was
answered wrongly, ``role`` why each was sent: ``repeat`` of the request as it was, ``candidate``, ``proof`` of the smallest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from echosounder.judgement.check import excerpt
from echosounder.wire.exchange import Exchange
from echosounder.wire.verdict import Finding, Result

Judge = Callable[[Exchange], tuple[Finding, ...]]
"""The findings of one requirement on one exchange alone."""


def extra(exchange: Exchange) -> bool:
    """Whether a request was sent only to reduce a finding, or to find a refused member; no requirement is judged by it."""
    return bool({"reduces", "tried"} & exchange.notes.keys())


def sharpened(result: Result, exchanges: Sequence[Exchange], judge: Judge) -> Result:
    """*result* with its findings on the smallest requests that show them, if *exchanges* contain any."""
    mine = [exchange for exchange in exchanges if exchange.notes.get("reduces") == result.requirement]
    if not mine:
        return result
    reduced = {exchange.notes["of"] for exchange in mine}
    findings = sorted(result.findings, key=lambda finding: finding.exchange not in reduced)
    return replace(result, findings=tuple(_smaller(findings, mine, judge)))


def _smaller(findings: Sequence[Finding], extras: Sequence[Exchange], judge: Judge) -> Iterator[Finding]:
    """The findings that were looked into come first in *findings*; one per exchange is enough."""
    told: set[str] = set()
    for finding in findings:
        mine = [exchange for exchange in extras if exchange.notes["of"] == finding.exchange]
        if mine and finding.exchange not in told:
            yield _told(finding, mine, judge)
            told.add(finding.exchange)
        elif not mine:
            yield finding


def _told(finding: Finding, extras: Sequence[Exchange], judge: Judge) -> Finding:
    repeats = [exchange for exchange in extras if exchange.notes["role"] == "repeat"]
    if repeats and not any(map(judge, repeats)):
        return replace(
            finding, message=f"{finding.message} (not reproduced in {len(repeats)} of {len(repeats)} repetitions)"
        )
    failing = [exchange for exchange in extras if exchange.notes["role"] == "candidate" and judge(exchange)]
    if not failing:
        return replace(finding, message=f"{finding.message} (in {_share(repeats, judge)}; no smaller request shows it)")
    least = min(failing, key=lambda exchange: len(exchange.request.body))
    proofs = [exchange for exchange in extras if exchange.request.body == least.request.body]
    told = (
        f"{excerpt(least.request.body)} is the smallest of {len(extras)} requests made from exchange {finding.exchange}; "
        f"it fails in {_share(proofs, judge)}"
    )
    return replace(judge(least)[0], message=f"{judge(least)[0].message} ({told})")


def _share(exchanges: Sequence[Exchange], judge: Judge) -> str:
    return f"{sum(bool(judge(exchange)) for exchange in exchanges)} of {len(exchanges)} tries"
