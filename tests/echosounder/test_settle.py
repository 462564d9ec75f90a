"""The questions that only a paid request settles, asked of mocks that answer them one way and the other."""

import pytest

from echosounder import specs
from echosounder.__main__ import run
from echosounder.cli.settle import answer, disputed
from echosounder.mock_server.net.process import spawn
from echosounder.wire.verdict import Verdict

PROFILE = "2026-11"
# deviation, the question that it answers otherwise, words of what is to be changed
OTHERWISE = [
    ("finish-without-delta", "stream.finish-delta", "has no delta"),
    ("finish-with-content", "stream.finish-adds-nothing", "last piece of text"),
    ("refuse:status=400,when.model=deepseek-v4-pro,when.path=*/beta/completions", "fim.models", "fim of the model"),
    ("reasoning-missing-served", "thinking.reasoning-by-tools", "reasoning_input of the profile"),
]


@pytest.fixture
def key(monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-settle")


def settled(tmp_path, capsys, *arguments):
    code = run(["settle", "--profile", PROFILE, "--out", str(tmp_path / "out"), *arguments])
    return code, capsys.readouterr().out


def test_the_price_comes_first_and_the_honest_mock_is_as_documented(tmp_path, capsys):
    code, said = settled(tmp_path, capsys)
    assert code == 0
    assert "USD at most settle" in said.splitlines()[0]
    assert said.count("as documented: remove conflict and settle") == len(disputed(PROFILE)) >= 4
    assert "not as documented" not in said


@pytest.mark.parametrize(("deviation", "question", "change"), OTHERWISE)
def test_what_is_otherwise_is_told_with_what_to_change(tmp_path, capsys, key, deviation, question, change):
    with spawn(profile=PROFILE, deviate=(deviation,)) as mock:
        code, said = settled(tmp_path, capsys, mock.url, "--yes")
    [line] = [line for line in said.splitlines() if "not as documented" in line]
    assert code == 0
    assert line.startswith(f"{question}: ")
    assert change in line


def test_nothing_is_sent_without_a_yes(tmp_path, capsys, key, monkeypatch):
    monkeypatch.setattr("typer.confirm", lambda question: False)
    code, said = settled(tmp_path, capsys, "http://127.0.0.1:9/v1")
    assert code == 3
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out" / "run.jsonl").exists()


@pytest.mark.parametrize("verdict", [Verdict.INCONCLUSIVE, Verdict.UNTESTABLE])
def test_what_was_not_answered_stays_open(verdict):
    row = specs.requirement("stream.finish-delta")
    assert answer(row, verdict).startswith(f"still open ({verdict})")


def test_each_question_says_what_is_disputed_and_what_to_change():
    rows = disputed(PROFILE)
    assert all(row.conflict and row.settle and row.probes and not row.excluded for row in rows)
    assert disputed("2024-07") == [specs.requirement("stream.finish-delta")]
