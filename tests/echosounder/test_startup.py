"""Nothing is imported before it is needed: not by help, not by the version, not by the plugin that every pytest loads."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import echosounder.__main__ as program
from echosounder.conformance import pytest_plugin
from echosounder.judgement.setting import Suite

IMPORTED = "\nimport sys; print(*sorted(sys.modules))"
CPU = "\nimport time; print(time.process_time())"


def python(code, *arguments):
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, encoding="utf-8", timeout=60).stdout


def shown(*arguments):
    """What the installed command does, but for its end."""
    return (
        f"import sys; sys.argv = ['echosounder', *{arguments}]\n"
        "from echosounder.__main__ import in_every_locale, run; in_every_locale(); run(sys.argv[1:])"
    )


@pytest.mark.parametrize("line", [(), ("--help",), ("--version",), ("chek",)], ids=" ".join)
def test_a_line_that_names_no_command_imports_none(line):
    imported = set(python(shown(*line) + IMPORTED).splitlines()[-1].split())
    assert not imported & {
        "yaml",
        "httpx",
        "hypothesis",
        "openapi_core",
        "jinja2",
        "gevent",
        "locust",
        "pytest",
        "asyncio",
    }
    assert not {name for name in imported if name.startswith("echosounder.cli.")} - {
        "echosounder.cli.complete", "echosounder.cli.said", "echosounder.cli.settings"
    }  # fmt: skip


def test_who_sends_no_generated_requests_does_not_import_their_generators():
    imported = set(python(shown("plan", "--suite", "standard") + IMPORTED).splitlines()[-1].split())
    assert "echosounder.conformance.probes.generated" in imported
    assert "hypothesis" not in imported


def test_help_costs_little_more_than_the_library_that_prints_it():
    """0.15 s where Python and Typer with Rich alone take 0.12 s; importing the commands costs ten times that."""
    library = min(float(python("import typer.main, typer.rich_utils, rich.table" + CPU)) for _ in range(3))
    ours = min(float(python(shown("--help") + CPU).splitlines()[-1]) for _ in range(3))
    assert ours < 3 * library


def test_the_outline_says_what_the_commands_say():
    outline = typer.main.get_command(program.outlined()).commands
    real = typer.main.get_command(program.registered([], Path("no-settings.toml"))).commands
    assert {name: one.help for name, one in outline.items()} == {name: real[name].help for name in program.COMMANDS}
    assert all(one.help for one in outline.values())


def test_the_plugin_imports_nothing_until_it_is_asked():
    before = set(python("import pytest, _pytest.config" + IMPORTED).split())
    after = set(
        python("import pytest, _pytest.config; import echosounder.conformance.pytest_plugin" + IMPORTED).split()
    )
    assert after - before == {"echosounder", "echosounder.conformance", "echosounder.conformance.pytest_plugin"}


def test_the_plugin_costs_an_unrelated_run_less_than_5_ms():
    """CPU time of import and options, the best of five: far below the bound where nothing is imported, far above where anything is."""
    code = """
import pytest, time
from _pytest.config.argparsing import Parser
parser = Parser(_ispytest=True)
begin = time.process_time()
from echosounder.conformance import pytest_plugin
pytest_plugin.pytest_addoption(parser)
print(time.process_time() - begin)
"""
    assert min(float(python(code)) for _ in range(5)) < 0.005


def test_the_plugin_offers_the_suites_that_there_are():
    offered = dict(pytest_plugin.OPTIONS)["--echo-suite"]["choices"]
    assert offered == tuple(suite.name.lower() for suite in Suite)
