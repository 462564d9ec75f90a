"""Plans a run before anything is sent: the probes that fit the budget, and those that do not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.conformance.budget import REDUCTION_BYTES, REDUCTION_CALLS, Budget
from echosounder.conformance.probe import Probe
from echosounder.conformance.probe_choice import probes_of, selected
from echosounder.judgement.assigned import judged
from echosounder.judgement.setting import Suite
from echosounder.wire.errors import BudgetSpent
from echosounder.wire.header import USUAL
from echosounder.wire.tokens import TEMPLATE

GENERATED_TOKENS = 4
"""The largest max_tokens of a generated request."""
NAMED = 5


@dataclass(frozen=True, slots=True)
class Caps:
    """Caps of a run in requests and US dollars, None without a cap; ``prices`` if they were given."""

    requests: int | None = None
    usd: Decimal | None = None
    prices: specs.Rates | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The probes in the order of sending, and their maximum cost: tokens, US dollars at the highest prices of the day ``at``.

    ``usd`` is None if no price is known for the model. ``reduction`` is the number of further requests, included in the tokens and the
    price, for reducing a failing request. ``left_out``: probes that exceed the budget, and why.
    """

    probes: tuple[Probe, ...]
    requests: int
    prompt_tokens: int
    completion_tokens: int
    usd: Decimal | None
    at: datetime
    reduction: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def spent(self) -> BudgetSpent | None:
        """The probes that exceed the budget, in one sentence."""
        if not self.left_out:
            return None
        first, count = list(self.left_out)[:NAMED], len(self.left_out)
        more = f" and {count - NAMED} more" if count > NAMED else ""
        return BudgetSpent(
            f"{next(iter(self.left_out.values()))}; not sent: {', '.join(first)}{more}; `echosounder plan` shows the price of all"
        )


def plan(
    ask: Ask,
    suite: Suite,
    at: datetime,
    only: Iterable[str] = (),
    repeat: int = 1,
    caps: Caps = Caps(),
    formats: Collection[str] = USUAL,
) -> Plan:
    """The probes of *suite* in one of *formats* that a judged requirement of the profile needs, cheapest first, to be sent *repeat*
    times.

    Raises ``UsageError`` if *caps* are in dollars and the model has no price.
    """
    wanted = {probe.name for row in judged(ask.profile, only) for probe in probes_of(row)}
    asked = (probe for probe in selected(suite) if probe.format in formats)
    probes = tuple(probe for probe in asked if probe.name in wanted and probe.applies(ask))
    budget, room = budget_of(ask, at, caps), Budget(ask.model, at, fixed=caps.prices)
    left_out, tokens = {}, [0, 0]
    for probe in probes:
        amounts = [probe.requests * repeat, *(each * repeat for each in ceiling(probe))]
        try:
            budget.take(*amounts)
        except BudgetSpent as reason:
            left_out[probe.name] = str(reason)
        else:
            room.take(*amounts)
            tokens = [tokens[0] + amounts[1], tokens[1] + amounts[2]]
    sent = tuple(probe for probe in probes if probe.name not in left_out)
    calls = REDUCTION_CALLS if any(probe.name.startswith("generated.") for probe in sent) else 0
    more = (REDUCTION_BYTES + TEMPLATE * calls, GENERATED_TOKENS * calls) if calls else (0, 0)
    prompt, completion = tokens[0] + more[0], tokens[1] + more[1]
    return Plan(
        probes=sent,
        requests=room.spent_requests,
        prompt_tokens=prompt,
        completion_tokens=completion,
        usd=room.price(prompt, completion),
        at=at,
        reduction=calls,
        left_out=left_out,
    )


def ceiling(probe: Probe) -> tuple[int, int]:
    """Maximum prompt and completion tokens of all requests of a probe."""
    return probe.prompt + TEMPLATE * probe.requests, probe.tokens


def budget_of(ask: Ask, at: datetime, caps: Caps) -> Budget:
    """The full budget for the model of *ask*."""
    return Budget(ask.model, at, caps.requests, caps.usd, caps.prices, longest(ask.limits))


def longest(limits: specs.Limits) -> int | None:
    """The longest output below any base URL."""
    return max((each for each in (limits.max_tokens, limits.max_tokens_beta) if each), default=None)
