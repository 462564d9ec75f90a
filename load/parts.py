"""Reads the workers' files while they grow: complete lines, in the order of each file."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from echosounder.load.figures.tally import Record, Tally
from echosounder.load.sample import Sample, decoded, encoded, from_record
from echosounder.wire.files import plain

BLOCK = 4 * 1024 * 1024
_SAMPLE = '{"kind":"sample"'


class Parts:
    """Reads the data appended to the files of a folder since the last call. ``known``: number of lines already read, by worker."""

    def __init__(self, folder: Path, known: Mapping[int, int] | None = None) -> None:
        self._folder = folder
        self._offsets = {path: _behind(path, count) for path, count in _files(folder, known or {})}

    def new(self) -> Iterator[list[str]]:
        """New complete lines, in batches. A line that a killed worker left unterminated is never complete."""
        for path in sorted(self._folder.glob("worker-*.jsonl")):
            for block in blocks(path, self._offsets.get(path, 0)):
                self._offsets[path] = self._offsets.get(path, 0) + len(block)
                yield lines(block)

    def remove(self) -> None:
        """Delete the files that were read to their end; the run's log contains their lines."""
        for path, offset in self._offsets.items():
            if path.stat().st_size == offset:
                path.unlink()


def _files(folder: Path, known: Mapping[int, int]) -> Iterator[tuple[Path, int]]:
    paths = ((folder / f"worker-{worker}.jsonl", count) for worker, count in known.items())
    return ((path, count) for path, count in paths if path.exists())


def _behind(path: Path, count: int) -> int:
    """The offset after this many lines."""
    with path.open("rb") as file:
        for _ in range(count):
            file.readline()
        return file.tell()


def blocks(path: Path, begin: int = 0) -> Iterator[bytes]:
    """The file from an offset on, in blocks of whole lines; an unterminated last line is left out."""
    with plain(path).open("rb") as file:
        file.seek(begin)
        while block := _whole_lines(file):
            begin += len(block)
            file.seek(begin)
            yield block


def lines(block: bytes) -> list[str]:
    return block.decode("utf-8").split("\n")[:-1]


def _whole_lines(file: Any) -> bytes:
    """The complete lines of a block; if it has none, one line, read to its end."""
    block: bytes = file.read(BLOCK)
    whole = block[: block.rfind(b"\n") + 1]
    if whole or len(block) < BLOCK:
        return whole
    long: bytes = block + file.readline()
    return long if long.endswith(b"\n") else b""


def count(tally: Tally, record: dict[str, Any]) -> None:
    """Enter one record of a worker into the tally."""
    tally.enter([from_record(record) if record["kind"] == "sample" else record])


def entered(new: list[str], tally: Tally) -> list[str]:
    """Count lines of a worker in the tally, and return them as written to the log: stamps of other machines are on the
    first one's clock.
    """
    read = list(map(parse, new))
    moved = zip(new, read, tally.enter(read), strict=True)
    return [line if record is before else unparse(record) for line, before, record in moved]


def worker_of(record: Record) -> int | None:
    """The number of the worker that wrote a record; None for records of the parent."""
    if isinstance(record, Sample):
        return record.worker
    if record["kind"] == "exchange":
        return int(record["id"].partition("-")[0])
    return int(record["worker"]) if "worker" in record else None


def is_sample(line: str) -> bool:
    return line.startswith(_SAMPLE)


def parse(line: str) -> Record:
    """Parse a line of a worker's file."""
    if is_sample(line):
        return decoded(line)
    record: dict[str, Any] = json.loads(line)
    return record


def unparse(record: Record) -> str:
    """Serialize a record as a line."""
    return encoded(record).decode()
