"""The options of pytest as a front end. pytest imports this in every run on a machine where Echosounder is installed.

    pytest --pyargs echosounder.conformance.suite --echo-target http://localhost:8000/v1

So it imports nothing, of ours or of others, until ``--echo-target`` is given.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own would import typing
if TYPE_CHECKING:
    import pytest

OPTIONS = (
    ("--echo-target", {"metavar": "URL", "help": "base URL of the endpoint under test; nothing happens without it"}),
    ("--echo-profile", {"metavar": "NAME", "help": "date of the API; see `echosounder list profiles`"}),
    ("--echo-suite", {"choices": ("smoke", "standard", "thorough"), "default": "standard", "help": "how much to send"}),
    ("--echo-model", {"metavar": "NAME", "help": "default: the first of the profile that the target lists"}),
    (
        "--echo-api-key-env",
        {"metavar": "VARIABLE", "default": "DEEPSEEK_API_KEY", "help": "variable that holds the key"},
    ),
    ("--echo-policy", {"choices": ("interop", "documented"), "default": "interop"}),
    (
        "--echo-only",
        {"metavar": "GLOB", "action": "append", "default": [], "help": "requirements to judge; may be repeated"},
    ),
    ("--echo-baseline", {"metavar": "FILE", "help": "accepted failures"}),
    ("--echo-out", {"metavar": "DIR", "help": "where run.jsonl and report.json go; default runs/<time>-pytest"}),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("echosounder", "conformance of a DeepSeek-style HTTP API")
    for name, settings in OPTIONS:
        group.addoption(name, **settings)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--echo-target"):
        from echosounder.conformance.pytest_front import start

        start(config)
