"""Violation rates in traffic: k of n with a confidence interval, in total and by model, path and client.

The interval is C. J. Clopper and E. S. Pearson's, of 95 %: exact, so that it holds for faults that are rare.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import exp, lgamma, log, log1p
from typing import Any

from echosounder.judgement.shares import Share
from echosounder.wire.verdict import Finding, Result, Verdict

BROKEN = frozenset({Verdict.FAIL, Verdict.NONSTRICT})
TAIL = 0.025
EXACT_BELOW = 300
VALUES = 32
OTHERS = "others"
MAX_FINDINGS = 10


def exact(failed: int, judged: int) -> tuple[float, float]:
    """95 % confidence interval of a share; for large counts of both kinds by E. B. Wilson's method, which is as good there."""
    if min(failed, judged - failed) >= EXACT_BELOW:
        return Share(failed, judged).interval
    low = 0.0 if not failed else _solve(lambda share: 1 - _at_most(failed - 1, judged, share), TAIL, rising=True)
    high = 1.0 if failed == judged else _solve(lambda share: _at_most(failed, judged, share), TAIL, rising=False)
    return low, high


def _solve(value: Any, wanted: float, *, rising: bool) -> float:
    low, high = 0.0, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        if (value(middle) < wanted) == rising:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _at_most(successes: int, count: int, share: float) -> float:
    """P(B <= successes) for B ~ Binomial(count, share), by the shorter of the two tails."""
    if share <= 0 or share >= 1:
        return float(share <= 0 or successes >= count)
    if successes > count // 2:
        return 1 - sum(_mass(each, count, share) for each in range(successes + 1, count + 1))
    return sum(_mass(each, count, share) for each in range(successes + 1))


def _mass(successes: int, count: int, share: float) -> float:
    ways = lgamma(count + 1) - lgamma(successes + 1) - lgamma(count - successes + 1)
    return exp(ways + successes * log(share) + (count - successes) * log1p(-share))


def sentence(failed: int, judged: int, of: str = "exchanges") -> str:
    """``broken in 1 of 4,310 exchanges: 0.06 to 12.9 in 10,000, with 95 % confidence``"""
    low, high = exact(failed, judged)
    if not failed:
        return f"broken in none of {judged:,} {of}: at most {_per(high)}, with 95 % confidence"
    return f"broken in {failed:,} of {judged:,} {of}: {_per(low, high)}, with 95 % confidence"


def _per(*shares: float) -> str:
    """In 10,000 where it is rare, else in per cent."""
    if shares[-1] < 0.02:
        return " to ".join(f"{share * 10_000:.{2 if share < 1e-4 else 1}f}" for share in shares) + " in 10,000"
    return " to ".join(f"{share:.1%}" for share in shares)


Place = Mapping[str, str]
"""Where an exchange belongs: its model, path and client."""


@dataclass
class BreakRates:
    """Counts of judged and failed exchanges. ``findings``: the first few of each requirement."""

    judged: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)
    findings: dict[str, list[Finding]] = field(default_factory=dict)
    _values: dict[str, set[str]] = field(default_factory=dict)

    def add(self, results: Iterable[Result], place: Place) -> None:
        keys = [("", ""), *((by, self._bounded(by, value)) for by, value in place.items())]
        for result in results:
            if result.verdict is Verdict.INCONCLUSIVE:
                self.undecided[result.requirement] += 1
                continue
            self.judged.update((result.requirement, *key) for key in keys)
            if result.verdict in BROKEN:
                self.failed.update((result.requirement, *key) for key in keys)
                kept = self.findings.setdefault(result.requirement, [])
                kept += result.findings[: MAX_FINDINGS - len(kept)]

    def _bounded(self, by: str, value: str) -> str:
        """Clients may use any name: beyond so many values, the others are one."""
        known = self._values.setdefault(by, set())
        if value not in known and len(known) >= VALUES:
            return OTHERS
        known.add(value)
        return value

    def count(self, requirement: str) -> tuple[int, int]:
        """``(failed, judged)``"""
        return self.failed[requirement, "", ""], self.judged[requirement, "", ""]

    def result(self, requirement: str, broken: Verdict) -> Result | None:
        """The verdict on all of the traffic; None if none of it can show the requirement."""
        failed, judged = self.count(requirement)
        if judged:
            verdict, findings = (broken if failed else Verdict.PASS), tuple(self.findings.get(requirement, ()))
            return Result(requirement, verdict, findings, sentence(failed, judged))
        if many := self.undecided[requirement]:
            return Result(requirement, Verdict.INCONCLUSIVE, note=f"none of {many:,} exchanges could have shown it")
        return None

    def rows(self) -> Iterator[dict[str, Any]]:
        """For each violated requirement its failure count: in total, and by each model, path and client for which it was judged."""
        for requirement in sorted({key[0] for key in self.failed}):
            groups = [self._row(key) for key in self.judged if key[0] == requirement and key[1]]
            groups.sort(key=lambda row: (row["by"], -row["failed"], -row["judged"], row["value"]))
            whole = self._row((requirement, "", ""))
            yield {
                "requirement": requirement,
                **{k: whole[k] for k in ("failed", "judged", "low", "high")},
                "groups": groups,
            }

    def _row(self, key: tuple[str, str, str]) -> dict[str, Any]:
        low, high = exact(self.failed[key], self.judged[key])
        counts = {"failed": self.failed[key], "judged": self.judged[key]}
        return {"by": key[1], "value": key[2], **counts, "low": low, "high": high}

    def record(self) -> dict[str, Any]:
        """The counts as JSON; :meth:`carried` restores them."""
        counts = [[*key, self.failed[key], judged] for key, judged in self.judged.items()]
        return {"counts": counts, "undecided": dict(self.undecided)}

    @classmethod
    def carried(cls, record: Mapping[str, Any]) -> BreakRates:
        found = cls(undecided=Counter(record["undecided"]))
        for requirement, by, value, failed, judged in record["counts"]:
            found.judged[requirement, by, value] = judged
            if failed:
                found.failed[requirement, by, value] = failed
            if by:
                found._values.setdefault(by, set()).add(value)
        return found
