"""The selftest as a user meets it, and a sample of what it measures: as frozen, on a mock of its own."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.judgement.setting import Suite
from echosounder.mock_server.deviations import find
from echosounder.mock_server.net.process import spawn
from echosounder.selftest.kill_matrix import KillRow
from echosounder.selftest.laboratory import Lab, Study, everywhere, home, visible
from echosounder.specs import requirement

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "kill_matrix.json").read_text(encoding="utf-8"))
SAMPLE = (
    "done-twice",
    "usage-sum-mismatch",
    "tool-id-missing",
    "error-flat",
    "status-500-validation",
    "crlf-line-endings",
    "stop-string-form",
)


MEASURED = ("layer", "declared", "broken", "first", "elsewhere")
"""What a row says of the suite; how many requests it took differs where a mock that was late is asked again."""


@pytest.fixture(scope="module")
def study():
    told = []
    made = Study(names=SAMPLE, watch=lambda done, total, what: told.append((done, total)))
    made.run()
    assert told == [(done, len(SAMPLE) + 1) for done in range(len(SAMPLE) + 1)]
    return made


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_the_matrix_is_as_frozen(study, name):
    measured = json.loads(json.dumps(study.matrix.record()["deviations"][name]))
    assert {member: measured.get(member) for member in MEASURED} == {
        member: GOLDEN["deviations"][name].get(member) for member in MEASURED
    }


def test_the_honest_mock_beside_them_is_not_accused(study):
    (honest,) = study.honest
    assert (honest.alarms, honest.judged > 150, honest.streams > 20) == ((), True, True)
    assert not study.whole
    assert study.matrix.clean


def test_what_is_declared_and_not_found_is_sought_where_it_can_be_seen(study):
    """FIM stop texts are asked for by a probe of the thorough suite alone."""
    row = study.rows["stop-string-form"]
    assert "fim.stop" not in row.broken
    assert set(row.elsewhere) == {"fim.stop"}


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("done-twice", ("2026-08", "deepseek-v4-flash")),
        ("logprobs-of-reasoner-dropped", ("2025-12", "deepseek-reasoner")),
        ("thought-uses-up-max-tokens", ("2025-01", "deepseek-reasoner")),
        ("n-interleave-id", ("openai", "deepseek-v4-pro")),
    ],
)
def test_a_deviation_is_at_home_where_most_of_it_can_show(name, place):
    assert home(find(name), "2026-08") == place
    assert everywhere("2024-07")[0] == ("2024-07", "deepseek-chat")
    assert not visible(requirement("thinking.r1-separate"), "2025-01", "deepseek-chat")


def halted(study):
    study.rows["done-twice"] = KillRow("done-twice", "sse", ("stream.done-once",), {}, None, 1, 10)
    raise KeyboardInterrupt


def test_what_is_known_at_ctrl_c_is_told_and_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Study, "run", halted)
    assert run(["selftest", "--out", str(tmp_path)]) == 3
    out, err = capsys.readouterr()
    assert "survivors: done-twice" in out
    assert "checks that nothing fails" not in out
    assert "interrupted" in err
    assert "Traceback" not in err
    assert "done-twice" in json.loads((tmp_path / "kill-matrix.json").read_text(encoding="utf-8"))["deviations"]


def test_json_alone_on_stdout_and_exit_1_for_a_survivor(tmp_path, monkeypatch, capsys):
    survivor = KillRow("done-twice", "sse", ("stream.done-once",), {}, None, 1, 10)
    monkeypatch.setattr(Study, "run", lambda study: study.rows.update({survivor.name: survivor}))
    assert run(["selftest", "--json", "--out", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out)["figures"]["survivors"] == ["done-twice"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--only", "no-such-*"], "matches no deviation"),
        (["--passes", "0"], "--passes"),
        (["--profile", "2023-01"], "2023-01"),
        (["--out", "/dev/null/x"], "cannot write into"),
    ],
)
def test_wrong_usage_is_one_line_before_anything_runs(arguments, words, capsys):
    assert run(["selftest", *arguments]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


def stop_for_a_while(pid, log, seconds):
    """Takes the processor from the mock as a busy machine does, once the suite is under way."""
    while not log.exists() or log.read_text(encoding="utf-8").count("\n") < 5:
        time.sleep(0.01)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


def test_a_mock_that_gets_no_time_for_a_while_is_accused_of_nothing(tmp_path):
    profile, model = home(None, "2026-08")
    with spawn(profile=profile, ttft_ms=0, itl_ms=0) as mock:
        thief = threading.Thread(target=stop_for_a_while, args=(mock.pid, tmp_path / "run.jsonl", 1.5), daemon=True)
        thief.start()
        honest, run = Lab(mock.url, (profile, model), Suite.SMOKE, tmp_path).honest(0)
        thief.join()
    assert honest.alarms == ()
    assert {str(exchange.end) for exchange in run.exchanges} == {"complete"}
