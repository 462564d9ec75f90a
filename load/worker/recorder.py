"""The worker's own log: JSON lines, handed to the kernel at least once per flush interval, so that a kill loses no more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from echosounder.load.log import claim
from echosounder.load.sample import Sample, encoded
from echosounder.wire.exchange import Exchange
from echosounder.wire.runlog import exchange_record

UNWRITTEN = 28  # exit code of the load process when samples could not be written; the number of ENOSPC
BATCH = 64 * 1024  # maximum bytes per write; writing megabytes would pause every stream


class Recorder:
    """Buffers records and appends them to *path* on flush; ``ship`` receives a copy. ``broken``: error after which no record is
    written.
    """

    def __init__(self, path: Path, ship: Callable[[bytes], None] | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        claim(self._file)
        self._ship = ship
        self.failed: Callable[[str], None] = _nothing
        self._lines: list[bytes] = []
        self._gathered = 0  # bytes of samples
        self.broken = ""

    def sample(self, sample: Sample) -> None:
        line = encoded(sample)
        self._lines.append(line)
        self._gathered += len(line)
        if self._gathered > BATCH:
            self.flush()

    def exchange(self, exchange: Exchange) -> None:
        self.note("exchange", exchange_record(exchange))

    def note(self, kind: str, record: dict[str, Any]) -> None:
        self._lines.append(_encode({"kind": kind, **record}))

    def flush(self) -> None:
        """Append the buffered data. If the disk is full, the data is dropped, with one message."""
        lines, self._lines, self._gathered = self._lines, [], 0
        if not lines or self.broken:
            return
        data = b"\n".join([*lines, b""])
        if self._ship is not None:
            self._ship(data)
        try:
            self._write(data)
        except OSError as error:
            self.broken = f"cannot write the samples: {error.strerror or error}"
            self.failed(self.broken)

    def close(self) -> None:
        self.flush()
        self._file.close()

    def _write(self, data: bytes) -> None:
        while data:
            data = data[self._file.write(data) or 0 :]


_encode = msgspec.json.Encoder().encode


def _nothing(reason: str) -> None:
    pass
