"""`load` and `calibrate` from the command line: what is wrong is said in one line in the words of the options, and help is whole."""

import pytest
import typer.main

from echosounder.__main__ import registered, run
from echosounder.settings import FILE


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-test-0123456789")


NOWHERE = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--duration", "0s"], "--duration must be between 0.1 and 604800, not 0.0"),
        (["--timeout", "0"], "--timeout must be between 0.05"),
        (["--prometheus", "99999"], "--prometheus must be between 1 and 65535, not 99999"),
        (["--web", "99999"], "--web must be between 1 and 65535, not 99999"),
        (["--expect-workers", "4"], "--expect-workers is how many a --master waits for"),
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


def commands(tmp_path):
    return typer.main.get_command(registered([], tmp_path / FILE)).commands


def test_no_help_hides_a_default_in_brackets(tmp_path):
    """Help is read as markup, which takes what is in brackets for a style."""
    helps = [option.help or "" for command in commands(tmp_path).values() for option in command.params]
    assert [text for text in helps if "[" in text] == []


def test_help_says_which_options_are_durations(tmp_path):
    shown = {option.name: option.metavar for option in commands(tmp_path)["load"].params}
    assert {shown[name] for name in ("duration", "warmup", "drain", "timeout")} == {"DURATION"}
