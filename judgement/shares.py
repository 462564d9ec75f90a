"""Violation rate of a requirement that was judged more than once: k of n, with a confidence interval for the true share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from echosounder.wire.exchange import Exchange
from echosounder.wire.verdict import Result, Verdict

BROKEN = frozenset({Verdict.FAIL, Verdict.NONSTRICT})
Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Share:
    """``failed`` of ``judged``; ``of`` names the unit."""

    failed: int
    judged: int
    of: str = "exchanges"

    @property
    def interval(self) -> tuple[float, float]:
        """95 % confidence interval of the share by E. B. Wilson's method, which is valid for few tries and for no failures."""
        n, p = self.judged, self.failed / self.judged
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return min(p, max(0.0, middle - half)), max(p, min(1.0, middle + half))

    @property
    def sentence(self) -> str:
        low, high = self.interval
        if not self.failed:
            return f"broken in none of {self.judged} {self.of}: in at most {high:.1%} of all, with 95 % confidence"
        return (
            f"broken in {self.failed} of {self.judged} {self.of}: "
            f"in {low:.1%} to {high:.1%} of all, with 95 % confidence"
        )


def share(results: Sequence[Result], of: str) -> Share:
    """Failure share of the *results* of single tries; tries without a verdict are not counted."""
    failed = sum(result.verdict in BROKEN for result in results)
    return Share(failed, failed + sum(result.verdict is Verdict.PASS for result in results), of)


def rounds(exchanges: Sequence[Exchange]) -> list[list[Exchange]]:
    """The exchanges of each repetition of the run; a run without repetitions is one round."""
    found: dict[int, list[Exchange]] = {}
    for exchange in exchanges:
        found.setdefault(exchange.notes.get("round", 0), []).append(exchange)
    return list(found.values())


def together(results: Sequence[Result], most: int) -> Result:
    """The combined result of all rounds, with at most *most* findings: broken if broken once, judged if judged once."""
    order: tuple[Callable[[Result], bool], ...] = (
        lambda result: result.verdict is Verdict.ERROR,
        lambda result: result.verdict in BROKEN,
        lambda result: result.verdict is Verdict.PASS,
    )
    chosen = next((result for holds in order for result in results if holds(result)), results[0])
    findings = tuple(finding for result in results for finding in result.findings)[:most]
    ids = tuple(id for result in results for id in result.exchanges)
    places = tuple(place for result in results for place in result.places)
    return Result(chosen.requirement, chosen.verdict, findings, chosen.note, ids, places)
