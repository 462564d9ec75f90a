"""Is the bill right? Prompts with known beginnings, an oracle for what the context cache should hit, and the balance before and after.

The oracle is written from the documentation and knows only what was sent (:mod:`load.pricing.oracle`); money is exact
(:mod:`load.pricing.ledger`); what does not come out gets a name (:mod:`load.pricing.diagnose`).
"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import specs
from load.engine import Outcome, Progress
from load.limits.run import Plan, Run, perform, ready
from load.limits.script import Script, Stopped
from load.options import Options
from load.pricing.diagnose import causes
from load.pricing.groups import BASE, experiment
from load.pricing.judge import Evidence, results
from load.pricing.lab import OUTPUT, Goal, Lab
from load.pricing.ledger import Charge, Pricing, pricing
from load.pricing.oracle import Oracle
from load.pricing.prompts import TEMPLATE, Asking
from load.pricing.report import cache, cost
from specs.prices import price_list, resolve
from wire.errors import UsageError
from wire.prices import Rates, bill
from wire.verdict import Result

__all__ = ["Goal", "verify"]

GROUPS = 60  # requests of the groups before the last one, at most
UNIT = 64  # tokens, where the profile names no unit


def verify(
    options: Options,
    progress: Progress = lambda step: None,
    goal: Goal | None = None,
    other_key: str | None = None,
    currency: str = "USD",
) -> Outcome:
    """Send prompts with known beginnings to ``options.url`` and hold hits, usages and balances against what they should be.

    The report's members are described in :mod:`load.pricing.report`. ``other_key``: a second API key, to look for leaks between
    accounts. Raises :class:`UsageError` where no price of the model is known, and what :func:`load.engine.run` raises before anything is
    sent; :class:`CannotJudge` where nothing is served.
    """
    goal = goal or Goal(salt=uuid4().hex)
    options = ready(options)
    keys = (options.api_key, other_key) if other_key else (options.api_key,)
    goal, asking = replace(goal, keys=len(keys)), Asking(options.model or "", options.profile)
    fixed = specs.Rates(*map(Decimal, options.prices)) if options.prices else None
    rates = pricing(asking.model, options.profile, currency, fixed)

    def script(run: Run) -> Script[Lab]:
        unit = asking.limits.cache_unit or UNIT
        lab = Lab(goal, asking, rates, run.sender.wall, run.tell, oracle=Oracle(unit))
        lab.accountant.currency = currency
        return experiment(lab)

    def conclude(run: Run, lab: Lab, made: dict[str, Any]) -> tuple[dict[str, Any], list[Result], Stopped | None]:
        return _conclude(run, lab, made, fixed, currency)

    return perform(options, keys, plan(goal, known(asking.model, rates)), script, conclude, progress)


def known(model: str, rates: Pricing) -> Rates:
    """The rates now. Raises :class:`UsageError` where there are none: a bill without prices cannot be verified."""
    try:
        return rates(datetime.now(UTC))
    except specs.UnknownPriceError:
        raise UsageError(
            f"no price of {model!r} is known, so no bill can be verified; give it with --price HIT,MISS,OUTPUT"
        ) from None


def plan(goal: Goal, rates: Rates) -> Plan:
    """What a run may take: every prompt as long as the longest of its group, nothing cached, every answer as long as it may be."""
    long = 2 * goal.pairs * (goal.latency_tokens + TEMPLATE)
    short = GROUPS * (2 * BASE + TEMPLATE) + goal.bulk * (BASE // 2)
    requests = GROUPS + 2 * goal.pairs + goal.bulk
    return Plan(requests, goal.seconds, bill(0, long + short, 3 * OUTPUT * requests, rates).total)


def _conclude(
    run: Run, lab: Lab, made: dict[str, Any], fixed: Rates | None, currency: str
) -> tuple[dict[str, Any], list[Result], Stopped | None]:
    found = causes(lab.entries, lambda charge: other_rates(lab.asking.model, charge, fixed, currency))
    evidence = Evidence(lab, run.options.profile, lab.asking.model, found)
    members = {"cache": cache(evidence), "cost": cost(evidence, found, lab.accountant.currency or currency)}
    return {**made, **members}, results(evidence, run.options.profile), lab.stopped


def other_rates(model: str, charge: Charge, fixed: Rates | None, currency: str) -> list[tuple[str, Rates]]:
    """The price list's other amounts at the time of a charge: of other windows of the day, and before and after a change."""
    if fixed is not None:
        return []
    name = resolve(model, charge.at)
    rows = [row for row in price_list() if row.model == name and row.currency == currency]
    found: list[tuple[str, Rates]] = []
    for row in rows:
        when = "" if row.covers(charge.at) else f" of {row.since.date()}"
        found.append((f"regular{when}", specs.Rates(row.hit, row.miss, row.output)))
        found += [(f"{window.name}{when}", window.rates) for window in row.windows]
    return [(label, rates) for label, rates in found if rates != charge.rates]
