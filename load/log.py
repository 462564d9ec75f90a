"""The run's log, which contains the workers' lines unchanged, so that each sample is encoded only once, by its worker."""

import fcntl
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from echosounder.wire.errors import UsageError
from echosounder.wire.header import Header
from echosounder.wire.runlog import RunWriter


class Log(RunWriter):
    """A :class:`wire.runlog.RunWriter` that also accepts JSON lines that contain their ``kind``.

    Raises :class:`UsageError` while another run writes to the same file.
    """

    def __init__(self, path: Path, header: Header) -> None:
        if path.exists() and claimed(path):
            raise UsageError(f"another run is writing into {path.parent}; give another folder with --out")
        super().__init__(path, header)
        claim(self._file)

    def append(self, lines: Sequence[str]) -> None:
        self._file.write("\n".join([*lines, ""]))
        self._file.flush()
        for kind, number in Counter(_kind(line) for line in lines).items():
            self._count[kind] = self._count.get(kind, 0) + number


def claim(file: Any) -> None:
    """Mark an open file as being written: the mark disappears when its process ends, however it ends."""
    with suppress(OSError):  # a file system without locks
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def claimed(path: Path) -> bool:
    """Whether a process is still writing to it."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # opening a pipe would block
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            pass
    return False


def _kind(line: str) -> str:
    return line[9 : line.index('"', 9)]  # after '{"kind":"'
