"""`load cache-pricing` from the command line, on real sockets: the report, the keys in it, and Ctrl-C."""

import json
import signal
import subprocess
import sys
import time

import pytest
from jsonschema import Draft202012Validator

from echosounder import reports
from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn

KEY, OTHER = "sk-test-0123456789", "sk-test-9876543210"


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    monkeypatch.setenv("OTHER_KEY", OTHER)


def test_a_leak_between_users_is_found_and_no_key_is_told(tmp_path, capsys):
    with spawn(deviate=("user-id-ignored",)) as mock:
        options = ["--other-api-key-env", "OTHER_KEY", "--out", str(tmp_path)]
        assert run(["load", "cache-pricing", mock.url, *options]) == 1
    said = capsys.readouterr()
    assert "at most 116 requests for at most $0.0" in said.out + said.err
    assert "✗ cache.user-id-isolates: two users 2: second user: 512 tokens hit the prompt of another user" in said.out
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    Draft202012Validator(reports.schema("load")).validate(report)
    # On a busy machine a prefix may come too late to show a hit at the edge of a unit: that is no breach.
    unknown = {"pass", "inconclusive"}
    found = {row["id"]: row["verdict"] for row in report["requirements"] if row["verdict"] not in unknown}
    assert found == {"cache.user-id-isolates": "nonstrict"}
    assert report["cost"]["unexplained"] == "0"
    for name in ("run.jsonl", "report.html", "report.json"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert KEY not in text
        assert OTHER not in text
    assert 'aria-label="Waterfall of the bill"' in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_ctrl_c_keeps_what_was_measured(tmp_path):
    """Without a cache the search for the first hit takes seconds: time enough to interrupt it."""
    with spawn(cache="off") as mock:
        command = [sys.executable, "-m", "echosounder", "load", "cache-pricing", mock.url, "--out", str(tmp_path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        log = tmp_path / "run.jsonl"
        while not (
            log.exists()
            and log.read_text(encoding="utf-8").count('"kind": "sample"')
            + log.read_text(encoding="utf-8").count('"kind":"sample"')
            >= 3
        ):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=90)
    assert (process.returncode, "Traceback" in out + errors) == (3, False)
    assert "interrupted by the user; the measurements so far are in" in errors
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["cost"]["unverified"] == "the run was over before anything was charged"
    assert report["counts"]["sent"] >= 3
