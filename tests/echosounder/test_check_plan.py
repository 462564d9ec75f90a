"""What check and plan tell people: which entry of a baseline is stale, what a suite would send and cost, what was not understood."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from echosounder import specs
from echosounder.__main__ import run
from echosounder.conformance.ask import Ask
from echosounder.conformance.planner import plan
from echosounder.judgement.setting import Suite
from echosounder.mock_server.net.process import spawn
from echosounder.wire.formats import FORMATS
from echosounder.wire.header import USUAL

KEY = "sk-test-0123456789"
ENTRY = '[[accepted]]\nid = "usage.total-is-sum"\nreason = "known"\nexpires = {}\n'


@pytest.fixture(scope="module")
def honest():
    with spawn(ttft_ms=0, itl_ms=0) as mock:
        yield mock


def checked(mock, folder, monkeypatch, *options):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    return run(["check", mock.url, "--suite", "smoke", "--only", "usage.total-*", "--out", str(folder), *options])


@pytest.mark.parametrize(
    ("entry", "code", "told"),
    [
        (ENTRY.format("2999-12-31"), 1, "stale: usage.total-is-sum passes"),
        (ENTRY.format("2999-12-31") + "sometimes = true\n", 0, ""),
        (ENTRY.format("2020-01-01"), 0, "accepts usage.total-is-sum no longer"),
    ],
    ids=["stale", "sometimes", "expired"],
)
def test_what_is_wrong_with_a_baseline_is_said_with_what_to_do(
    entry, code, told, honest, tmp_path, monkeypatch, capsys
):
    (tmp_path / "b.toml").write_text(entry, encoding="utf-8")
    assert checked(honest, tmp_path / "run", monkeypatch, "--baseline", str(tmp_path / "b.toml"), "--json") == code
    captured = capsys.readouterr()
    assert told in captured.err
    assert told or not captured.err
    assert json.loads(captured.out)["verdict"] == ("deviates" if code else "conforms")


def planned(capsys, *options):
    assert run(["plan", "--json", *options]) in {0, None}
    return json.loads(capsys.readouterr().out)


def test_a_plan_counts_what_a_suite_sends_and_what_more_it_may(capsys):
    smoke, standard, thorough = (planned(capsys, "--suite", name) for name in ("smoke", "standard", "thorough"))
    assert smoke["requests"] <= 40 < standard["requests"] <= 300 < thorough["requests"]
    assert [smoke["reduction"], standard["reduction"], thorough["reduction"]] == [0, 0, 40]
    tenfold = planned(capsys, "--suite", "smoke", "--repeat", "10")
    assert tenfold["requests"] == 10 * smoke["requests"]


def test_all_formats_of_the_profile_are_the_default(capsys):
    def asked(*options):
        names = {row["id"].partition(".")[0] for row in planned(capsys, "--suite", "smoke", *options)["probes"]}
        return names & set(FORMATS)

    assert asked() == asked("--format", "all") == set(FORMATS)
    assert asked("--profile", "2024-07") == {"chat", "fim"}
    assert asked("--format", "chat") == {"chat"}
    assert asked("--format", "messages", "--format", "fim") == {"messages", "fim"}
    for name in ("chat", "messages", "responses"):
        assert planned(capsys, "--format", name)["requests"] <= 170


# Ten in the morning of a Tuesday in China, when prices are double, and eight in the evening.
PEAK, OFF_PEAK = datetime(2026, 12, 1, 2, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC)


def test_what_a_plan_costs_at_most_does_not_depend_on_the_hour():
    def usd(suite, at=OFF_PEAK, repeat=1, formats=USUAL):
        ask = Ask(specs.DEFAULT_PROFILE, "deepseek-v4-flash")
        return plan(ask, suite, at, (), repeat, formats=formats).usd

    assert usd(Suite.SMOKE) < usd(Suite.STANDARD) < usd(Suite.THOROUGH) < Decimal("0.30")
    assert usd(Suite.THOROUGH, formats=FORMATS) < Decimal("0.40")
    assert usd(Suite.SMOKE, repeat=10) == 10 * usd(Suite.SMOKE)
    assert usd(Suite.THOROUGH, PEAK) == usd(Suite.THOROUGH)


def test_a_plan_in_words_is_one_line_to_copy(capsys):
    run(["plan", "--suite", "thorough", "--only", "chat.legal-served"])
    last = capsys.readouterr().out.splitlines()[-1]
    assert "requests, and 40 more to minimize failing requests" in last
    assert last.endswith("Nothing was sent.")


@pytest.mark.parametrize("command", ["plan", "check"])
def test_a_pattern_that_matches_nothing_is_wrong_usage(command, capsys):
    assert run([command, "--only", "usage.totals-is-sum"]) == 2
    assert "did you mean usage.total-is-sum?" in capsys.readouterr().err


def test_a_repeated_check_writes_the_share(tmp_path, monkeypatch, capsys):
    with spawn(deviate=("usage-sum-mismatch:when.every=4",), ttft_ms=0, itl_ms=0) as mock:
        assert checked(mock, tmp_path, monkeypatch, "--repeat", "3", "--json") == 1
    row = json.loads(capsys.readouterr().out)["requirements"][0]
    assert "with 95 % confidence" in row["note"]


def test_a_proxy_is_not_repeated(capsys):
    assert run(["check", "--proxy", "http://127.0.0.1:9", "--upstream-port", "9999", "--repeat", "2"]) == 2
    assert "--repeat does not go with --proxy" in capsys.readouterr().err
