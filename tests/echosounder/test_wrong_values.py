"""Every option of every command once with a value that cannot be: one line that names it, exit code 2, and nothing left behind."""

import os
import shutil
from pathlib import Path

import pytest
import typer.main

from echosounder.__main__ import COMMANDS, registered, run

TARGET = "http://127.0.0.1:9"  # nobody listens there: a value that is let through ends with exit code 3
SAMPLE = Path(__file__).parents[2] / "reports" / "samples" / "check"
SPEC = '{"openapi": "3.1.0", "paths": {}}'
HAR = '{"log": {"entries": []}}'

LINES = {
    "check": [TARGET],
    "client": ["--", "true"],
    "plan": [],
    "list": [],
    "explain": ["http.status-200"],
    "score": ["empty.har"],
    "baseline": ["write", "run"],
    "replay": ["run", "5"],
    "listen": ["--upstream", TARGET, "--duration", "100ms"],
    "load": ["streaming", TARGET, "--duration", "200ms"],
    "calibrate": ["--streams", "1", "--rate", "10", "--no-save"],
    "mock": ["--while-stdin"],
    "selftest": [],
    "compare": [TARGET, TARGET, "--live"],
    "matrix": ["run"],
    "report": ["run"],
    "history": ["run"],
    "settle": [TARGET, "--yes"],
    "spec-diff": ["openapi.json"],
    "init": [],
    "doctor": [TARGET],
}
"""What a command is given besides the wrong value: enough to get to work, and to end soon."""

WRONG = {
    "action": "nosuch",
    "after": "not a URL",
    "also_after": "nosuch",
    "also_before": "nosuch",
    "arrival": "nosuch",
    "auth_header": "two words",
    "balance_digits": "1",
    "baseline": "nosuch.toml",
    "before": "not a URL",
    "beta_url": "not a URL",
    "bodies": "nosuch",
    "budget_requests": "x",
    "budget_time": "30x",
    "budget_usd": "x",
    "ca_file": "nosuch.pem",
    "by_input_length": "long",
    "cache": "nosuch",
    "cache_capacity": "-1",
    "cache_interval": "-1",
    "cache_settle_s": "30x",
    "cache_ttl_s": "nan",
    "cache_unit": "0",
    "client_cert": "nosuch.pem",
    "client_key": "nosuch.pem",
    "client_timeout": "-2s",
    "clock": "yesterday",
    "control": "nosuch",
    "currency": "EUR",
    "deadline": "soon",
    "deviate": "nosuch",
    "drain": "-1s",
    "duration": "inf",
    "exchange": "nosuch",
    "exclude": "nosuch.*",
    "expect_workers": "-1",
    "expires": "soon",
    "feature": "nosuch",
    "features": "nosuch",
    "file": "file/baseline.toml",
    "folder": "nosuch",
    "format": "nosuch",
    "granted": "x",
    "hang_up": "sometimes",
    "header": "no colon",
    "host": "192.0.2.1",
    "id": "nosuch",
    "ignore": "(",
    "issues": "nosuch.yaml",
    "itl_ms": "1x",
    "journal": "nosuch/journal.jsonl",
    "journal_size": "-1",
    "keep": "much",
    "keepalive_ms": "0",
    "kind": "nosuch",
    "limit": "nosuch",
    "master": "nosuch:port",
    "max_body": "-1",
    "only": "nosuch.*",
    "out": "file/folder",
    "output_tokens": "0",
    "page": "file/page.html",
    "parallel": "0",
    "passes": "0",
    "path": "file/echosounder.toml",
    "patience": "-1s",
    "policy": "nosuch",
    "port": "99999",
    "prefill_us": "x",
    "prices": "1,2",
    "processes": "0",
    "profile": "nosuch",
    "prometheus": "99999",
    "prompt_tokens": "x",
    "prompts": "nosuch.txt",
    "proxy": "not a URL",
    "queue": "-1",
    "rate": "0",
    "reason": " ",
    "reference": "nosuch",
    "reference_auth_header": "two words",
    "session_header": "two words",
    "reference_header": "no colon",
    "repeat": "0",
    "replay": "nosuch.har",
    "replay_speed": "-1",
    "request_timeout_s": "30x",
    "requests": "0",
    "run": "nosuch",
    "runs": "nosuch",
    "samples": "nosuch/samples.csv",
    "scenario": "nosuch",
    "schedule": "nosuch",
    "seconds": "0s",
    "seed": "x",
    "slo": "nosuch<1",
    "slots": "0",
    "slowdown": "-1",
    "source": "nosuch.json",
    "streams": "0",
    "suite": "nosuch",
    "threshold": "-1",
    "timeout": "30x",
    "times": "0",
    "tokens": "nosuch",
    "topped_up": "x",
    "trace": "nosuch.jsonl",
    "ttft_ms": "inf",
    "upstream": "not a URL",
    "upstream_port": "99999",
    "url": "not a URL",
    "users": "0",
    "warmup": "1x",
    "web": "99999",
    "worker": "nosuch:port",
}
ANY = {
    "api_key_env", "candidate", "client_key_password_env", "command", "model", "other_api_key_env", "reference_key_env", "reference_model"
}  # fmt: skip
"""Options whose every value is right by itself: the name of a variable, of a model."""


def _options():
    program = typer.main.get_command(registered([], Path(os.devnull)))
    for command in COMMANDS:
        for each in program.commands[command].params:
            if each.name != "help" and not getattr(each, "is_flag", False):
                yield command, each


OPTIONS = list(_options())


def test_every_option_has_a_wrong_value():
    assert {each.name for _, each in OPTIONS} - ANY == set(WRONG)


def line(command, option):
    """The command line: an option goes before the rest, an argument takes the place of one."""
    rest, value = ["run", "run"] if option.name == "page" else LINES[command], WRONG[option.name]
    if option.param_type_name == "option":
        wrong = f"{option.opts[0]}={value}"
        return [command, wrong, *rest] if "--" in rest else [command, *rest, wrong]
    place = _arguments(command).index(option.name)
    return [command, *rest[:place], value, *rest[place + 1 :]]


def _arguments(command):
    return [each.name for name, each in OPTIONS if name == command and each.param_type_name == "argument"]


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder with the files that the lines name, and an input that has ended: a mock that starts stops at once."""
    (tmp_path / "run").mkdir()
    for name in ("run.jsonl", "report.json"):
        shutil.copy(SAMPLE / name, tmp_path / "run")
    for name, text in (("file", ""), ("empty.har", HAR), ("openapi.json", SPEC)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    reading, writing = os.pipe()
    os.close(writing)
    with os.fdopen(reading) as ended:
        monkeypatch.setattr("sys.stdin", ended)
        yield tmp_path


@pytest.mark.parametrize(
    ("command", "option"),
    [pytest.param(name, each, id=f"{name}-{each.name}") for name, each in OPTIONS if each.name not in ANY],
)
def test_a_wrong_value_is_one_line_exit_code_2_and_leaves_nothing(command, option, elsewhere, capsys):
    before = sorted(elsewhere.rglob("*"))
    assert run(line(command, option)) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "mistake of Echosounder" not in said
    assert sorted(elsewhere.rglob("*")) == before
