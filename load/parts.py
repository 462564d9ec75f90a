"""The workers' files as they grow: complete lines, in the order of each file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from load.tally import Tally

BLOCK = 4 * 1024 * 1024


class Parts:
    """Reads what was appended to the files of a folder since the last time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}

    def new(self) -> Iterator[str]:
        """Complete lines that are new, each with its line end. A line that a killed worker cut off is never complete."""
        for path in sorted(self._folder.glob("worker-*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                while block := file.read(BLOCK):
                    whole = block[: block.rfind(b"\n") + 1]
                    if not whole and len(block) == BLOCK:
                        whole = block + file.readline()
                    self._offsets[path] = self._offsets.get(path, 0) + len(whole)
                    yield from whole.decode("utf-8").splitlines(keepends=True)
                    if len(whole) < len(block):
                        file.seek(self._offsets[path])
                        if len(block) < BLOCK:
                            break

    def remove(self) -> None:
        """Delete the files that were read to their end; the run's log holds their lines."""
        for path, offset in self._offsets.items():
            if path.stat().st_size == offset:
                path.unlink()


def count(tally: Tally, record: dict[str, Any]) -> None:
    """Enter one record of a worker into the tally."""
    tally.enter(record)


def parse(line: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(line)
    return record
