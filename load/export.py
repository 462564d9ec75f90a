"""Samples as a table for other tools, after the run: CSV, or JSON lines without the rest of the log."""

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from echosounder.load.sample import Sample
from echosounder.wire.errors import UsageError
from echosounder.wire.runlog import records
from echosounder.wire.usage import Usage

_USAGE = tuple(f"usage_{name}" for name in Usage.__struct_fields__)
COLUMNS = (*(name for name in Sample.__struct_fields__ if name != "usage"), *_USAGE)


def export(log: Path, to: Path) -> int:
    """Write the samples of a run's log (or folder) to a file in the format of its suffix; returns their number.

    Raises :class:`UsageError` for another suffix than .csv and .jsonl and for a file that cannot be written.
    """
    write = _WRITERS.get(to.suffix)
    if write is None:
        raise UsageError(f"cannot export samples as {to.suffix or to.name!r}; choose {' or '.join(_WRITERS)}")
    try:
        with to.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            return write(file, samples(log))
    except OSError as error:
        raise UsageError(f"cannot write {to}: {error.strerror or error}") from None


def samples(log: Path) -> Iterator[dict[str, Any]]:
    path = log / "run.jsonl" if log.is_dir() else log
    return (
        {name: value for name, value in record.items() if name != "kind"}
        for record in records(path)
        if record["kind"] == "sample"
    )


def _csv(file: IO[str], rows: Iterator[dict[str, Any]]) -> int:
    """Stamps in ns, gaps as one cell of microseconds with spaces between them."""
    writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
    writer.writeheader()
    number = 0
    for number, row in enumerate(rows, 1):  # noqa: B007
        usage = {f"usage_{name}": count for name, count in (row.get("usage") or {}).items()}
        writer.writerow({**row, **usage, "gaps_us": " ".join(map(str, row.get("gaps_us", ())))})
    return number


def _jsonl(file: IO[str], rows: Iterator[dict[str, Any]]) -> int:
    number = 0
    for number, row in enumerate(rows, 1):  # noqa: B007
        file.write(json.dumps(row, separators=(",", ":")) + "\n")
    return number


_WRITERS: dict[str, Callable[[IO[str], Iterator[dict[str, Any]]], int]] = {".csv": _csv, ".jsonl": _jsonl}
