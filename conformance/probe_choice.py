"""Chooses the probes of each requirement, and those that a suite sends."""

from __future__ import annotations

import functools

import echosounder.conformance.probes  # noqa: F401  (importing registers)
from echosounder import specs
from echosounder.conformance.probe import PROBES, Probe
from echosounder.judgement.assigned import matching
from echosounder.judgement.setting import Suite

__all__ = ["PROBES", "probes_of", "selected"]


@functools.cache
def probes_of(row: specs.Requirement) -> tuple[Probe, ...]:
    return tuple(PROBES[name] for name in matching(row.probes, PROBES))


def selected(suite: Suite) -> tuple[Probe, ...]:
    """The probes of *suite* and those they depend on, cheapest first."""
    mine = [probe for probe in PROBES.values() if probe.suite <= suite]
    return tuple(sorted(mine, key=lambda probe: (probe.order, probe.tokens)))
