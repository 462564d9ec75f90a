"""Budgets as a user gives them: what the plan says is enough, a cent less names what is left out, and models without a price."""

import json
import re
from decimal import Decimal

import pytest
import yaml

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn

KEY = "sk-test-0123456789"


@pytest.fixture(scope="module")
def honest():
    with spawn(ttft_ms=0, itl_ms=0) as mock:
        yield mock


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)


def planned(capsys, *options):
    assert run(["plan", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)


def checked(mock, folder, *options):
    code = run(["check", mock.url, "--out", str(folder), *options])
    return code, json.loads((folder / "report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("suite", ["smoke", "standard"])
def test_what_the_plan_says_is_enough(honest, suite, tmp_path, capsys):
    usd = planned(capsys, "--suite", suite)["usd"]
    code, report = checked(honest, tmp_path, "--suite", suite, "--budget-usd", usd)
    assert (code, report["unsent"]) == (0, {})
    assert Decimal(report["cost"]["usd"]) <= Decimal(report["cost"]["usd_at_most"]) <= Decimal(usd)


def test_the_default_budget_of_the_action_is_kept(honest, tmp_path):
    with open("action.yml", encoding="utf-8") as file:
        inputs = yaml.safe_load(file)["inputs"]
    given = [
        f"--{name}={inputs[name]['default']}" for name in ("budget-usd", "budget-requests", "suite") if name in inputs
    ]
    assert any("budget" in option for option in given)
    assert checked(honest, tmp_path, *(option for option in given if not option.endswith("=")))[0] == 0


def test_less_says_what_is_left_out(honest, tmp_path, capsys):
    less = str(Decimal(planned(capsys, "--suite", "smoke")["usd"]) * Decimal("0.9"))
    left_out = planned(capsys, "--suite", "smoke", "--budget-usd", less)["left_out"]
    code, report = checked(honest, tmp_path, "--suite", "smoke", "--budget-usd", less)
    assert (code, report["unsent"]) == (3, left_out)
    assert left_out
    said = capsys.readouterr().err
    assert f"budget of ${less}" in said
    assert next(iter(left_out)) in said


def test_a_model_without_a_price(honest, tmp_path, capsys):
    command = ["check", honest.url, "--model", "some-clone", "--suite", "smoke", "--out", str(tmp_path)]
    assert run([*command, "--budget-usd", "1"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len([line for line in said if line.startswith("echosounder: ")]) == 1
    assert "no price of 'some-clone' is known" in said[-1]
    assert "--price HIT,MISS,OUTPUT" in said[-1]


@pytest.mark.parametrize("wrong", ["1,2", "1,2,3,4", "a,b,c", "1,2,-3", "1,2,nan", ""])
def test_prices_that_are_none(honest, wrong, tmp_path, capsys):
    assert run(["check", honest.url, "--price", wrong, "--out", str(tmp_path)]) == 2
    assert "is not three amounts" in capsys.readouterr().err


def test_given_prices_win_in_plan_check_and_report(honest, tmp_path, capsys):
    prices = ["--price", "1000,1000,1000"]
    sent = planned(capsys, "--suite", "smoke", *prices)
    assert Decimal(sent["usd"]) == Decimal(sent["prompt_tokens"] + sent["completion_tokens"]) / 1000
    code, report = checked(honest, tmp_path, "--suite", "smoke", *prices, "--budget-usd", sent["usd"])
    assert code == 0
    tokens = report["cost"]["prompt_tokens"] + report["cost"]["completion_tokens"]
    assert Decimal(report["cost"]["usd"]) == Decimal(tokens) / 1000
    assert run(["score", str(tmp_path), "--json"]) == 0


ENDED = {0, 1, 4}  # a busy machine may make a measurement invalid: it keeps within its price all the same


@pytest.mark.parametrize(
    ("scenario", "more"), [("cache-pricing", []), ("rate-limit", ["--users", "8", "--duration", "15s"])]
)
def test_an_experiment_keeps_within_the_price_that_it_says(scenario, more, tmp_path, capfd):
    """What is said at first, given as the budget, is enough: the run ends because it knows, not because the money is gone."""
    with spawn(ttft_ms=0, itl_ms=0, limit=("concurrency:count=4",)) as limited:
        command = ["load", scenario, limited.url, *more, "--out"]
        assert run([*command, str(tmp_path / "free")]) in ENDED
        said = re.search(r"for at most \$([0-9.]+)", "".join(capfd.readouterr()))
        assert said is not None
        usd = Decimal(said[1]) + Decimal("0.0001")  # it is said in four decimals
        assert run([*command, str(tmp_path / "capped"), "--budget-usd", str(usd)]) in ENDED
    report = json.loads((tmp_path / "capped" / "report.json").read_text(encoding="utf-8"))
    assert [stop for stop in report.get("stopped", []) if stop["kind"] == "budget"] == []
    assert Decimal(str(report["cost"]["usd"])) <= usd
