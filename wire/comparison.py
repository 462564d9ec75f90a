"""Record of a comparison of two runs: written by the judgement, rendered by the reports."""

from dataclasses import dataclass
from enum import StrEnum

SCHEMA = "echosounder/compare/1"
EQUAL, BETTER, WORSE, UNRESOLVED = "equal", "better", "worse", "unresolved"
SEEN = 1.62  # a change of so many half-widths is significant in 95 of 100 pairs of runs: 1 + z(0.95) / t(0.995)
LEAST_BATCHES, LEAST_IN_BATCH = 8, 20


class Direction(StrEnum):
    EQUAL = "equal"
    SLOWER = "slower"
    FASTER = "faster"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True)
class RatioEstimate:
    """``ratio`` is after / before with its 99 % interval; ``resolution`` the smallest detectable change (as a share, in 95 of 100 such
    pairs of runs); ``threshold`` the share from which a change counts.
    """

    before: float
    after: float
    ratio: float
    low: float
    high: float
    threshold: float
    change: Direction

    @property
    def resolution(self) -> float:
        return float((self.high / self.low) ** (SEEN / 2) - 1)


@dataclass(frozen=True, slots=True)
class Shares:
    """Failure shares before and after, as shares of 1, and their interpretation."""

    before: float
    after: float
    change: Direction


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """A requirement whose verdict differs: ``broken``, ``fixed``, ``changed`` or ``flapping`` (runs of one side differ)."""

    requirement: str
    level: str
    title: str
    kind: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """One latency, or share of failures, compared; ``difference`` is None if a run is too short.

    ``decides``: whether the verdict depends on it; otherwise it is informational.
    """

    name: str
    unit: str
    difference: RatioEstimate | Shares | None
    decides: bool = True

    @property
    def change(self) -> Direction:
        return self.difference.change if self.difference else Direction.UNRESOLVED


@dataclass(frozen=True, slots=True)
class Comparison:
    """``moves`` of check reports or ``rows`` of load reports; ``same`` is the number of unchanged requirements. Notes limit the
    interpretation.
    """

    verdict: str
    moves: tuple[VerdictChange, ...] = ()
    same: int = 0
    rows: tuple[ComparedFigure, ...] = ()
    notes: tuple[str, ...] = ()


def least(share: float) -> int:
    """Minimum number of values per run for comparing this quantile: the p95 of twenty values would be one of the two largest."""
    return LEAST_BATCHES * max(LEAST_IN_BATCH, round(2 / (1 - share)))
