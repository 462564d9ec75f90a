"""Verifies the bill: prompts with known prefixes, an oracle for the context cache, and the balance before and after.

The oracle is written from the documentation and knows only what was sent (:mod:`load.pricing.oracle`); money is exact
(:mod:`load.pricing.ledger`); discrepancies are explained by hypotheses (:mod:`load.pricing.diagnose`).
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil
from typing import Any
from uuid import uuid4

from echosounder import specs
from echosounder.judgement.bill import bill as checks
from echosounder.load.engine import LoadResult, Progress
from echosounder.load.experiment.run import ENOUGH, ExperimentRun, WorstCase, perform, ready
from echosounder.load.experiment.script import Script, Stopped
from echosounder.load.options import Options
from echosounder.load.preflight import get
from echosounder.load.pricing.chains import BASE
from echosounder.load.pricing.diagnose import causes
from echosounder.load.pricing.evidence import Evidence
from echosounder.load.pricing.experiment import experiment
from echosounder.load.pricing.judge import billed
from echosounder.load.pricing.lab import OUTPUT, BillGoal, BillState
from echosounder.load.pricing.oracle import Scale
from echosounder.load.pricing.prompts import TEMPLATE, PromptJobs
from echosounder.load.pricing.report import answer, cache, cost, objectives
from echosounder.load.pricing.tariff import Tariff
from echosounder.load.pricing.verifiable import unverified
from echosounder.wire.errors import UsageError
from echosounder.wire.header import RunKind
from echosounder.wire.prices import Rated, bill, dearest
from echosounder.wire.strict_json import at
from echosounder.wire.verdict import Result

__all__ = ["BillGoal", "concluded", "verify"]

FAULT = Decimal("0.01")  # smallest fault worth finding, as a fraction of the bill
GROUPS = 64  # maximum number of requests of all groups except the first-token group and the last one
USD, CURRENCIES = "USD", ("USD", "CNY")
UNIT = 64  # tokens, if the profile has no unit


def verify(
    options: Options,
    progress: Progress = lambda step: None,
    goal: BillGoal | None = None,
    other_key: str | None = None,
) -> LoadResult:
    """Send prompts with known prefixes and compare cache hits, usages and balances with the expected ones.

    The report's members are described in :mod:`load.pricing.report`. ``other_key``: a second API key, to detect leaks between accounts.
    ``options.users``: number of concurrent requests in the last group; ``options.duration``: maximum duration of the run. Exit code 3
    if the profile has a balance but the bill could not be compared with it. Raises :class:`UsageError` if no price of the model is
    known or the budget does not cover the first request, the exceptions of :func:`load.engine.run` before anything is sent, and
    :class:`CannotJudge` if no request is served.
    """
    goal = goal or _goal(options)
    options = ready(options)
    keys = (options.api_key, other_key) if other_key else (options.api_key,)
    asking = PromptJobs(options.model or "", options.profile)
    fixed = specs.Rates(*map(Decimal, options.prices)) if options.prices else None
    tariff = Tariff(asking.model, options.profile, _currency(options), fixed)
    known(tariff)
    dollars = replace(tariff, currency=USD)
    planned = replace(plan(goal, dollars), note=seen_after(_digit(options, tariff.currency), known(tariff)))
    options = _capped(options, planned, known(dollars))

    def script(run: ExperimentRun) -> Script[BillState]:
        lab = BillState(goal, asking, tariff, run.sender.wall, len(keys), run.tell)
        lab.scale = Scale(asking.limits.cache_unit or UNIT)
        return experiment(lab)

    def conclude(
        run: ExperimentRun, lab: BillState, made: dict[str, Any]
    ) -> tuple[dict[str, Any], list[Result], Stopped | None]:
        members, found, stopped = concluded(lab)
        members["slo"] = [*made["slo"], *members["slo"]]
        return {**made, **members, "measurement": _money_is_exact(made["measurement"])}, found, stopped

    return perform(RunKind.CACHE_PRICING, options, keys, planned, script, conclude, progress)


def _goal(options: Options) -> BillGoal:
    """The goal from the options; ``users`` is the number of concurrent requests in the last group."""
    goal = BillGoal(salt=uuid4().hex)
    together = int(options.users) if options.users and options.users.isdecimal() else goal.together
    return replace(goal, together=max(together, 1), bulk=max(together, goal.bulk), seconds=options.duration)


def _currency(options: Options) -> str:
    """The currency of the account; US dollars if it has any, or if the balance cannot be read."""
    infos = at(get(options, "/user/balance").json, "balance_infos")
    named = [at(info, "currency") for info in infos] if isinstance(infos, list) else []
    return USD if USD in named else next((name for name in named if name in CURRENCIES), USD)


def _digit(options: Options, currency: str) -> Decimal | None:
    """The value of the last decimal that the account's balance shows; None if it shows no decimals."""
    infos = at(get(options, "/user/balance").json, "balance_infos")
    told = (
        [at(info, "total_balance") for info in infos if at(info, "currency") == currency]
        if isinstance(infos, list)
        else []
    )
    _, dot, digits = str(told[0]).partition(".") if told else ("", "", "")
    return Decimal(1).scaleb(-len(digits)) if dot and digits.isdecimal() else None


def seen_after(unit: Decimal | None, rates: Rated) -> str:
    """Number of usual requests until a fault of 1 % reaches the last digit of the balance; empty if one suffices."""
    each = bill(0, BASE + TEMPLATE, OUTPUT, rates).total * FAULT
    if unit is None or not each or (requests := ceil(unit / each)) <= 1:
        return ""
    shows = f"with this resolution, a fault of 1 % shows after {requests} requests of {BASE} tokens"
    return f"the balance shows nothing below {unit:f} now; {shows}"


def known(tariff: Tariff) -> Rated:
    """The current rates. Raises :class:`UsageError` if there are none: a bill cannot be verified without prices."""
    try:
        return tariff.rates(datetime.now(UTC))
    except specs.UnknownPriceError:
        raise UsageError(
            f"no {tariff.currency} price of {tariff.model!r} is known, so no bill can be verified; give it with --price HIT,MISS,OUTPUT"
        ) from None


def plan(goal: BillGoal, tariff: Tariff) -> WorstCase:
    """Worst case of a run: nothing cached, every answer of maximum length, at the highest price during the run."""
    now, then = known(tariff), tariff.rates(datetime.now(UTC) + timedelta(seconds=goal.seconds))
    day = (
        dearest(tariff.model, datetime.now(UTC), span=timedelta(seconds=goal.seconds))
        if tariff.fixed is None and tariff.currency == USD
        else None
    )
    long = 2 * goal.pairs * (goal.latency_tokens + TEMPLATE)
    prompts = GROUPS * (BASE + TEMPLATE) + long + goal.bulk * (BASE // 2)
    requests = GROUPS + 2 * goal.pairs + goal.bulk
    return WorstCase(
        requests,
        goal.seconds,
        max(bill(0, prompts, 2 * OUTPUT * requests, each).total for each in (now, then, day or now)),
    )


def _capped(options: Options, planned: WorstCase, rates: Rated) -> Options:
    """Cap the spending at the printed ceiling, whatever the target counts. Raises :class:`UsageError` if the budget
    does not cover the first request.
    """
    least = bill(0, BASE + TEMPLATE, OUTPUT, rates).total
    if options.budget is not None and options.budget < least:
        raise UsageError(
            f"a budget of {options.budget} does not pay for the first request ({least:f}); raise --budget-usd"
        )
    caps = [amount for amount in (options.budget, planned.ceiling) if amount is not None]
    return replace(options, budget_usd=format(min(caps), "f")) if caps else options


def concluded(lab: BillState) -> tuple[dict[str, Any], list[Result], Stopped | None]:
    """Result of a run: members ``cache``, ``cost`` and ``slo``, a result for each requirement, and the reason if there is no verdict."""
    evidence = Evidence(lab, lab.asking.profile)
    evidence.causes = causes(
        evidence.entries, lambda charge: lab.tariff.others(charge.at), lambda charge: lab.tariff.uses(charge.at)
    )
    found = billed(evidence)
    results = checks.results(found, evidence.profile)
    spent = {**answer(evidence, results), **cost(evidence)}
    members = {"cache": cache(evidence, found), "cost": spent, "slo": objectives(evidence, found)}
    return members, results, _why(lab.stopped, _unverified(evidence))


def _why(stopped: Stopped | None, nothing: Stopped | None) -> Stopped | None:
    """The reason why there is no verdict. A run that ran out of time or money still has one if anything was verified."""
    if stopped is not None and nothing is not None and stopped.kind in ENOUGH:
        return Stopped(nothing.kind, f"{stopped.reason}: {nothing.reason}")
    return stopped or nothing


def _unverified(evidence: Evidence) -> Stopped | None:
    why = unverified(evidence)
    return Stopped("unverified", why) if why and specs.behaviour(evidence.profile).cache_split else None


def _money_is_exact(measurement: dict[str, Any]) -> dict[str, Any]:
    """Degrade an invalid measurement: a slow client invalidates times, but neither tokens nor money."""
    if measurement["verdict"] != "invalid":
        return measurement
    reasons = [*measurement["reasons"], "so times are not valid; tokens and money are exact"]
    return {**measurement, "verdict": "degraded", "reasons": reasons}
