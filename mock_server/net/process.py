"""Runs the mock in a separate process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from echosounder.mock_server.config import Config
from echosounder.wire.children import environment
from echosounder.wire.errors import CannotJudge
from echosounder.wire.redact import NO_SECRETS

LISTENING = "listening on "


@dataclass(frozen=True, slots=True)
class RunningMock:
    """A mock that is ready. ``url`` has no trailing slash."""

    url: str
    pid: int


@contextmanager
def spawn(**settings: Any) -> Iterator[RunningMock]:
    """Run ``python -m echosounder.mock_server`` until the block ends. Settings are the fields of :class:`Config`.

    Raises :class:`CannotJudge` if the mock does not start, or if it does not stop with exit code 0 at the end.
    """
    # The mock stops by itself if this process is killed, because its standard input then ends.
    arguments = Config.of({"while_stdin": True, **settings}).arguments()
    command = [sys.executable, "-m", "echosounder.mock_server", *arguments]
    # Ctrl-C must reach only this process, which then stops the mock; hence a separate process group.
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        process_group=0,
        env=environment(os.environ, NO_SECRETS),
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith(LISTENING):
                raise CannotJudge(f"the mock did not start (exit code {process.wait()}): {' '.join(command)}")
            yield RunningMock(line.removeprefix(LISTENING).strip(), process.pid)
        finally:
            process.terminate()
            try:
                code = process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise CannotJudge("the mock did not stop within 10 s and was killed") from None
    if code:
        raise CannotJudge(f"the mock stopped with exit code {code}")
