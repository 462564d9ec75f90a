"""Whole runs against a target in virtual time: each fault of a bill is found and named, an honest bill comes out to zero."""

import importlib.util
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from echosounder.load.experiment.script import Book
from echosounder.load.pricing import concluded
from echosounder.load.pricing.account import Accountant
from echosounder.load.pricing.experiment import experiment
from echosounder.load.pricing.lab import BillGoal, BillState
from echosounder.load.pricing.oracle import Scale
from echosounder.load.pricing.prompts import PromptJobs
from echosounder.load.pricing.tariff import Tariff

_spec = importlib.util.spec_from_file_location("simulated_bill", Path(__file__).with_name("simulated.py"))
simulated = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(simulated)

MODEL = "deepseek-v4-flash"


def run(*defects, keys=1, bulk=24, patience=2.0, profile="2026-08", model=MODEL, fixed=None, **settings):
    target = simulated.Target(defects, **settings)
    goal = BillGoal(bulk=bulk, together=8, patience=patience, latency_tokens=1176, pairs=4)
    lab = BillState(goal, PromptJobs(model, profile), Tariff(model, profile, "USD", fixed), target.at, keys)
    lab.scale = Scale(target.unit)
    members, results, stopped = concluded(target.run(experiment(lab)))
    broken = {each.requirement: each.findings for each in results if each.findings}
    return members, broken, {each.requirement: each for each in results}, stopped, target


def causes(members):
    return [cause["name"] for cause in members["cost"]["causes"]]


SUM = "load.bill-adds-up"
FAULTS = [
    ("hit-as-miss", {"cache.discount", SUM}, ["hit-billed-as-miss"]),
    ("one-hit-as-miss", {"cache.discount", SUM}, ["hit-billed-as-miss"]),
    ("token-more", {"balance.charged", SUM}, ["off-by-one-token"]),
    ("token-less-sometimes", {"balance.charged", SUM}, ["off-by-one-token"]),
    ("counts-one-more", {"usage.completion-counted", "balance.charged", SUM}, ["off-by-one-token"]),
    ("wrong-window", {"balance.price-window", SUM}, ["wrong-price-window"]),
    ("streams-dearer", {"balance.stream-same-price", SUM}, ["stream-other-price"]),
    ("streams-without-hits", {"balance.stream-same-price", SUM}, ["stream-hit-billed-as-miss"]),
    ("drift", {"balance.charged", SUM}, ["drift"]),
    ("free", {"balance.charged", SUM}, ["not-charged"]),
    ("invents-hits", {"cache.hits-within-prefix", "cache.first-misses", "cache.discount", SUM}, ["hit-billed-as-miss"]),
    ("invents-hits invents-hits-and-bills-them", {"cache.hits-within-prefix", "cache.first-misses"}, []),
    (
        "withholds-hits",
        {"load.hits-as-expected", "cache.repeat-hits", "cache.common-prefix-unit", "cache.discount", SUM},
        ["miss-billed-as-hit"],
    ),
    ("leaks-users", {"cache.user-id-isolates"}, []),
]


@pytest.mark.parametrize(("defects", "requirements", "named"), FAULTS)
def test_each_fault_is_found_and_named_and_no_other(defects, requirements, named):
    members, broken, _, _, _ = run(*defects.split())
    assert (set(broken), causes(members)) == (requirements, named)
    missed = [row["expr"] for row in members["slo"] if not row["met"]]
    assert missed
    assert ("leaked_hits=0" in missed) == ("cache.user-id-isolates" in requirements)


PAIRS = [
    ("hit-as-miss counts-one-more", ["hit-billed-as-miss", "off-by-one-token"]),
    ("streams-without-hits counts-one-more", ["off-by-one-token", "stream-hit-billed-as-miss"]),
    # Each request lacks one output token at the price of the wrong window.
    ("wrong-window counts-one-more", ["wrong-price-window", "fee"]),
    ("token-more leaks-users", ["off-by-one-token"]),
]


@pytest.mark.parametrize(("defects", "named"), PAIRS)
def test_two_faults_at_once_are_both_named(defects, named):
    assert causes(run(*defects.split())[0]) == named


def test_what_no_hypothesis_fits_is_said_to_be_unexplained_once():
    """A token too few of some requests, and another one too many in all usages: no rule holds for all of them."""
    *_, cause = run("token-less-sometimes", "counts-one-more")[0]["cost"]["causes"]
    assert cause["name"] == "unexplained"
    assert cause["says"].endswith(" less than the bill was charged so far")


def test_two_faults_do_not_make_up_for_each_other():
    """Too many tokens in the usage, so that less is taken than billed, and dearer streams, so that more is."""
    cost = run("streams-dearer", "counts-one-more")[0]["cost"]
    rests = [Decimal(entry["unexplained"]) for entry in cost["entries"] if not entry["explained"]]
    assert {rest > 0 for rest in rests} == {True, False}
    assert Decimal(cost["unexplained"]) == sum(map(abs, rests))


def test_a_digit_once_seen_is_a_digit_of_the_balance():
    """Zeros at the end are left out, so the last balance may show fewer digits than the account has."""
    target, told = simulated.Target(), iter(["1.23", "1.2345", "1.20"])
    target._told = lambda ask, sent: [
        target._outcome(
            ask, sent, 200, json.dumps({"balance_infos": [{"currency": "USD", "total_balance": next(told)}]}).encode()
        )
    ]
    accountant = Accountant(Book(), PromptJobs(MODEL), 1.0, "USD")

    def script():
        for _ in range(3):
            yield from accountant.read()

    target.run(script())
    assert accountant.unit == Decimal("0.0001")


HONEST = [
    {},
    {"settle": 0.0, "seed": 1},
    {"settle": 3.0},
    {"late": 0.3},
    {"late": 5.0, "patience": 8.0},
    {"late": 20.0, "patience": 8.0},
    {"digits": 4},
    {"digits": 4, "late": 1.0},
    {"clock": timedelta(hours=14)},
    {"wall": simulated.NOON.replace(hour=0, minute=59, second=55)},
    {"long_words": 6},
    {"unit": 64, "profile": "2025-12", "model": "deepseek-chat", "prices": (simulated.OLD, simulated.OLD)},
]


@pytest.mark.parametrize("settings", HONEST, ids=str)
def test_an_honest_bill_comes_out_to_zero_and_nothing_is_found(settings):
    members, broken, _, stopped, _ = run(**settings)
    assert (broken, causes(members), stopped) == ({}, [], None)
    assert members["cost"]["unexplained"] == "0"
    assert all(row["met"] for row in members["slo"])


def test_nothing_is_sent_just_before_prices_change():
    """Which price counts for such a request depends on whose clock is a second ahead."""
    begin = simulated.NOON.replace(hour=0, minute=59, second=54)
    members, _, _, _, target = run(wall=begin)
    assert [at for at in target.sent if 1.0 < at < 6.0] == []
    assert any(at < 1.0 for at in target.sent)
    assert members["cost"]["unexplained"] == "0"


@pytest.mark.parametrize(
    ("fault", "named"), [("peak-forgotten", "wrong-price-window"), ("peak-tripled", "peak-other-price")]
)
@pytest.mark.parametrize("begin", [(0, 59, 52), (5, 59, 53)])
def test_a_price_that_is_wrong_from_the_turn_on_is_named(fault, named, begin):
    """Peak hours begin within the run: what came before was billed rightly."""
    hour, minute, second = begin
    members, broken, _, _, target = run(fault, wall=simulated.NOON.replace(hour=hour, minute=minute, second=second))
    assert {target.at(at).hour for at in target.sent} == {hour, hour + 1}
    assert (causes(members), set(broken)) == ([named], {"balance.price-window", SUM})


@pytest.mark.parametrize(("forgets", "gone"), [(1e9, []), (0.6, ["at the end: the first prompt"])])
def test_what_is_dropped_from_the_cache_is_noticed_at_the_end(forgets, gone):
    members, _, _, _, _ = run(forgets=forgets, settle=0.05)
    assert members["cache"]["evicted"] == gone
    assert gone or members["cache"]["kept_s"] > 1
