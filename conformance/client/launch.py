"""Runs a command and everything that it starts, for a bounded time, and leaves nothing of it behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import IO

from echosounder.conformance.client.environment import TOKEN
from echosounder.wire.errors import UsageError

KEPT = 256 * 1024
"""Bytes of each output that are kept; the rest is read and dropped, so that no command waits for us."""
GRACE_S = 0.3
"""How long its children may take to end after the command itself."""
PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Ended:
    """``status`` is None after a timeout. ``left``: number of processes still running after the command ended."""

    status: int | None
    stdout: bytes
    stderr: bytes
    started: int
    ended: int
    left: int


class Launcher:
    """Starts commands, each the leader of its own session, and knows which are running. Safe to use from several threads."""

    def __init__(self) -> None:
        self._running: dict[int, str] = {}
        self._lock, self._stopped = Lock(), False

    def run(self, arguments: Sequence[str], variables: Mapping[str, str], limit_s: float) -> Ended:
        """Runs a command. Raises :class:`UsageError` if it cannot be started. After :meth:`stop` it is ended at once."""
        started = time.monotonic_ns()
        with _started(arguments, variables) as process, self._known(process.pid, variables[TOKEN]):
            outputs = [_Drain(stream) for stream in (process.stdout, process.stderr) if stream]
            try:
                status: int | None = process.wait(0.0 if self._stopped else limit_s)
            except subprocess.TimeoutExpired:
                status = None
            ended = time.monotonic_ns()
            left = 0 if status is None else _after_grace(process.pid, variables[TOKEN])
            _kill(process.pid, variables[TOKEN])
            process.wait()
            stdout, stderr = (each.taken() for each in outputs)
        return Ended(status, stdout, stderr, started, ended, left)

    def stop(self) -> None:
        """Ends every command that is running."""
        with self._lock:
            self._stopped, running = True, dict(self._running)
        for group, token in running.items():
            _kill(group, token)

    def _known(self, group: int, token: str) -> _Known:
        return _Known(self._running, self._lock, group, token)


@dataclass(slots=True)
class _Known:
    running: dict[int, str]
    lock: Lock
    group: int
    token: str

    def __enter__(self) -> None:
        with self.lock:
            self.running[self.group] = self.token

    def __exit__(self, *error: object) -> None:
        _kill(self.group, self.token)
        with self.lock:
            del self.running[self.group]


def found(command: Sequence[str]) -> None:
    """The path of the command. Raises :class:`UsageError` if there is no such command."""
    if not command:
        raise UsageError("no command is given; put it after --, such as: echosounder client -- python my_client.py")
    if shutil.which(command[0]) is None:
        raise UsageError(f"there is no command {command[0]!r}; give a program on the PATH, or the path of one")


def _started(arguments: Sequence[str], variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [_bytes(each) for each in arguments],
            env={_bytes(name): _bytes(value) for name, value in variables.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"the command {arguments[0]!r} cannot be started: {said}") from None


def _bytes(text: str) -> bytes:
    """*text* as the operating system passes it on. In a locale of ASCII a prompt is UTF-8 all the same, as it is in any other."""
    try:
        return os.fsencode(text)
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


class _Drain(Thread):
    """Reads an output to its end and keeps the first of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream, self._kept = stream, bytearray()
        self.start()

    def run(self) -> None:
        with suppress(OSError, ValueError):
            while data := os.read(self._stream.fileno(), 65536):
                self._kept += data[: max(KEPT - len(self._kept), 0)]

    def taken(self) -> bytes:
        """The output, once every process that could write has ended."""
        self.join(1.0)
        return bytes(self._kept)


def _after_grace(group: int, token: str) -> int:
    """How many processes are left when those that were about to end have done so."""
    deadline = time.monotonic() + GRACE_S
    while (left := len(list(_alive(group, token)))) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _kill(group: int, token: str) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
    for number in _alive(group, token) if PROC.is_dir() else ():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(number, signal.SIGKILL)


def _alive(group: int, token: str) -> Iterator[int]:
    """Processes of the session *group*, and those that left it but have *token* in their environment."""
    if not PROC.is_dir():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, 0)
            yield group
        return
    mark = f"{TOKEN}={token}".encode()
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                state, _, _, session = (entry / "stat").read_bytes().rpartition(b") ")[2].split()[:4]
                if state not in b"ZX" and (int(session) == group or mark in (entry / "environ").read_bytes()):
                    yield int(entry.name)
