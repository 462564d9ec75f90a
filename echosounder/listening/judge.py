"""Starts the judging process, and exchanges data with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import msgspec

from echosounder.listening.__main__ import JudgeSettings


class Judge:
    """The judging process and its two pipes: ``tape`` is the descriptor of its input, ``heard`` the last line of its output."""

    def __init__(self, settings: JudgeSettings) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "echosounder.listening"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C at the terminal must not reach it
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(settings) + b"\n")
        self._process.stdin.flush()
        self.tape = os.dup(self._process.stdin.fileno())
        self._process.stdin.close()
        os.set_blocking(self._process.stdout.fileno(), False)
        self._rest = b""
        self.heard: dict[str, Any] = {}

    def hear(self) -> dict[str, Any]:
        """Read its new output; return the last line."""
        assert self._process.stdout is not None
        self._rest += self._process.stdout.read() or b""
        *lines, self._rest = self._rest.split(b"\n")
        for line in lines:
            self.heard |= json.loads(line)
        return self.heard

    @property
    def gone(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        """Stop the process without traffic and without a report."""
        self._process.kill()
        self.wait()

    def wait(self) -> dict[str, Any]:
        """Wait until everything is judged; return its last line."""
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), True)
        heard = self.hear()
        self._process.wait()
        self._process.stdout.close()
        return heard
