"""A profile belongs to a vendor, is ordered within it, and is refused in one line where something does not know it."""

import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echosounder import specs
from echosounder.specs import vendors

HOUSE = Path(specs.__file__).parents[1]
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def house(tmp_path):
    """The product with data of its own: ``specs`` is a copy, the rest is linked."""
    for entry in HOUSE.iterdir():
        if entry.name not in ("specs", "__pycache__"):
            (tmp_path / "echosounder").mkdir(exist_ok=True)
            (tmp_path / "echosounder" / entry.name).symlink_to(entry.resolve())
    shutil.copytree(HOUSE / "specs", tmp_path / "echosounder" / "specs", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def another_vendor(house, *files):
    """The vendor ``acme`` with a profile of the same name, made of copies of the files of the vendor openai."""
    here = house / "echosounder" / "specs" / "vendors"
    (here / "acme" / "profiles").mkdir(parents=True)
    shutil.copy(here / "openai" / "profiles" / "openai.yaml", here / "acme" / "profiles" / "acme.yaml")
    for file in files:
        text = (here / "openai" / file).read_text(encoding="utf-8")
        (here / "acme" / file).write_text(text.replace("\nopenai:", "\nacme:"), encoding="utf-8")


def run(house, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "echosounder", *arguments],
        cwd=house,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("files", "command", "missing"),
    [
        ([], ["plan"], "specs/vendors/acme/limits.yaml"),
        (["behaviour.yaml"], ["plan"], "specs/vendors/acme/limits.yaml"),
        (["limits.yaml"], ["plan"], "specs/vendors/acme/behaviour.yaml"),
        (["limits.yaml"], ["mock", "--port", "0"], "specs/vendors/acme/behaviour.yaml"),
        (["limits.yaml", "behaviour.yaml"], ["plan"], "no requirement holds for profile 'acme'"),
        (["limits.yaml", "behaviour.yaml"], ["check"], "no requirement holds for profile 'acme'"),
    ],
)
def test_what_does_not_know_a_profile_is_named_in_one_line(house, files, command, missing):
    another_vendor(house, *files)
    refused = run(house, *command, "--profile", "acme")
    assert refused.returncode == 2
    assert missing in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""


def test_a_vendor_that_requirements_name_is_held_to_them(house):
    another_vendor(house, "limits.yaml", "behaviour.yaml")
    rows = house / "echosounder" / "specs" / "requirements" / "stream.yaml"
    text = rows.read_text(encoding="utf-8")
    rows.write_text(text.replace("  level: MUST\n", "  level: MUST\n  vendors: [acme]\n", 1), encoding="utf-8")
    assert "requests" in run(house, "plan", "--profile", "acme").stdout


def test_a_price_that_nobody_knows_is_named_in_one_line(house):
    """The mock would have nothing to bill by."""
    another_vendor(house, "limits.yaml", "behaviour.yaml")
    limits = house / "echosounder" / "specs" / "vendors" / "acme" / "limits.yaml"
    limits.write_text(limits.read_text(encoding="utf-8").replace("deepseek-v4-flash", "acme-1"), encoding="utf-8")
    refused = run(house, "mock", "--port", "0", "--profile", "acme")
    assert refused.returncode == 2
    assert "no USD price of 'acme-1'" in " ".join(refused.stderr.split())


@pytest.mark.parametrize("name", specs.PROFILES)
def test_a_profile_stands_until_the_next_of_its_vendor(name):
    about = specs.profile(name)
    mine = [each for each in map(specs.profile, specs.PROFILES) if each.vendor == about.vendor]
    after = mine[mine.index(about) + 1 :]
    assert about.ends == (after[0].begins if after else None)
    assert about.priced(about.begins) == about.begins
    assert about.priced(about.begins - AN_HOUR) == about.priced_at
    if about.ends:
        assert about.priced(about.ends - AN_HOUR) == about.ends - AN_HOUR
        assert about.priced(about.ends) == about.priced_at


SPANS = [  # since, until, profiles that it holds for, others
    (None, None, ["2024-07", "2026-08", "openai"], []),
    ("2025-01", None, ["2025-01", "2026-08", "openai"], ["2024-12"]),
    (None, "2025-12", ["2024-07", "2025-12"], ["2026-04", "openai"]),
    ("2025-08", "2025-12", ["2025-08", "2025-12"], ["2025-01", "2026-04", "openai"]),
    ("openai", None, ["openai", "2024-07", "2026-08"], []),
    (None, "openai", ["openai"], ["2024-07", "2026-08"]),
]


@pytest.mark.parametrize(("since", "until", "held", "free"), SPANS)
def test_dates_compare_within_a_vendor_only(since, until, held, free):
    row = replace(specs.requirement("stream.ends-with-done"), since=since, until=until)
    assert {name: row.admits(name) for name in (*held, *free)} == dict.fromkeys(held, True) | dict.fromkeys(free, False)


def test_a_profile_without_a_row_is_refused(monkeypatch):
    monkeypatch.setitem(vendors.VENDOR_OF, "2031-01", "deepseek")
    for call, file in ((specs.limits, "limits"), (specs.behaviour, "behaviour")):
        with pytest.raises(specs.SpecError, match=f"'2031-01' has no row in specs/vendors/deepseek/{file}.yaml"):
            call("2031-01")


@pytest.mark.parametrize(
    ("profile", "path", "format"),
    [
        ("2026-08", "/chat/completions", "chat"),
        ("2026-08", "/beta/chat/completions/", "chat"),
        ("2026-08", "/v1/chat/completions?x=1", "chat"),
        ("2026-08", "/beta/completions", "fim"),
        ("2026-08", "/models", None),
        ("2026-08", "/responses", "responses"),
        ("2026-04", "/responses", None),
        ("2026-04", "/anthropic/v1/messages", "messages"),
        ("2026-08", "/anthropic/messages", None),
        ("2026-11", "/anthropic/messages", "messages"),
        ("2025-01", "/anthropic/v1/messages", None),
        ("openai", "/beta/completions", None),
        ("openai", "/chat/completions", "chat"),
    ],
)
def test_an_unknown_path_is_no_format(profile, path, format):
    assert specs.behaviour(profile).format_of(path) == format


def test_instants_are_aware():
    assert all(specs.profile(name).begins.tzinfo is not None for name in specs.PROFILES)
    assert specs.profile("2026-08").begins == datetime(2026, 8, 16, tzinfo=UTC)
