"""pytest is a front end, not a second engine: the same log, the same verdicts as the command line; inert unless asked."""

import json
import os
import shlex
import subprocess
import sys

import pytest

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn

KEY = {"DEEPSEEK_API_KEY": "sk-test-0123456789"}


def pytest_run(*arguments, cwd):
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | KEY, capture_output=True, encoding="utf-8", timeout=100, check=False
    )


@pytest.mark.parametrize("fault", [(), ("usage-sum-mismatch",)], ids=["honest", "faulty"])
def test_the_same_verdicts_as_the_command_line(fault, tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY["DEEPSEEK_API_KEY"])
    with spawn(deviate=fault, ttft_ms=0, itl_ms=0) as mock:
        code = run(["check", mock.url, "--suite", "smoke", "--out", str(tmp_path / "cli")])
        options = [
            "--pyargs",
            "echosounder.conformance.suite",
            "--echo-target",
            mock.url,
            "--echo-suite",
            "smoke",
            "--echo-out",
            str(tmp_path / "pytest"),
        ]
        process = pytest_run(*options, cwd=tmp_path)
    assert process.returncode == code == len(fault), process.stdout + process.stderr
    assert run(["score", str(tmp_path / "pytest")]) == code
    assert verdicts(tmp_path / "pytest") == verdicts(tmp_path / "cli")


TIMED = {"stream.headers-early", "stream.unbuffered", "stream.flows"}
"""Judged by the clock: two runs on a busy machine may differ."""


def verdicts(folder):
    return {
        row["id"]: row["verdict"]
        for row in json.loads((folder / "report.json").read_text(encoding="utf-8"))["requirements"]
        if row["id"] not in TIMED
    }


def test_a_client_is_judged_as_by_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONUTF8", "1")  # the client's prompt is not ASCII
    command = f"{shlex.quote(sys.executable)} -m echosounder.conformance.client.drivers.httpx_by_hand"
    only = ["--echo-only", "client.cut-stream-is-error", "--echo-only", "client.no-legacy-members"]
    suite = ["--pyargs", "echosounder.conformance.suite", "--echo-suite", "smoke"]
    process = pytest_run(*suite, "--echo-client", command, *only, "--echo-out", str(tmp_path / "run"), cwd=tmp_path)
    assert process.returncode == 0, process.stdout + process.stderr
    assert "2 passed" in process.stdout
    assert set(verdicts(tmp_path / "run").values()) == {"pass"}


def test_the_plugin_is_inert_unless_asked(tmp_path):
    (tmp_path / "test_theirs.py").write_text("def test_theirs():\n    pass\n", encoding="utf-8")
    process = pytest_run(cwd=tmp_path)
    assert process.returncode == 0
    assert "1 passed" in process.stdout
    assert "echosounder" not in process.stdout
