"""What a run says where it cannot verify: each in one sentence, with the exit code that the manual gives."""

import importlib.util
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from echosounder import specs
from echosounder.load.experiment.run import code
from echosounder.load.options import Options
from echosounder.load.pricing import BillGoal, concluded, plan, verify
from echosounder.load.pricing.experiment import experiment
from echosounder.load.pricing.lab import BillState
from echosounder.load.pricing.oracle import Scale
from echosounder.load.pricing.prompts import PromptJobs
from echosounder.load.pricing.tariff import Tariff
from echosounder.wire.errors import CannotJudge, UsageError

_spec = importlib.util.spec_from_file_location("simulated_bad", Path(__file__).with_name("simulated.py"))
simulated = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(simulated)

MODEL = "deepseek-v4-flash"
GOAL = BillGoal(bulk=8, together=8, patience=1.0, pairs=2, latency_tokens=600)


def run(*defects, keys=1, profile="2026-08", **settings):
    target = simulated.Target(defects, **settings)
    lab = BillState(GOAL, PromptJobs(MODEL, profile), Tariff(MODEL, profile, "USD"), target.at, keys)
    lab.scale = Scale(target.unit)
    members, results, stopped = concluded(target.run(experiment(lab)))
    return members, {each.requirement: each for each in results}, stopped


def exit_code(members, results, stopped):
    """As of the command: from the members of the report that it looks at."""
    rows = [
        {"level": specs.requirement(result.requirement).level, "verdict": str(result.verdict)}
        for result in results.values()
    ]
    ends = [{"kind": stopped.kind}] if stopped else []
    made = {
        "requirements": rows,
        "stopped": ends,
        "counts": {"sent": 1, "completed": 1},
        "measurement": {"verdict": "valid"},
    }
    return code({**made, "slo": members["slo"]})


CANNOT = [
    ({"digits": 2}, (), 3, "the balance shows nothing below 0.01, so a bill of 0.00"),
    ({"balance": None}, (), 3, "GET /user/balance is answered with 404, so what was charged cannot be verified"),
    ({}, ("no-usage",), 3, "answers do not report usage, so there is no bill to compare with the balance"),
    ({}, ("others-spend",), 3, "the balance moved while no request was sent: another client uses the account"),
    ({"stop_after": (20, "interrupted")}, (), 3, "stopped: interrupted"),
    ({"stop_after": (20, "time")}, (), 0, "stopped: time"),
    ({"balance": None, "profile": "openai"}, (), 0, None),
]


@pytest.mark.parametrize(("settings", "defects", "exits", "said"), CANNOT)
def test_what_cannot_be_verified_is_said(settings, defects, exits, said):
    members, results, stopped = run(*defects, **settings)
    assert exit_code(members, results, stopped) == (1 if "no-usage" in defects and exits == 0 else exits)
    assert (stopped.reason[: len(said)] if said else stopped) == said


def test_a_split_that_is_missing_is_named_and_the_rest_goes_on():
    members, results, stopped = run("no-split")
    assert results["usage.cache-split"].findings
    assert (members["cache"]["hit_tokens"], stopped.kind) == (None, "unverified")


def test_what_was_sent_before_the_budget_ran_out_is_reconciled():
    members, results, stopped = run(stop_after=(20, "budget"))
    assert (stopped.kind, members["cost"]["unexplained"], members["cost"]["unknown"]) == ("budget", "0", 0)
    assert {entry["explained"] for entry in members["cost"]["entries"]} == {True}
    assert results["balance.charged"].verdict == "pass"
    unseen = {
        "usage.modes-agree",
        "cache.common-prefix-unit",
        "fim.same-price",
        "load.bill-adds-up",
        "cache.user-id-isolates",
    }
    assert {name for name in unseen if results[name].verdict != "inconclusive"} == set()


@pytest.mark.parametrize("defects", [(), ("withholds-hits",), ("leaks-users",), ("token-more",)])
def test_what_people_read_decides_nothing(defects):
    """Every name of a group and of a request is another one, and every verdict is the same."""
    target = simulated.Target(defects)
    lab = BillState(GOAL, PromptJobs(MODEL), Tariff(MODEL, "2026-08", "USD"), target.at)
    lab.scale = Scale(target.unit)
    lab = target.run(experiment(lab))
    before = concluded(lab)
    for entry in lab.entries:
        entry.name = "x"
    lab.answers = [replace(answer, entry="x", send=replace(answer.send, name="x")) for answer in lab.answers]
    after = concluded(lab)
    assert [(each.requirement, each.verdict) for each in before[1]] == [
        (each.requirement, each.verdict) for each in after[1]
    ]
    assert before[0]["cache"]["latency"] == after[0]["cache"]["latency"]
    assert before[0]["slo"] == after[0]["slo"]


def test_a_fault_of_more_than_the_balance_shows_is_found_even_so():
    members, results, stopped = run("others-take-a-dollar", digits=2)
    assert (members["cost"]["causes"][0]["name"], stopped) == ("unexplained", None)
    assert results["balance.charged"].findings


def test_clocks_that_disagree_make_windows_untestable_and_nothing_else():
    members, results, stopped = run(clock=timedelta(hours=14))
    assert (
        results["balance.price-window"].note
        == "the target's clock is 50400 s ahead of ours, so which prices were valid cannot be told"
    )
    assert (results["balance.charged"].verdict, members["cost"]["unexplained"], stopped) == ("pass", "0", None)


@pytest.mark.parametrize(
    ("second", "defects", "verdict"),
    [(True, (), "pass"), (True, ("leaks-accounts",), "fail"), (False, (), "inconclusive")],
)
def test_two_keys_are_told_apart_by_their_balances(second, defects, verdict):
    members, results, _ = run(*defects, keys=2, second_account=second)
    assert results["cache.account-isolates"].verdict == verdict
    assert members["cost"]["unexplained"] == "0"


def test_a_target_that_serves_nothing_is_one_line():
    target = simulated.Target()
    target._close = lambda ask, sent, *rest: [
        target._outcome(ask, sent, 402, b'{"error": {"message": "Insufficient Balance"}}')
    ]
    lab = BillState(GOAL, PromptJobs(MODEL), Tariff(MODEL, "2026-08", "USD"), target.at)
    with pytest.raises(CannotJudge, match="a plain request is answered with 402"):
        target.run(experiment(lab))


def test_the_ceiling_is_that_of_the_dearest_price_and_holds():
    tariff = Tariff(MODEL, "2026-08", "USD", specs.Rates(Decimal(1), Decimal(2), Decimal(3)))
    planned = plan(GOAL, tariff)
    members, _, _ = run()
    sent = sum(entry["requests"] for entry in members["cost"]["entries"])
    assert sent <= planned.requests
    assert Decimal(members["cost"]["usd_without_cache"]) <= plan(GOAL, Tariff(MODEL, "2026-08", "USD")).ceiling
    assert "for at most $" in planned.says


@pytest.fixture(scope="module")
def mock():
    from echosounder.mock_server.net.process import spawn

    with spawn() as running:
        yield running.url


REFUSED = [
    (
        {"model": "house-model"},
        "no USD price of 'house-model' is known, so no bill can be verified; give it with --price HIT,MISS,OUTPUT",
    ),
    ({"budget_usd": "0.00001"}, "a budget of 0.00001 does not pay for the first request"),
]


@pytest.mark.parametrize(("more", "said"), REFUSED)
def test_nothing_is_sent_where_it_could_not_be_verified(mock, tmp_path, more, said):
    options = Options(url=mock, scenario="cache-pricing", api_key="sk-any-key-0001", out=tmp_path, **more)
    with pytest.raises(UsageError) as refused:
        verify(options, goal=GOAL)
    assert str(refused.value).startswith(said)


def test_given_prices_stand_for_the_list(mock, tmp_path):
    """The account loses what the mock charges, so wrong prices cannot come out; the first request is enough to see that."""
    options = Options(
        url=mock,
        scenario="cache-pricing",
        api_key="sk-any-key-0001",
        out=tmp_path,
        prices=("1", "2", "3"),
        budget_requests=4,
    )
    report = verify(options, goal=BillGoal(patience=0.1, salt="given")).report
    assert Decimal(report["cost"]["unexplained"]) > 0
    assert report["stopped"][0]["kind"] == "budget"


def test_the_honest_mock_on_a_socket(mock, tmp_path, breaches):
    said = []
    options = Options(url=mock, scenario="cache-pricing", api_key="sk-any-key-0002", out=tmp_path, users="40")
    outcome = verify(
        options, lambda step: said.append(step.said), BillGoal(salt=str(datetime.now(UTC)), together=40, pairs=4)
    )
    assert (outcome.exit_code, outcome.report["cost"]["unexplained"]) == (0, "0")
    assert [row["id"] for row in outcome.report["requirements"] if row["findings"]] == []
    assert breaches(outcome.log) == []
    assert said[0].startswith("at most ")
    assert " for at most $0." in said[0]
