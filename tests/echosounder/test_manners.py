"""What a command line owes whoever types it: help, durations with units, folders of its own, whole lines in a pipe, signs of life."""

import io
import os
import re
import subprocess
import sys
from contextlib import suppress

import pytest
from rich.console import Console
from rich.table import Table

import echosounder.load.engine
from echosounder.__main__ import COMMANDS, run
from echosounder.cli import printed, results
from echosounder.cli.duration import measured
from echosounder.cli.progress import LATEST, SOONEST, Lines
from echosounder.wire.errors import UsageError
from echosounder.wire.files import fresh

NOWHERE = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize("command", COMMANDS)
def test_h_is_help(command, capsys):
    assert run([command, "-h"]) == 0
    assert f"Usage: echosounder {command}" in " ".join(capsys.readouterr().out.split())


def test_no_arguments_show_what_there_is(capsys):
    assert run([]) == 0
    said = capsys.readouterr()
    assert all(name in said.out for name in COMMANDS)
    assert said.err == ""


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("30s", "s", 30),
        ("2m", "s", 120),
        ("500ms", "s", 0.5),
        ("1h", "s", 3600),
        ("7", "s", 7),
        (7.5, "s", 7.5),
        ("7", "ms", 7),
        ("2s", "ms", 2000),
        ("20us", "ms", 0.02),
        ("1 m", "s", 60),
    ],
)
def test_a_duration_has_a_unit_or_that_of_its_option(text, unit, value):
    assert measured(text, unit) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "s", "30x", "1s2", "nan", "inf", "1e999", "-1s", "m5", "1mm"])
def test_what_is_no_duration(text):
    with pytest.raises(UsageError, match="not a duration"):
        measured(text, "s")


@pytest.mark.parametrize(
    "line",
    [
        ["check", NOWHERE, "--timeout", "30s"],
        ["doctor", NOWHERE, "--timeout", "300ms"],
        ["plan", "--deadline", "5m", "--suite", "smoke"],
    ],
    ids=" ".join,
)
def test_times_are_taken_with_units(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(line) == (0 if line[0] == "plan" else 3)  # 2 would be that the time was not understood


@pytest.mark.parametrize(
    ("words", "scenario"),
    [
        ([NOWHERE], "streaming"),
        (["fim", NOWHERE], "fim"),
        ([NOWHERE, "fim"], "fim"),
    ],
)
def test_load_finds_out_which_word_is_the_url(words, scenario, tmp_path, monkeypatch):
    seen = []

    def stop(settings, progress):
        seen.append((settings.scenario, settings.url))
        raise UsageError("far enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(echosounder.load.engine, "run", stop)
    assert run(["load", *words]) == 2
    assert seen == [(scenario, NOWHERE)]


def test_the_url_of_the_line_is_stronger_than_that_of_the_variable(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ECHOSOUNDER_URL", "http://127.0.0.1:7/v1")
    assert run(["load", NOWHERE, "--duration", "100ms"]) == 3
    assert NOWHERE in capsys.readouterr().err


def test_runs_that_begin_in_one_second_have_folders_of_their_own(tmp_path):
    made = [fresh("check", tmp_path / "runs") for _ in range(20)]
    assert len(set(made)) == 20
    assert all(each.is_dir() for each in made)
    assert all(re.fullmatch(r"\d{8}-\d{6}-check(-\d+)?", each.name) for each in made)


@pytest.mark.parametrize("there", [False, True], ids=["a new folder", "a folder that was there"])
def test_wrong_usage_removes_what_was_made_for_the_run_and_nothing_else(there, tmp_path):
    out = tmp_path / "a" / "b"
    if there:
        out.mkdir(parents=True)
        (out / "notes").write_text("mine", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="too late"), results.folder(out, "check"):
        raise UsageError("too late")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_run_has_written_stays_whatever_ends_it(tmp_path):
    with suppress(UsageError), results.folder(tmp_path / "out", "check") as folder:
        (folder / "run.jsonl").write_text("{}\n", encoding="utf-8")
        raise UsageError("late")
    assert (tmp_path / "out" / "run.jsonl").read_text(encoding="utf-8") == "{}\n"


def test_a_table_in_a_pipe_is_whole(capsys):
    table = Table("probe", "what for")
    table.add_row("p" * 90, "w" * 400)
    printed.console().print(table)
    assert f"{'p' * 90} │ {'w' * 400}" in capsys.readouterr().out


def test_the_plan_in_a_pipe_cuts_nothing(capsys):
    assert run(["plan"]) == 0
    assert "…" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["--help"], ["list", "requirements"], ["explain", "models.tested-model-listed", "--json"], ["plan"]],
    ids=" ".join,
)
def test_a_reader_that_stops_reading_is_no_deviation(words):
    """As in `echosounder list | head -1`: exit code 1 would accuse a target."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "echosounder", *words],
            check=False,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (3, b"")


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def lines(steps, total=100):
    """What is printed of *steps*: pairs of seconds and of how much is done by then."""
    said, clock = io.StringIO(), Clock()
    progress = Lines("check", Console(file=said, width=200), clock)
    task = progress.add_task("", total=None)
    for clock.now, done in steps:
        progress.update(task, completed=done, total=total, description="chat.stream")
    return said.getvalue().splitlines()


def test_progress_without_a_terminal_is_a_line_for_each_tenth():
    assert lines((each, each) for each in range(1, 101)) == [
        f"check: {done} of 100 after {done} s: chat.stream" for done in range(10, 101, 10)
    ]


def test_a_short_run_prints_no_progress():
    assert lines([(0.5, 20), (1.0, 60), (SOONEST - 0.1, 100)]) == []


def test_a_long_step_shows_that_it_lives():
    assert lines([(LATEST - 1, 3), (LATEST, 3)]) == [f"check: 3 of 100 after {LATEST:.0f} s: chat.stream"]


def test_a_total_that_is_not_known_is_left_out():
    assert lines([(LATEST, 5)], total=None) == [f"check: 5 after {LATEST:.0f} s: chat.stream"]
