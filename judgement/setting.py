"""Settings of a run, from its header: subject, suite and policy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from echosounder.judgement.answers import models
from echosounder.judgement.check import Case, Subject
from echosounder.judgement.checks.controls import controls
from echosounder.wire.exchange import Exchange
from echosounder.wire.header import USUAL
from echosounder.wire.runlog import Run

MODELS = "models.list"
"""The probe that asks which models there are: a run begins with it, and what it names is served."""


class Suite(IntEnum):
    """Each suite includes the smaller ones: at most 40 requests in all formats, at most 300, or no limit."""

    SMOKE = 1
    STANDARD = 2
    THOROUGH = 3

    @classmethod
    def named(cls, name: str) -> Suite:
        """The suite of this name. Raises ``KeyError`` for an unknown name."""
        return cls[name.upper()]


class Sendable(Protocol):
    """Facts about a probe for the score: the first suite that sends it, its wire format, and whether the model has the feature."""

    @property
    def suite(self) -> Suite: ...

    @property
    def format(self) -> str: ...

    def applies(self, subject: Subject, /) -> bool: ...


@dataclass(frozen=True)
class RunSetting:
    """Settings of a run, from its header; ``unsent`` has the probes that were not sent, and why."""

    subject: Subject
    policy: str
    suite: Suite
    only: tuple[str, ...]
    case: Case
    unsent: dict[str, str]
    formats: tuple[str, ...] = USUAL

    @classmethod
    def of(cls, run: Run) -> RunSetting:
        """The settings in a log. Raises :class:`LogError` if the run did not send a suite."""
        header, asked, clock = run.header, run.header.checking, run.header.instant
        subject = Subject(header.profile, header.target.model or "", keyed=header.target.keyed)
        served = frozenset(_served(run.exchanges))
        case = Case(subject, asked.policy, served, clock.unix, clock.monotonic_ns, controls(run.exchanges))
        unsent = (run.footer or {}).get("unsent", {})
        return cls(subject, asked.policy, Suite.named(asked.suite), asked.only, case, unsent, asked.formats)


def _served(exchanges: Sequence[Exchange]) -> Iterator[str]:
    for exchange in exchanges:
        if exchange.probe == MODELS:
            yield from models(exchange)
