"""A client judged by pytest: one item per requirement, the verdicts of ``echosounder client``."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path

import pytest

from echosounder import specs
from echosounder.conformance.client.launch import found
from echosounder.conformance.client.options import ClientOptions
from echosounder.conformance.client.run import check
from echosounder.conformance.pytest_front import Front, register
from echosounder.judgement.client.score import rows
from echosounder.judgement.setting import Suite
from echosounder.stage import stage
from echosounder.wire.errors import EchosounderError
from echosounder.wire.files import fresh


def start(config: pytest.Config) -> None:
    """Starts the engine behind the test run. Raises :class:`pytest.UsageError` for invalid options."""
    if config.getoption("numprocesses", None) or config.getoption("--echo-target"):
        raise pytest.UsageError("--echo-client runs its scenarios once: give neither -n nor --echo-target with it")
    try:
        options = _options(config)
        found(options.command)
        ids = [row.id for row in rows(options.profile, options.only)]
    except (EchosounderError, ValueError) as error:
        raise pytest.UsageError(str(error)) from None
    options.out.mkdir(parents=True, exist_ok=True)
    register(config, Front(partial(check, options, stage(options.profile, options.seed)), ids, options.out))


def _options(config: pytest.Config) -> ClientOptions:
    get = config.getoption
    return ClientOptions(
        command=tuple(shlex.split(get("--echo-client"))),
        profile=get("--echo-profile") or specs.DEFAULT_PROFILE,
        model=get("--echo-model"),
        suite=Suite.named(get("--echo-suite")),
        only=tuple(get("--echo-only")),
        baseline=Path(get("--echo-baseline")) if get("--echo-baseline") else None,
        out=Path(get("--echo-out")) if get("--echo-out") else fresh("pytest"),
    )
