"""Options of a run that sends a suite, in every position, and its progress reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from echosounder import specs
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.planner import Caps
from echosounder.judgement.setting import Suite
from echosounder.wire.header import USUAL
from echosounder.wire.target import Target

DEADLINES = {Suite.SMOKE: 900.0, Suite.STANDARD: 3600.0, Suite.THOROUGH: 4 * 3600.0}
"""Seconds that a run of each suite may take in all, sending once; an honest target takes a hundredth of it."""


def deadline(suite: Suite, repeat: int = 1, given: float | None = None) -> float:
    """Time limit of a run, s: *given*, else derived from the number of requests."""
    return DEADLINES[suite] * repeat if given is None else given


@dataclass(frozen=True)
class CheckOptions:
    """Everything that a run depends on, besides the target itself."""

    target: Target
    out: Path
    api_key: str | None = None
    profile: str = specs.DEFAULT_PROFILE
    suite: Suite = Suite.STANDARD
    only: tuple[str, ...] = ()
    formats: tuple[str, ...] = USUAL
    policy: str = "interop"
    baseline: Path | None = None
    budget_usd: Decimal | None = None
    budget_requests: int | None = None
    prices: specs.Rates | None = None
    seed: int = 0
    bounds: Bounds = field(default_factory=Bounds)
    position: str = "server"
    repeat: int = 1
    patience: float | None = None

    @property
    def caps(self) -> Caps:
        return Caps(self.budget_requests, self.budget_usd, self.prices)


@dataclass(frozen=True)
class Progress:
    """Progress of a run: ``done`` of ``planned`` requests, and the current probe."""

    done: int
    planned: int
    probe: str


Watch = Callable[[Progress], None]


def quiet(progress: Progress) -> None:
    pass
