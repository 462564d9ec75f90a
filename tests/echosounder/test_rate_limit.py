"""`load rate-limit` from the command line, on real sockets: keys, bounds, what goes wrong, and Ctrl-C."""

import json
import re
import signal
import subprocess
import sys
import time

import pytest
from jsonschema import Draft202012Validator

from echosounder import reports
from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn
from echosounder.wire.header import RunKind
from echosounder.wire.runlog import header, read

KEY, OTHER = "sk-test-0123456789", "sk-test-9876543210"


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    monkeypatch.setenv("OTHER_KEY", OTHER)
    monkeypatch.setenv("BAD_KEY", "sk-invalid-0123456789")
    monkeypatch.delenv("NO_KEY", raising=False)


@pytest.fixture(scope="module")
def capped():
    """A mock that serves three requests of a key at once; tests take turns, so each finds it at rest."""
    with spawn(limit=("concurrency:count=3,scope=key",)) as mock:
        yield mock


@pytest.fixture(scope="module")
def unlimited():
    with spawn(limit=("none",)) as mock:
        yield mock


def report_of(folder):
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    Draft202012Validator(reports.schema("load")).validate(document)
    return document


@pytest.mark.best_of(3)
def test_two_keys_are_compared_and_kept_secret(capped, tmp_path):
    options = ["--other-api-key-env", "OTHER_KEY", "--budget-requests", "150", "--out", str(tmp_path)]
    assert run(["load", "rate-limit", capped.url, *options]) == 0
    found = report_of(tmp_path)["rate_limit"]
    assert (found["kind"], found["limit"]) == ("concurrency", 3)
    assert found["scope"] == {"key": False, "user_id": True}
    assert found["charge"]["refused"] == "0"
    assert set(found["fairness"]["users"]) == {"key 1", "key 2"}
    assert KEY not in (tmp_path / "run.jsonl").read_text(encoding="utf-8")
    assert OTHER not in (tmp_path / "run.jsonl").read_text(encoding="utf-8")


REFUSED = [
    (["--other-api-key-env", "NO_KEY"], 2, "NO_KEY holds no API key"),
    (["--other-api-key-env", "BAD_KEY"], 3, "does not accept the second API key"),
    (["--api-key-env", "BAD_KEY"], 3, "check the variable BAD_KEY"),
    (["--users", "10,20"], 2, "give the maximum number of requests in flight"),
    (["--users", "0"], 2, "give the maximum number of requests in flight"),
    (["--model", "unheard-of", "--budget-usd", "1"], 2, "no price of 'unheard-of' is known"),
    (["--model", "unheard-of"], 3, "a plain request is answered 400"),
]


@pytest.mark.parametrize(("options", "code", "says"), REFUSED, ids=[" ".join(options) for options, _, _ in REFUSED])
def test_what_cannot_work_is_one_line(capped, options, code, says, tmp_path, capsys):
    assert run(["load", "rate-limit", capped.url, *options, "--out", str(tmp_path)]) == code
    *plan, line = capsys.readouterr().err.splitlines()
    assert says in line
    assert len(plan) <= 1


def test_a_target_that_is_not_there_is_one_line(tmp_path, capsys):
    assert run(["load", "rate-limit", "http://127.0.0.1:1", "--out", str(tmp_path)]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_a_second_key_is_of_no_use_elsewhere(tmp_path, capsys):
    assert run(["load", "streaming", "--other-api-key-env", "OTHER_KEY", "--out", str(tmp_path)]) == 2
    assert "works with rate-limit" in capsys.readouterr().err


@pytest.mark.best_of(3)
def test_without_a_limiter_it_says_up_to_where_it_looked(unlimited, tmp_path, capsys, breaches):
    assert run(["load", "rate-limit", unlimited.url, "--users", "8", "--out", str(tmp_path)]) == 0
    assert breaches(tmp_path / "run.jsonl") == []
    assert header(tmp_path / "run.jsonl").kind_of_run is RunKind.RATE_LIMIT
    found = report_of(tmp_path)["rate_limit"]
    assert (found["kind"], found["highest"]["in_flight"]) == ("none", 8)
    assert "no limiter up to 8 requests in flight" in capsys.readouterr().out
    assert "--users 32 looks further" in found["says"]


def test_the_plan_is_said_first_and_the_budget_is_kept(unlimited, tmp_path, capsys):
    command = ["load", "rate-limit", unlimited.url, "--budget-requests", "20", "--json", "--out", str(tmp_path)]
    assert run(command) == 3
    printed = capsys.readouterr()
    assert re.match(
        r"rate-limit: at most 20 requests for at most \$0\.\d+", printed.err
    )  # how much depends on the hour
    report = json.loads(printed.out)
    assert report["counts"]["sent"] == 20
    assert report["rate_limit"]["kind"] == "unresolved"
    assert "raise --budget-usd or --budget-requests" in report["rate_limit"]["says"]


def test_ctrl_c_keeps_what_is_known(tmp_path):
    with spawn(limit=("sliding:count=20,window_s=10",)) as mock:
        command = [sys.executable, "-m", "echosounder", "load", "rate-limit", mock.url, "--out", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
            assert "at most 3000 requests" in process.stderr.readline()
            _wait_for_refusals(tmp_path / "run.jsonl")
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=90)
    assert process.returncode == 3
    assert errors.count("\n") <= 1  # one line, where there is one: that it was interrupted, and where the results are
    assert "stopped early: interrupted by the user" in output
    report = report_of(tmp_path)
    assert report["rate_limit"]["kind"] == "unresolved"
    assert report["counts"]["rejected"] > 0
    log = read(tmp_path)
    assert log.footer["interrupted"] == "KeyboardInterrupt"
    assert len(log.samples) == report["counts"]["sent"]


def _wait_for_refusals(log, seconds=20):
    end = time.monotonic() + seconds
    while '"status":429' not in (log.read_text(encoding="utf-8") if log.exists() else ""):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_limiter_that_does_not_recover_in_time_is_unresolved_and_says_what_it_would_take(tmp_path, capsys):
    with spawn(limit=("fixed:count=4,window_s=3600",)) as mock:
        assert run(["load", "rate-limit", mock.url, "--duration", "2s", "--out", str(tmp_path)]) == 3
    found = report_of(tmp_path)["rate_limit"]
    assert found["kind"] == "unresolved"
    assert "fixed-window" in found["rivals"] or "token-bucket" in found["rivals"]
    assert "give a longer --duration" in found["says"] or "a longer --duration waits longer" in found["says"]
    assert found["says"] in capsys.readouterr().out


@pytest.mark.best_of(5)
def test_a_queue_with_keep_alives_is_found_out(tmp_path):
    with spawn(limit=("none",), slots=4, keepalive_ms=50) as mock:
        assert run(["load", "rate-limit", mock.url, "--users", "12", "--out", str(tmp_path)]) == 0
    found = report_of(tmp_path)["rate_limit"]
    assert (found["kind"], found["limit"]) == ("queue", 4)
    assert 1 <= found["queue"]["waited"] <= 8  # twelve less four; fewer where the first ended before the last were sent
    assert found["queue"]["longest_s"] > 0.5  # as long as the first answers take
