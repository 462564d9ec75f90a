"""A run log of unlimited traffic, in parts, the oldest of which are deleted when the total size exceeds the maximum.

``run.jsonl`` is the part that is being written; ``run-0001.jsonl`` and so on are those before it. Each part begins
with the header and, except for the first, with the counts of earlier parts (a record ``carried``), so that counts
survive the deletion of parts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from echosounder.wire import runlog
from echosounder.wire.errors import LogError
from echosounder.wire.header import Header

PARTS = 8
LEAST = 64 * 1024
Carry = Callable[[], dict[str, Any]]


class PartedLog:
    """Appends records, each passed to the kernel immediately: written records survive ``kill -9``. ``keep``: maximum bytes of all
    parts.

    If the disk is full, a record is omitted entirely and counted in ``unwritten``.
    """

    def __init__(self, folder: Path, header: Header, carry: Carry, keep: int) -> None:
        self._folder, self._header, self._carry = folder, header, carry
        self._most = max(keep // PARTS, LEAST)
        self._keep = max(keep, PARTS * LEAST)
        self._count: Counter[str] = Counter()
        self._number = self._size = 0
        self.unwritten, self.reason, self.dropped = 0, "", 0
        self._file = (folder / "run.jsonl").open("wb", buffering=0)
        self.write("header", header.record())

    def write(self, kind: str, record: dict[str, Any]) -> bool:
        line = json.dumps({"kind": kind, **record}, separators=(",", ":")).encode() + b"\n"
        try:
            written = self._file.write(line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes could be written")
        except OSError as error:
            self.unwritten += 1
            self.reason = error.strerror or str(error)
            self._file.truncate(self._size)
            self._file.seek(self._size)
            return False
        self._size += len(line)
        self._count[kind] += 1
        return True

    def turn(self) -> None:
        """Begin a new part if this one is full, and delete the oldest. Related records are written between two calls."""
        if self._size <= self._most:
            return
        self._number += 1
        self._file.close()
        (self._folder / "run.jsonl").rename(self._folder / f"run-{self._number:04d}.jsonl")
        self._trim()
        self._file = (self._folder / "run.jsonl").open("wb", buffering=0)
        self._size = 0
        self.write("header", self._header.record())
        self.write("carried", self._carry())

    def _trim(self) -> None:
        sizes = {path: path.stat().st_size for path in parts(self._folder)}
        while sizes and sum(sizes.values()) + self._most > self._keep:
            oldest = next(iter(sizes))
            oldest.unlink()
            del sizes[oldest]
            self.dropped += 1

    def close(self, footer: dict[str, Any]) -> None:
        self.write("footer", {"records": dict(self._count), **footer})
        self._file.close()


def parts(folder: Path) -> list[Path]:
    """The complete parts, oldest first."""
    return sorted(folder.glob("run-[0-9][0-9][0-9][0-9].jsonl"))


def records(folder: Path) -> Iterator[dict[str, Any]]:
    """The records of all remaining parts, in order. Raises :class:`LogError`."""
    logs = [*parts(folder), folder / "run.jsonl"]
    found = [path for path in logs if path.exists()]
    if not found:
        raise LogError(f"{folder} has no run.jsonl")
    for path in found:
        yield from runlog.records(path)
