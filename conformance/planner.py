"""What a run would send, before it sends anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from echosounder.conformance.ask import Ask
from echosounder.conformance.budget import REDUCTION_BYTES, REDUCTION_CALLS, price_ceiling
from echosounder.conformance.catalogue import probes_of, selected
from echosounder.conformance.probe import Probe
from echosounder.judgement.catalogue import judged
from echosounder.judgement.setting import Suite
from echosounder.wire.tokens import TEMPLATE

GENERATED_TOKENS = 4
"""The largest max_tokens of a generated request."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The probes in the order of sending and what they cost at most: tokens, US dollars at the prices of ``at``.

    ``usd`` is None where no price is known for the model. ``reduction`` is how many requests more, counted in the tokens and
    the price, may make a wrongly answered one smaller.
    """

    probes: tuple[Probe, ...]
    requests: int
    prompt_tokens: int
    completion_tokens: int
    usd: Decimal | None
    at: datetime
    reduction: int = 0


def plan(ask: Ask, suite: Suite, at: datetime, only: Iterable[str] = (), repeat: int = 1) -> Plan:
    """The probes of *suite* that some judged requirement of the profile wants, cheap ones first, to be sent *repeat* times."""
    wanted = {probe.name for row in judged(ask.profile, only) for probe in probes_of(row)}
    probes = tuple(probe for probe in selected(suite) if probe.name in wanted and probe.applies(ask))
    calls = REDUCTION_CALLS if any(probe.name.startswith("generated.") for probe in probes) else 0
    room = REDUCTION_BYTES + TEMPLATE * REDUCTION_CALLS if calls else 0
    prompt = sum(probe.prompt + TEMPLATE * probe.requests for probe in probes) * repeat + room
    completion = sum(probe.tokens for probe in probes) * repeat + GENERATED_TOKENS * calls
    return Plan(
        probes=probes,
        requests=sum(probe.requests for probe in probes) * repeat,
        prompt_tokens=prompt,
        completion_tokens=completion,
        usd=price_ceiling(ask.model, prompt, completion, at),
        at=at,
        reduction=calls,
    )
