"""Options of a run in the client position."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from echosounder import specs
from echosounder.conformance.options import CheckOptions
from echosounder.judgement.setting import Suite
from echosounder.wire.redact import Redactor, of_environment, of_words
from echosounder.wire.target import Target

PARALLEL = max(2, 2 * (os.cpu_count() or 1))
"""Scenarios at a time: commands wait for answers half of their time."""


@dataclass(frozen=True)
class ClientOptions:
    """Settings of a run. ``limit_s``: maximum time of a command; ``patience_s``: timeout that the command gets; ``budget_s``: time after
    which no further command is started. ``ignored``: patterns of the variable parts of its output, which are removed.
    """

    command: tuple[str, ...]
    out: Path
    profile: str = specs.DEFAULT_PROFILE
    model: str | None = None
    suite: Suite = Suite.STANDARD
    only: tuple[str, ...] = ()
    policy: str = "interop"
    baseline: Path | None = None
    parallel: int = PARALLEL
    limit_s: float = 20.0
    patience_s: float = 2.0
    budget_s: float | None = None
    ignored: tuple[str, ...] = ()
    seed: int = 0

    @property
    def asked(self) -> str:
        return self.model or specs.models(self.profile)[0]

    @property
    def secrets(self) -> tuple[str, ...]:
        """Secrets that must not be recorded: keys on the command line, and secrets that the command inherits."""
        return tuple(dict.fromkeys((*of_words(self.command), *of_environment(os.environ))))

    def as_check(self) -> CheckOptions:
        target = Target(Redactor(self.secrets).text(shlex.join(self.command)), "", self.asked)
        return CheckOptions(
            target,
            self.out,
            "told",
            self.profile,
            self.suite,
            self.only,
            policy=self.policy,
            seed=self.seed,
            position="client",
        )
