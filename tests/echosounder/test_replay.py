"""Sending one exchange again: is it fixed?"""

import json

import pytest

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn

KEY = "sk-test-0123456789"


@pytest.fixture
def wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    with spawn(deviate=("usage-sum-mismatch",), ttft_ms=0, itl_ms=0) as mock:
        assert run(["check", mock.url, "--only", "usage.total-is-sum", "--suite", "smoke", "--out", str(tmp_path)]) == 1
        yield tmp_path, mock.url


def exchange_of(folder, capsys):
    capsys.readouterr()
    run(["report", str(folder), "--format", "json"])
    rows = json.loads(capsys.readouterr().out)["requirements"]
    return next(row["findings"][0]["exchange"] for row in rows if row["id"] == "usage.total-is-sum")


def test_a_fault_that_is_still_there_and_one_that_is_gone(wrong, capsys):
    folder, _ = wrong
    exchange = exchange_of(folder, capsys)
    assert run(["replay", str(folder), exchange]) == 1
    assert "STILL" in capsys.readouterr().out
    with spawn(ttft_ms=0, itl_ms=0) as honest:
        assert run(["replay", str(folder), exchange, "--url", honest.url]) == 0
    assert "FIXED" in capsys.readouterr().out


def test_a_target_that_is_gone_is_not_fixed(wrong, capsys):
    folder, _ = wrong
    assert (
        run(["replay", str(folder), exchange_of(folder, capsys), "--url", "http://127.0.0.1:9", "--timeout", "1"]) == 3
    )


def test_an_exchange_that_is_not_there(wrong, capsys):
    folder, _ = wrong
    assert run(["replay", str(folder), "9999"]) == 2
