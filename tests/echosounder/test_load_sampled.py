"""Conformance under load, and how a load is interrupted: from the command line, against an honest mock and a deviating one."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn
from echosounder.wire.runlog import read


def loaded(url, out, scenario="streaming"):
    words = ["load", scenario, url, "--users", "8", "--duration", "1s", "--out", str(out)]
    code = run(words)
    return code, json.loads((out / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-test-000000000")


def test_the_kept_exchanges_of_an_honest_target_break_nothing(tmp_path, capsys):
    with spawn(ttft_ms=5, itl_ms=0.2) as mock:
        code, report = loaded(mock.url, tmp_path, "mixed")
    assert code == 0
    assert report["conformance"]["failing"] == {}
    assert report["conformance"]["sampled"] == len(read(tmp_path).exchanges) > 0
    assert "exchanges judged, none broke a requirement" in capsys.readouterr().out


def test_what_a_deviating_target_breaks_under_load_is_counted_and_told(tmp_path, capsys):
    with spawn(ttft_ms=5, itl_ms=0.2, deviate=("role-missing-first-chunk",)) as mock:
        _, report = loaded(mock.url, tmp_path)
    sampled, failing = report["conformance"]["sampled"], report["conformance"]["failing"]
    assert failing["stream.role-first"] == sampled == len(read(tmp_path).exchanges) > 0
    assert f"{sampled} of {sampled} exchanges break stream.role-first" in capsys.readouterr().out
    assert "stream.role-first" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_answers_that_share_an_id_under_load_are_told(tmp_path):
    with spawn(ttft_ms=5, itl_ms=0.2, deviate=("stream-id-fixed",)) as mock:
        _, report = loaded(mock.url, tmp_path)
    assert report["conformance"]["failing"] == {"chat.id-unique": report["conformance"]["sampled"]}


@pytest.mark.best_of(
    5
)  # of a second of load on a busy machine two answers may be kept, and two may be none that crossed
@pytest.mark.parametrize("fault", ["answers-swapped", "streams-crossed"])
def test_answers_that_hold_another_callers_words_are_told(tmp_path, fault):
    with spawn(ttft_ms=5, itl_ms=0.2, deviate=(fault,)) as mock:
        _, report = loaded(mock.url, tmp_path)
    assert 0 < report["conformance"]["failing"].get("chat.answers-own", 0) <= report["conformance"]["sampled"]


def test_ctrl_c_says_so_in_one_line_keeps_everything_and_exits_3(tmp_path):
    with spawn(ttft_ms=5, itl_ms=5) as mock:
        words = ["load", "streaming", mock.url, "--users", "4", "--duration", "110s", "--out", str(tmp_path)]
        command = [sys.executable, "-m", "echosounder", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8") as process:
            log = tmp_path / "run.jsonl"
            while process.poll() is None and not (log.exists() and '"kind":"tick"' in log.read_text(encoding="utf-8")):
                time.sleep(0.05)
            os.kill(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=90)
    assert process.returncode == 3
    assert err.splitlines() == [f"echosounder: interrupted by the user; the measurements so far are in {tmp_path}"]
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["counts"]["sent"] == log.read_text(encoding="utf-8").count('"kind":"sample"') > 0
    assert report["stopped"][-1]["kind"] == "interrupted"
    assert "TTFT" in out
