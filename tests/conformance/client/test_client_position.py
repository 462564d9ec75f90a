"""Deliberately bad clients are found and named, an honest one is clean; and commands that give nothing to judge are told so."""

import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.wire.runlog import read

CLIENTS = Path(__file__).parent / "clients"
PYTHON = partial(lambda name: [sys.executable, str(CLIENTS / name)])


@pytest.fixture(autouse=True)
def readable(monkeypatch):
    """The prompts are not ASCII: a client reads them in whatever locale the tests run in."""
    monkeypatch.setenv("PYTHONUTF8", "1")


def judged(out, *arguments, command):
    """The exit code, and the requirements of the report by id."""
    code = run(["client", "--out", str(out), "--parallel", "3", *arguments, "--", *command])
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return code, {row["id"]: row for row in report["requirements"]}, report


def told(row):
    return " ".join(finding["message"] for finding in row["findings"])


BAD = {
    "splits_at_reads.py": ("client.split-reads", "one-byte-writes"),
    "trusts_a_cut.py": ("client.cut-stream-is-error", "stream-cut:after=4"),
    "retries_for_ever.py": ("client.retries-bounded", "sent"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_client_is_found_and_named(name, tmp_path, capsys):
    requirement, word = BAD[name]
    code, rows, report = judged(
        tmp_path,
        "--suite",
        "smoke",
        "--timeout",
        "2s",
        "--only",
        requirement,
        "--only",
        "client.key-*",
        command=PYTHON(name),
    )
    assert (code, report["verdict"], rows[requirement]["verdict"]) == (1, "deviates", "fail")
    assert word in told(rows[requirement])
    finding = rows[requirement]["findings"][0]
    assert any(exchange.id == finding["exchange"] for exchange in read(tmp_path).exchanges)  # the bytes that show it
    leaks = rows["client.key-not-shown"]
    assert leaks["verdict"] == ("fail" if name == "retries_for_ever.py" else "pass")
    if name == "trusts_a_cut.py":
        assert run(["replay", str(tmp_path), finding["exchange"]]) == 1
        assert "STILL" in capsys.readouterr().out
    assert "sk-echo-" not in (tmp_path / "run.jsonl").read_text(encoding="utf-8") + capsys.readouterr().out


def test_an_honest_client_is_clean(tmp_path):
    only = ("answers*", "split-reads", "cut-*", "request-*", "no-retry-refused-key")
    patterns = [word for name in only for word in ("--only", f"client.{name}")]
    code, rows, report = judged(tmp_path, "--suite", "smoke", *patterns, command=PYTHON("honest.py"))
    assert {id: told(row) for id, row in rows.items() if row["verdict"] not in ("pass", "not-applicable")} == {}
    assert (code, report["verdict"], report["target"]["position"]) == (0, "conforms", "client")
    assert run(["score", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == report


@pytest.mark.field
def test_an_honest_client_of_forty_lines_is_clean_in_every_scenario(tmp_path):
    lines = (CLIENTS / "honest.py").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line and not line.startswith(("import ", '"""'))]) <= 45
    code, rows, _ = judged(tmp_path, "--suite", "thorough", command=PYTHON("honest.py"))
    assert {id: told(row) for id, row in rows.items() if row["verdict"] not in ("pass", "not-applicable")} == {}
    assert code == 0


SHELL = {
    "does not exist": (["./no-such-client"], 2, "there is no command './no-such-client'"),
    "no command": ([], 2, "no command|Missing argument"),
    "never connects": ([sys.executable, "-c", "print('hello')"], 3, "sent no request to the mock"),
    "fails to start": ([sys.executable, "-c", "raise SystemExit('no module named x')"], 3, "no module named x"),
    "ignores the base URL": (
        [
            sys.executable,
            "-c",
            "import urllib.request as u; u.urlopen('http://127.0.0.1:9/v1/chat/completions', b'{}')",
        ],
        3,
        "base URL",
    ),
    "asks no model": (
        [sys.executable, "-c", "import urllib.request as u; u.urlopen('{root_url}/models')"],
        3,
        "sent no model request, only GET /models",
    ),
    "runs for ever": ([sys.executable, "-c", "while True: __import__('time').sleep(1)"], 3, "ran for 1 s"),
    "declines everything": ([sys.executable, "-c", "raise SystemExit(64)"], 3, "declined every use"),
}


@pytest.mark.parametrize("name", SHELL)
def test_a_command_that_gives_nothing_to_judge_is_one_line(name, tmp_path, capsys):
    command, code, message = SHELL[name]
    found = run(
        [
            "client",
            "--suite",
            "smoke",
            "--timeout",
            "1s",
            "--out",
            str(tmp_path),
            *(["--", *command] if command else []),
        ]
    )
    said = capsys.readouterr().err
    assert found == code
    assert any(part in said for part in message.split("|"))
    assert len(said.strip().splitlines()) == 1


SILENT = """
import json, os, urllib.request
body = {"model": os.environ["ECHO_MODEL"], "messages": [{"role": "user", "content": "hello"}]}
head = {"authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "content-type": "application/json", "user-agent": "silent/1"}
asked = urllib.request.Request(os.environ["OPENAI_BASE_URL"] + "/chat/completions", json.dumps(body).encode(), head)
urllib.request.urlopen(asked).read()
"""


def test_a_command_that_prints_nothing_is_judged_by_its_status(tmp_path):
    code, rows, _ = judged(
        tmp_path,
        "--suite",
        "smoke",
        "--only",
        "client.prints",
        "--only",
        "client.*-is-error",
        command=[sys.executable, "-c", SILENT],
    )
    assert rows["client.prints"]["verdict"] == "nonstrict"
    assert rows["client.cut-document-is-error"]["verdict"] == "pass"  # urllib raises
    assert code == 0


def test_children_are_counted_and_stopped(tmp_path):
    left = tmp_path / "left"
    child = f"import os, time, pathlib; os.setsid(); pathlib.Path({str(left)!r}).open('a').write(f'{{os.getpid()}}\\n'); time.sleep(60)"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(0.3)"
    only = ("--only", "client.no-children", "--suite", "smoke")
    _, rows, _ = judged(tmp_path / "run", *only, command=[sys.executable, "-c", f"{SILENT}\nexec({parent!r})"])
    assert rows["client.no-children"]["verdict"] == "fail"
    assert "left 1 processes running" in told(rows["client.no-children"])
    pids = [int(line) for line in left.read_text(encoding="utf-8").split()]
    time.sleep(0.1)
    assert pids
    assert [
        pid
        for pid in pids
        if subprocess.run(["ps", "-o", "stat=", str(pid)], capture_output=True, check=False).stdout[:1]
        not in (b"", b"Z")
    ] == []


def test_the_time_is_a_budget(tmp_path, capsys):
    code = run(
        ["client", "--suite", "smoke", "--budget-time", "1ms", "--out", str(tmp_path), "--", *PYTHON("honest.py")]
    )
    assert code == 3
    assert "the time of 0.001 s is spent" in capsys.readouterr().err


def test_ctrl_c_stops_the_commands_and_finishes_the_log(tmp_path):
    forever = [sys.executable, "-c", SILENT + "\nimport time; time.sleep(120)"]
    command = [
        sys.executable,
        "-m",
        "echosounder",
        "client",
        "--suite",
        "smoke",
        "--timeout",
        "110s",
        "--out",
        str(tmp_path),
        "--",
        *forever,
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, encoding="utf-8") as process:
        deadline = time.monotonic() + 50
        while not (tmp_path / "run.jsonl").exists() or not (tmp_path / "run.jsonl").stat().st_size:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.5)  # commands are being started
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=50)[1]
    assert process.returncode == 3
    assert "interrupted" in said
    assert read(tmp_path).footer["interrupted"] == "KeyboardInterrupt"
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, encoding="utf-8", check=True).stdout
    assert str(tmp_path) not in running
