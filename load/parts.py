"""The workers' files as they grow: complete lines, in the order of each file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from load.sample import decoded, encoded, from_record
from load.tally import Record, Tally

BLOCK = 4 * 1024 * 1024
_SAMPLE = '{"kind":"sample"'


class Parts:
    """Reads what was appended to the files of a folder since the last time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}

    def new(self) -> Iterator[list[str]]:
        """Complete lines that are new, some at a time. A line that a killed worker cut off is never complete."""
        for path in sorted(self._folder.glob("worker-*.jsonl")):
            for block in blocks(path, self._offsets.get(path, 0)):
                self._offsets[path] = self._offsets.get(path, 0) + len(block)
                yield lines(block)

    def remove(self) -> None:
        """Delete the files that were read to their end; the run's log holds their lines."""
        for path, offset in self._offsets.items():
            if path.stat().st_size == offset:
                path.unlink()


def blocks(path: Path, begin: int = 0) -> Iterator[bytes]:
    """The file from an offset on, in blocks of whole lines; a last line without its end is left out."""
    with path.open("rb") as file:
        file.seek(begin)
        while block := _whole_lines(file):
            begin += len(block)
            file.seek(begin)
            yield block


def lines(block: bytes) -> list[str]:
    return block.decode("utf-8").split("\n")[:-1]


def _whole_lines(file: Any) -> bytes:
    """The lines that a block holds to their end; one line where a block does not hold one."""
    block: bytes = file.read(BLOCK)
    whole = block[: block.rfind(b"\n") + 1]
    if whole or len(block) < BLOCK:
        return whole
    long: bytes = block + file.readline()
    return long if long.endswith(b"\n") else b""


def count(tally: Tally, record: dict[str, Any]) -> None:
    """Enter one record of a worker into the tally."""
    tally.enter([from_record(record) if record["kind"] == "sample" else record])


def is_sample(line: str) -> bool:
    return line.startswith(_SAMPLE)


def parse(line: str) -> Record:
    """A record of a worker's file."""
    if is_sample(line):
        return decoded(line)
    record: dict[str, Any] = json.loads(line)
    return record


def unparse(record: Record) -> str:
    """The line of a record."""
    return encoded(record).decode()
