"""The Tab key: commands, options and the names that data give, as a shell asks for them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import echosounder.__main__ as cli

# command, parameter, what was typed, some of what is offered
VALUES = [
    ("check", "profile", "2025", {"2025-01", "2025-08", "2025-12"}),
    ("check", "only", "stream.ends", {"stream.ends-with-done"}),
    ("plan", "only", "usage.total", {"usage.total-is-sum"}),
    ("check", "suite", "s", {"smoke", "standard"}),
    ("load", "scenario", "", {"streaming", "rate-limit", "cache-pricing", "fim", "mixed"}),
    ("load", "profile", "open", {"openai"}),
    ("mock", "deviate", "usage-sum", {"usage-sum-mismatch"}),
    ("mock", "profile", "2024", {"2024-07", "2024-12"}),
    ("explain", "id", "missing-done", {"missing-done"}),
    ("explain", "id", "stream.ends", {"stream.ends-with-done"}),
    ("explain", "id", "rate-l", {"rate-limit"}),
    ("list", "kind", "p", {"probes", "profiles"}),
    ("list", "profile", "openai", {"openai"}),
    ("report", "format", "s", {"shields", "sarif"}),
]


@pytest.mark.parametrize(("command", "parameter", "typed", "offered"), VALUES)
def test_a_value_is_completed_from_the_data(command, parameter, typed, offered):
    group = typer.main.get_command(cli.registered([], Path("no-settings.toml")))
    found = next(one for one in group.commands[command].params if one.name == parameter)
    with group.commands[command].make_context(command, [], resilient_parsing=True) as context:
        values = [item.value for item in found.shell_complete(context, typed)]
    assert offered <= set(values)
    assert all(value.startswith(typed) for value in values)


def asked(line, folder, **variables):
    """What the installed program prints when bash asks to complete the last word of *line*."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    env = os.environ | {"_ECHOSOUNDER_COMPLETE": "complete_bash"} | words | variables
    command = [sys.executable, "-m", "echosounder"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, encoding="utf-8", check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


def test_every_command_is_offered_even_beside_broken_settings(tmp_path):
    (tmp_path / "echosounder.toml").write_text("profil =", encoding="utf-8")
    assert asked("echosounder ", tmp_path) == list(cli.COMMANDS)
    assert asked("echosounder rep", tmp_path) == ["replay", "report"]


def test_options_and_values_of_the_command_in_the_line_are_offered(tmp_path):
    assert asked("echosounder doctor --time", tmp_path) == ["--timeout"]
    assert asked("echosounder mock --deviate missing-d", tmp_path) == ["missing-done"]


def test_other_shells_get_the_titles_too(tmp_path):
    line = {"_ECHOSOUNDER_COMPLETE": "complete_fish", "_TYPER_COMPLETE_ARGS": "echosounder explain fim.stre"}
    assert "fim.stream" in asked("", tmp_path, **line, _TYPER_COMPLETE_FISH_ACTION="get-args")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_program_gives_the_script_that_a_shell_needs(shell, tmp_path):
    """By the variable of typer, since ``--show-completion`` asks which shell is running."""
    assert f"_ECHOSOUNDER_COMPLETE=complete_{shell}" in asked("", tmp_path, _ECHOSOUNDER_COMPLETE=f"source_{shell}")
