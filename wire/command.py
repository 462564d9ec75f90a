"""One run of a client's command: input, output and end. The record between its runner, the log and its checks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

UNSUPPORTED = 64
"""The exit status by which a command says that it does not make this use of the API (EX_USAGE of sysexits.h)."""


@dataclass(frozen=True, slots=True)
class ClientRun:
    """A command in one scenario. Stamps are ``time.monotonic_ns`` of the clock of the log.

    ``family`` and ``scenario`` identify the scenario, ``use`` the task, ``deviations`` the server's behavior. ``status`` is the exit
    status, negative for a signal, None if the command was stopped after *limit_s*. ``stdout`` and ``stderr`` are the recorded part,
    without secrets; ``leaks`` says where the key occurred. ``left`` counts processes that outlived it.
    """

    family: str
    scenario: str
    use: str
    deviations: str = ""
    status: int | None = 0
    stdout: str = ""
    stderr: str = ""
    started: int = 0
    ended: int = 0
    limit_s: float = 0.0
    leaks: tuple[str, ...] = ()
    left: int = 0

    @property
    def hung(self) -> bool:
        return self.status is None

    @property
    def succeeded(self) -> bool:
        return self.status == 0

    @property
    def declined(self) -> bool:
        return self.status == UNSUPPORTED

    @property
    def seconds(self) -> float:
        return (self.ended - self.started) / 1e9

    @property
    def told(self) -> dict[str, Any]:
        """The last line of standard output as a JSON object; empty if it is something else."""
        lines = self.stdout.strip().splitlines()
        try:
            value = json.loads(lines[-1]) if lines else None
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def record(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> ClientRun:
        """A run from its record. Raises ``ValueError`` with the place of the invalid member."""
        return msgspec.convert(record, cls)
