"""Checks that a profile is complete."""

from __future__ import annotations

from echosounder.specs.behaviours import behaviour
from echosounder.specs.bounds import limits
from echosounder.specs.catalogue import requirements
from echosounder.specs.vendors import profile


def demand(name: str, judged: bool = True) -> None:
    """SpecError, one line, with the missing parts of a profile; *judged*: requirements apply to it."""
    profile(name)
    limits(name)
    behaviour(name)
    if judged:
        requirements(name)
