"""What a client pays that hangs up, and bills in yuan: by arithmetic, and end to end on real sockets."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from jsonschema import Draft202012Validator

from echosounder import reports, specs
from echosounder.__main__ import run
from echosounder.load.options import Options
from echosounder.load.pricing import BillGoal, verify
from echosounder.load.pricing.hang_ups import HangUps
from echosounder.load.pricing.ledger import Charge
from echosounder.mock_server.net.process import spawn
from echosounder.wire.usage import Usage

# An answer of 64 tokens to a prompt of 100 tokens, 60 of them hits: the prompt costs 0.00001, a token of the answer 0.000002.
RATES = specs.Rates(Decimal("0.1"), Decimal("0.1"), Decimal("2"))
UNIT = Decimal("1e-9")
SEEN = (8, 8, 9)


def hung(taken, **settings):
    usage = Usage(prompt=100, completion=64, total=164, hit=60, miss=40, cached=60)
    charge = Charge("whole", usage, True, datetime(2026, 11, 30, 12, tzinfo=UTC), (RATES,))
    return HangUps(charge, "USD", SEEN, Decimal(taken), UNIT, **settings)


@pytest.mark.parametrize(
    ("taken", "billed", "tokens", "words"),
    [
        ("0", "nothing", None, "took nothing; whole: 0.000414 USD"),
        ("0.0000000009", "nothing", None, "took nothing"),  # less than the balance shows
        ("0.00003", "part", "0", "the prompt and 0 tokens of each"),
        ("0.000084", "part", "9", "hung up on after 8 to 9 of 64 tokens, took 0.000084 USD, the prompt and 9 tokens of each"),
        ("0.00001", "part", None, "less than the prompts"),
        ("0.000412", "part", None, "whole: 0.000414 USD"),  # one token of one answer less
        ("0.000414", "whole", "64", "took 0.000414 USD, as if read to the end"),
        ("0.000828", "more", None, "billed for more than the whole"),
    ],
)  # fmt: skip
def test_a_hang_up_is_billed_whole_in_part_or_not(taken, billed, tokens, words):
    made = hung(taken)
    assert str(made.billed) == billed
    assert words in made.says
    assert tokens is None or made.tokens == Decimal(tokens)


def test_what_cannot_be_told_says_why_and_names_no_amount():
    made = hung("0", missing="the balance shows cents").member()
    assert made["billed"] == "unknown"
    assert "cannot be told: the balance shows cents" in made["says"]
    assert (made["taken"], made["whole"], made["billed_tokens"]) == (None, None, None)


# Dollars and yuan for a million tokens of deepseek-flash, hit, miss, output, off-peak; peak is double.
PRICES = {"USD": ("0.003", "0.15", "0.60"), "CNY": ("0.02", "1", "4")}


def verified(tmp_path, capsys, monkeypatch, *options, **settings):
    """Exit code, report and what is on the terminal of a run against a mock."""
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-test-0123456789")
    with spawn(**settings) as mock:
        code = run(["load", "cache-pricing", mock.url, "--out", str(tmp_path), *options])
    said = capsys.readouterr()
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    Draft202012Validator(reports.schema("load")).validate(report)
    return code, report, said.out + said.err


def listed(tmp_path, currency):
    """The bill by the usages of the log and the price list above, at both prices of the day."""
    records = map(json.loads, (tmp_path / "run.jsonl").read_text(encoding="utf-8").splitlines())
    usages = [each["usage"] for each in records if each["kind"] == "sample" and "usage" in each]
    hit, miss, output = map(Decimal, PRICES[currency])
    tokens = [(each["hit"], each["prompt"] - each["hit"], each["completion"]) for each in usages]
    cost = sum(a * hit + b * miss + c * output for a, b, c in tokens) / 1_000_000
    return cost, 2 * cost


@pytest.mark.parametrize(
    ("hang_up", "currency", "digits", "words"),
    [
        ("written", "USD", 12, "is billed in part: 3 of them, hung up on after "),
        ("whole", "CNY", 4, "is billed whole: 3 of them, hung up on after "),
        ("nothing", "CNY", 12, "is not billed: 3 of them, hung up on after "),
    ],
)
def test_a_run_says_what_hanging_up_costs(hang_up, currency, digits, words, tmp_path, capsys, monkeypatch):
    """No document says what is right: the bill is right either way, in either currency, to the last digit that is shown."""
    settings = {"hang_up": hang_up, "currency": currency, "balance_digits": digits, "granted": "10.0123"}
    code, report, said = verified(tmp_path, capsys, monkeypatch, itl_ms=2, **settings)
    cost, hung_up, unit = report["cost"], report["cost"]["hang_ups"], Decimal(1).scaleb(-digits)
    assert (code, cost["verdict"], cost["currency"], cost["unexplained"]) == (0, "right", currency, "0")
    assert words in hung_up["says"]
    for place in (said, (tmp_path / "report.html").read_text(encoding="utf-8")):
        assert hung_up["says"] in place
    taken, whole = Decimal(hung_up["taken"]), Decimal(hung_up["whole"])
    assert {"written": 0 < taken < whole, "whole": abs(taken - whole) < unit, "nothing": taken == 0}[hang_up]
    assert 3 * 8 <= hung_up["seen_tokens"] < hung_up["answer_tokens"] == 3 * 64
    assert hang_up != "written" or hung_up["seen_tokens"] <= hung_up["billed_tokens"] < 3 * 64
    assert Decimal(cost["usd"]) in listed(tmp_path, currency)
    shown = said.split("The bill is right")[1].split("at most $")[0]  # the ceiling of the plan is in dollars
    assert ("$" in shown) is (currency == "USD")
    if digits == 4:
        fault_shows(said, Decimal("0.0001"), currency)


def fault_shows(said, unit, currency):
    """The plan names the number of requests: a hundredth of a cold prompt of 984 tokens, with at most 128 of a template, and 8 of an
    answer, off-peak and peak."""
    shown = f"the balance shows nothing below {unit} now; with this resolution, a fault of 1 % shows after "
    requests = int(said.split(shown)[1].split()[0])
    _, miss, output = map(Decimal, PRICES[currency])
    hundredth = ((984 + 128) * miss + 8 * output) / 1_000_000 / 100
    assert any(0 <= requests * price - unit < price for price in (hundredth, 2 * hundredth))


def test_a_wrong_bill_in_yuan_is_named_and_counted_in_yuan(tmp_path):
    options = Options(url="", scenario="cache-pricing", api_key="sk-yuan-0123456789", out=tmp_path)
    goal = BillGoal(salt="yuan", patience=0.1, pairs=2, bulk=16)
    with spawn(currency="CNY", deviate=("bill-hit-as-miss",), balance_digits=8) as mock:
        outcome = verify(replace(options, url=mock.url), goal=goal)
    report, cost = outcome.report, outcome.report["cost"]
    assert (outcome.exit_code, cost["currency"]) == (1, "CNY")
    assert [cause["name"] for cause in cost["causes"]] == ["hit-billed-as-miss"]
    assert cost["says"].startswith("The bill is wrong: cache hits are charged at the price of misses")
    # A hit that is charged as a miss costs 0.98 yuan a million tokens more, twice that in peak hours.
    extra = Decimal(report["cache"]["hit_tokens"]) * Decimal("0.98") / 1_000_000
    assert Decimal(cost["unexplained"]) in (extra, 2 * extra)


def test_a_balance_of_cents_says_before_and_after_what_it_cannot_show(tmp_path, capsys, monkeypatch):
    """In dollars the whole run costs less than a cent, at the price of peak hours too."""
    code, report, said = verified(tmp_path, capsys, monkeypatch, currency="USD", balance_digits=2)
    assert (code, report["cost"]["verdict"]) == (3, "unverified")
    fault_shows(said, Decimal("0.01"), "USD")
    assert report["cost"]["hang_ups"]["billed"] == "unknown"
    assert "cannot be told: the balance shows nothing below 0.01" in said
