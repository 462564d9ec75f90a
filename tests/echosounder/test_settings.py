"""The settings file: precedence, and nothing silently ignored."""

import pytest

from echosounder.__main__ import run
from echosounder.cli.settings import defaults
from echosounder.wire.errors import UsageError

OPTIONS = {"check": frozenset({"profile", "suite", "api_key_env"}), "load": frozenset({"profile", "users"})}


def write(tmp_path, text):
    path = tmp_path / "echosounder.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_common_keys_reach_the_commands_that_have_them(tmp_path):
    path = write(tmp_path, 'profile = "openai"\napi-key-env = "K"\n[load]\nusers = 3\nprofile = "2026-04"')
    assert defaults(path, OPTIONS) == {
        "check": {"profile": "openai", "api_key_env": "K"},
        "load": {"profile": "2026-04", "users": 3},
    }


def test_no_file_no_defaults(tmp_path):
    assert defaults(tmp_path / "none.toml", OPTIONS) == {"check": {}, "load": {}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("profil = 'x'", "unknown key 'profil'; did you mean 'profile'"),
        ("[check]\nusers = 3", r"unknown \[check\] key 'users'"),
        ("[chekc]", "unknown table key 'chekc'; did you mean 'check'"),
        ("profile = ", "echosounder init"),
    ],
)
def test_a_key_that_would_do_nothing_is_refused(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        defaults(write(tmp_path, text), OPTIONS)


def test_init_writes_settings_that_load_and_never_overwrites(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    uncommented = [
        line.removeprefix("# ")
        for line in (tmp_path / "echosounder.toml").read_text(encoding="utf-8").splitlines()
        if "=" in line or "[" in line
    ]
    (tmp_path / "all.toml").write_text("\n".join(uncommented), encoding="utf-8")
    assert run(["--config", "all.toml", "doctor", "--timeout", "1"]) in {0, 3}
    assert run(["init"]) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("spelling", [["--config", "mine.toml"], ["--config=mine.toml"]], ids=["two words", "one word"])
def test_a_settings_file_that_is_named_is_read_or_missed_aloud(spelling, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run([*spelling, "plan"]) == 2
    assert "no settings file mine.toml" in capsys.readouterr().err
    (tmp_path / "mine.toml").write_text('profile = "2023-01"', encoding="utf-8")
    assert run([*spelling, "plan"]) == 2
    assert "2023-01" in capsys.readouterr().err
