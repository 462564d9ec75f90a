"""Requirements, probes and checks fit each other, and a plan says the truth about what a run sends."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from echosounder import specs
from echosounder.conformance.ask import Ask, Send
from echosounder.conformance.budget import STOPPED, Budget, completion_ceiling, prompt_ceiling
from echosounder.conformance.planner import Caps, plan
from echosounder.conformance.probe import PROBES, probe
from echosounder.judgement.assigned import checks
from echosounder.judgement.check import check
from echosounder.judgement.setting import Suite
from echosounder.wire.errors import BudgetSpent, UsageError
from echosounder.wire.prices import dearest

# Judged elsewhere: between the two sides of a proxy, and under load.
ELSEWHERE = ("proxy.", "load.", "client.")
AT = datetime(2026, 8, 17, 12, tzinfo=UTC)
ASK = Ask("2026-08", "deepseek-v4-flash")
EVERY = [(profile, model) for profile in specs.PROFILES for model in specs.models(profile)]


def test_requirements_name_probes_that_exist():
    named = {name for row in specs.requirements() for name in row.probes if not name.startswith(ELSEWHERE)}
    assert named - PROBES.keys() == set()


def test_probes_are_named_by_a_requirement():
    named = {name for row in specs.requirements() for name in row.probes}
    assert PROBES.keys() - named == set()


def test_what_can_be_tested_has_a_check():
    mine = [
        row for row in specs.requirements() if not row.excluded and not any(n.startswith(ELSEWHERE) for n in row.probes)
    ]
    assert [row.id for row in mine if row.id not in checks()] == []
    assert len(checks()) >= 300


def test_excluded_requirements_have_none():
    assert [row.id for row in specs.requirements() if row.excluded and row.id in checks()] == []


@pytest.mark.parametrize(("profile", "model"), EVERY)
def test_suites_keep_their_size(profile, model):
    sizes = [plan(Ask(profile, model), suite, AT).requests for suite in Suite]
    assert sizes[0] <= 20
    assert sizes[1] <= 175
    assert sizes == sorted(sizes)
    formats = specs.behaviour(profile).formats
    assert plan(Ask(profile, model), Suite.SMOKE, AT, formats=formats).requests <= 40
    assert plan(Ask(profile, model), Suite.STANDARD, AT, formats=formats).requests <= 300


def test_a_plan_has_a_price_that_is_exact():
    smoke = plan(ASK, Suite.SMOKE, AT)
    price = dearest(ASK.model, AT)
    assert smoke.usd == (smoke.prompt_tokens * price.miss + smoke.completion_tokens * price.output) / 1_000_000
    assert plan(Ask("openai", "some-clone"), Suite.SMOKE, AT).usd is None


def test_a_plan_follows_the_requirements_that_are_wanted():
    names = {probe.name for probe in plan(ASK, Suite.STANDARD, AT, only=["fim.echo*"]).probes}
    assert {"fim.echo", "fim.basic"} <= names
    assert "tools.required" not in names


@pytest.mark.parametrize("name", PROBES)
def test_every_completion_request_bounds_its_answer(name):
    """``max_tokens`` is always set where a server could answer, and no request costs more than its probe says."""
    row, sends = PROBES[name], []
    steps = row.steps(ASK)
    send = next(steps, None)
    while send is not None and len(sends) < row.requests:
        sends += [send] if isinstance(send, Send) else send
        try:
            send = steps.send(None)
        except (StopIteration, AttributeError):  # a probe that builds on answers ends here: there are none
            break
    assert sends or not row.applies(ASK)
    assert sum(map(completion_ceiling, sends)) <= row.tokens
    assert sum(len(send.body) for send in sends if prompt_ceiling(send)) <= row.prompt


def test_registering_twice_is_refused():
    with pytest.raises(ValueError, match="two checks"):
        check("stream.ends-with-done")(lambda exchange, case: iter(()))
    with pytest.raises(ValueError, match="twice"):
        probe("chat.basic")(lambda ask: iter(()))


def test_a_budget_stops_before_it_is_passed():
    budget = Budget(ASK.model, AT, requests=2)
    budget.debit(ASK.chat("Hi."))
    budget.debit(ASK.chat("Hi."))
    with pytest.raises(BudgetSpent, match="--budget-requests"):
        budget.debit(ASK.chat("Hi."))
    assert budget.spent_requests == 2


def test_a_budget_in_dollars_counts_the_worst_case():
    send, price = ASK.chat("Hi.", max_tokens=1000), dearest(ASK.model, AT)
    worst = (prompt_ceiling(send) * price.miss + 1000 * price.output) / 1_000_000
    budget = Budget(ASK.model, AT, usd=worst * 2)
    budget.debit(send)
    budget.debit(send)
    assert budget.spent_usd == worst * 2
    with pytest.raises(BudgetSpent, match="--budget-usd"):
        budget.debit(send)


def test_a_price_that_is_not_known_cannot_keep_a_budget():
    with pytest.raises(UsageError, match=r"no price of 'some-clone' is known.*--price"):
        Budget("some-clone", AT, usd=Decimal(1))
    given = Budget("some-clone", AT, usd=Decimal(1), fixed=specs.Rates(Decimal(0), Decimal(1), Decimal(2)))
    assert given.price(1_000_000, 1_000_000) == 3
    Budget("some-clone", AT, requests=1).debit(ASK.chat("Hi."))  # requests need no price


AT_MOST = {
    "as asked": ({"max_tokens": 7}, {}, 7),
    "the newer name": ({"max_completion_tokens": 7}, {}, 7),
    "far above the model's output": ({"max_tokens": 10**9}, {}, 8192),
    "without a bound": ({}, {}, 8192),
    "a bound that is none": ({"max_tokens": "8"}, {}, 8192),
    "nought, and ended by its stop text": ({"max_tokens": 0, "stop": [" ", "\n"]}, {}, STOPPED),
    "far above, and ended by its stop text": ({"max_tokens": 10**9, "stop": "\n"}, {"fault": "too many"}, STOPPED),
    "a stop text that need not come": ({"max_tokens": 10**9, "stop": "end"}, {"fault": "too many"}, 8192),
    "another fault": ({"max_tokens": 1, "temperature": 3}, {"fault": "too hot"}, 1),
    "several answers": ({"max_tokens": 7, "n": 3}, {}, 21),
}


@pytest.mark.parametrize(("body", "notes", "most"), AT_MOST.values(), ids=AT_MOST)
def test_a_request_costs_what_it_costs_if_it_is_served(body, notes, most):
    send = ASK.post("/chat/completions", {"messages": [], **body}).but(notes=notes)
    assert completion_ceiling(send, 8192) == most


@pytest.mark.parametrize("suite", Suite)
@pytest.mark.parametrize(("profile", "model"), EVERY)
def test_a_budget_of_the_planned_price_sends_all_and_a_cent_less_names_what_it_leaves_out(profile, model, suite):
    ask, prices = Ask(profile, model), specs.Rates(*map(Decimal, ("0.1", "1", "2")))
    every = plan(ask, suite, AT, caps=Caps(prices=prices))
    assert every.usd is not None
    exact = plan(ask, suite, AT, caps=Caps(every.requests, every.usd, prices))
    assert (exact.probes, exact.left_out, exact.spent) == (every.probes, {}, None)
    less = plan(
        ask,
        suite,
        AT,
        caps=Caps(usd=every.usd - Decimal("0.15") * (suite is Suite.THOROUGH) - Decimal("0.01"), prices=prices),
    )
    assert less.left_out
    assert {probe.name for probe in less.probes} | less.left_out.keys() == {probe.name for probe in every.probes}
    assert less.usd <= every.usd
    fewer = plan(ask, suite, AT, caps=Caps(requests=every.requests - 1))
    assert fewer.left_out
    assert fewer.requests < every.requests


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("profile", specs.PROFILES)
def test_the_budget_of_the_action_is_enough_at_any_hour(profile, hour):
    at = max(AT, specs.profile(profile).priced_at).replace(hour=hour)
    ask, formats = Ask(profile, specs.models(profile)[0]), specs.behaviour(profile).formats
    assert not plan(ask, Suite.STANDARD, at, caps=Caps(usd=Decimal("0.20")), formats=formats).left_out


def test_a_body_that_is_no_json_costs_nothing():
    send = ASK.post("/chat/completions", b'{"cut":')
    assert (prompt_ceiling(send), completion_ceiling(send)) == (0, 0)
