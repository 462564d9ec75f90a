"""`load` and `calibrate` from the command line: what is wrong is said in one line in the words of the options, and help is whole."""

import json
import re
from pathlib import Path

import pytest
import typer.main

from echosounder.__main__ import registered, run
from echosounder.cli.settings import FILE
from echosounder.load.experiments import EXPERIMENTS
from echosounder.mock_server.net.process import spawn
from echosounder.wire.errors import UsageError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-test-0123456789")


NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--duration", "0s"], "--duration must be between 0.1 and 604800 s, not 0 s"),
        (["--timeout", "0"], "--timeout must be between 0.05"),
        (["--prometheus", "99999"], "--prometheus must be between 1 and 65535, not 99999"),
        (["--web", "99999"], "--web must be between 1 and 65535, not 99999"),
        (["--expect-workers", "4"], "--expect-workers is the number of workers that a --master waits for"),
        (["--expect-workers", "-1"], "Invalid value for '--expect-workers'"),
        (["--worker", "127.0.0.1:5", "--processes", "2"], "--processes is for workers of one machine"),
        (["--ca-file", "nope.pem"], "cannot read certificates from --ca-file nope.pem: No such file or directory"),
        (["--budget-requests", "0"], "--budget-requests must be between 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_work_is_one_line_in_the_words_of_the_options(arguments, says, capsys):
    assert run(["load", "streaming", NOWHERE, *arguments]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert says in said.err


@pytest.fixture
def told(monkeypatch):
    """Runs a command line up to the engine, and gives the options that it was told."""
    options = []

    def stop(settings, progress):
        options.append(settings)
        raise UsageError("far enough")

    monkeypatch.setattr("echosounder.load.engine.run", stop)
    monkeypatch.setitem(EXPERIMENTS, "rate-limit", stop)

    def tell(scenario, *arguments):
        assert run(["load", scenario, NOWHERE, *arguments]) == 2
        return options[-1]

    return tell


def test_each_load_draws_a_seed_of_its_own_unless_one_is_given(told):
    assert len({told("streaming").seed for _ in range(5)}) == 5
    assert told("streaming", "--seed", "0").seed == 0
    assert told("rate-limit").seed == 0, "an experiment asks what it always asks"


def traced(folder, offsets):
    path = folder / "trace.jsonl"
    lines = (json.dumps({"offset": offset, "prompt_tokens": 9, "output_tokens": 2}) + "\n" for offset in offsets)
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def test_a_trace_is_replayed_to_its_end_unless_a_duration_is_given(told, tmp_path):
    trace = traced(tmp_path, range(90))
    assert 89 < told("streaming", "--trace", trace).duration < 89.1
    assert told("streaming", "--trace", trace, "--duration", "3s").duration == 3.0
    assert (told("streaming").duration, told("rate-limit").duration) == (30.0, 300.0)


JUDGED = {0, 4}  # a busy machine may make a measurement invalid, which is not the question here
SHORT = ["--users", "4", "--duration", "500ms", "--output-tokens", "3"]


def test_prompts_of_one_run_are_not_cached_for_the_next_but_where_its_seed_is_given_again(capsys):
    with spawn(ttft_ms=2, itl_ms=0.2) as mock:

        def hits(*seed):
            """The seed that the run named, how many requests it sent, and the share of its prompt tokens that were cached."""
            assert run(["load", "streaming", mock.url, *SHORT, *seed, "--out", "run"]) in JUDGED
            (named,) = re.findall(r"^seed (\d+):", capsys.readouterr().out, re.MULTILINE)
            report = json.loads(Path("run/report.json").read_text(encoding="utf-8"))
            assert int(named) == report["load"]["seed"]
            return named, report["counts"]["sent"], report["cache"]["hit_ratio"]

        assert hits()[2] == 0.0
        seed, before, ratio = hits()
        assert ratio == 0.0
        _, sent, ratio = hits("--seed", seed)
        assert ratio > 0.5 * min(1, before / sent)  # a run has time for more requests than the one before it


def test_what_of_a_trace_a_short_run_leaves_out_is_said(tmp_path, capsys):
    trace = traced(tmp_path, [number / 10 for number in range(8)])
    with spawn(ttft_ms=2, itl_ms=0.2) as mock:
        words = ["load", "streaming", mock.url, "--trace", trace, "--out", "run"]
        assert run([*words, "--duration", "250ms"]) in JUDGED
    assert "requests of the trace that are due after --duration and were not sent: 5" in capsys.readouterr().err
    report = json.loads(Path("run/report.json").read_text(encoding="utf-8"))
    assert (report["counts"]["sent"], report["load"]["beyond_duration"]) == (3, 5)


def commands(tmp_path):
    return typer.main.get_command(registered([], tmp_path / FILE)).commands


def test_no_help_hides_a_default_in_brackets(tmp_path):
    """Help is read as markup, which takes what is in brackets for a style."""
    helps = [option.help or "" for command in commands(tmp_path).values() for option in command.params]
    assert [text for text in helps if "[" in text] == []


def test_help_says_which_options_are_durations(tmp_path):
    shown = {option.name: option.metavar for option in commands(tmp_path)["load"].params}
    assert {shown[name] for name in ("duration", "warmup", "drain", "timeout")} == {"DURATION"}
