"""Plays one scenario: a mock of its own, the command, and the records of both."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from echosounder.conformance.client.environment import Briefing
from echosounder.conformance.client.launch import Ended, Launcher
from echosounder.conformance.client.options import ClientOptions
from echosounder.conformance.client.scenarios import Scenario
from echosounder.conformance.proxy.upstream import UpstreamControl, arrived
from echosounder.wire.command import ClientRun
from echosounder.wire.errors import UsageError
from echosounder.wire.exchange import Exchange
from echosounder.wire.redact import Redactor

SETTLE_S = 1.0
"""How long the mock may take to see that a client is gone."""
Stage = Callable[[str], AbstractContextManager[str]]
"""Starts a mock that behaves as the text says (deviations, separated by ``;``); gives its address."""


class Player:
    """Plays scenarios, also from several threads. Raises ``UsageError`` for an invalid pattern."""

    def __init__(self, options: ClientOptions, stage: Stage) -> None:
        self._options, self._stage, self._launcher = options, stage, Launcher()
        self._ignored = tuple(map(pattern, options.ignored))

    def stop(self) -> None:
        """Ends every command that is running."""
        self._launcher.stop()

    def play(self, scenario: Scenario, number: int) -> tuple[ClientRun, list[Exchange]]:
        """Outcome of the command, and the requests that reached the mock, with ids that begin with *number*."""
        options, token = self._options, secrets.token_hex(8)
        key = f"sk-echo-{secrets.token_hex(8)}"
        with self._stage(scenario.deviations) as root, UpstreamControl(root) as control:
            told = Briefing(root, key, options.asked, scenario.use, options.patience_s, token)
            ended = self._launcher.run(told.arguments(options.command), told.variables(os.environ), options.limit_s)
            records = control.arrivals(0, SETTLE_S)
        redact = Redactor((key, *options.secrets))
        found = [
            _below_base(arrived(record, f"{number}.{place}", scenario.family, scenario.name, key, redact))
            for place, record in enumerate(records, 1)
        ]
        return self._command(scenario, ended, key, redact), found

    def _command(self, scenario: Scenario, ended: Ended, key: str, redact: Redactor) -> ClientRun:
        outputs = {"stdout": ended.stdout, "stderr": ended.stderr}
        texts = {name: redact.text(data.decode("utf-8", "replace")) for name, data in outputs.items()}
        for pattern in self._ignored:
            texts["stdout"] = pattern.sub("…", texts["stdout"])
        return ClientRun(
            scenario.family,
            scenario.name,
            scenario.use,
            scenario.deviations,
            ended.status,
            texts["stdout"],
            texts["stderr"],
            ended.started,
            ended.ended,
            self._options.limit_s,
            tuple(name for name, data in outputs.items() if key.encode() in data),
            ended.left,
        )


def _below_base(exchange: Exchange) -> Exchange:
    """With the path of the API, below the base URL that the client was given."""
    request = exchange.request
    return replace(exchange, request=replace(request, path=request.path.removeprefix("/v1")), format="")


def pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f"--ignore {text!r} is not a regular expression: {error}") from None
