"""A run's folder read for rendering: its report, and the displayable part of its log, whatever the size of the log."""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Required, TypedDict

import msgspec

from echosounder.reports import kinds
from echosounder.reports.wireview import MAX_VIEWS
from echosounder.wire import outside, runlog
from echosounder.wire.errors import LogError, UsageError
from echosounder.wire.exchange import Exchange
from echosounder.wire.files import text
from echosounder.wire.header import SCHEMA
from echosounder.wire.runlog import Run
from echosounder.wire.strict_json import at


class LeanSample(TypedDict, total=False):
    """The members of a load run's sample that figures and comparisons use; stamps in ns."""

    t_scheduled: Required[int]
    t_sent: int | None
    t_first_token: int | None
    t_last_token: int | None
    t_closed: int | None
    status: int | None
    failure: str
    phase: str
    end: str
    token_events: int


_SAMPLE = tuple(LeanSample.__annotations__)


def load(path: Path) -> tuple[dict[str, Any], Run]:
    """The report and the log of a run, named by its folder or its log. Raises :class:`LogError` if either is missing or damaged."""
    if not path.exists():
        raise LogError(f"there is no run {path}; `echosounder check --out {path}` makes one")
    if path.is_file() and path.name != "run.jsonl":
        raise LogError(f"{path} is not a run; give the run's folder, or the run.jsonl in it")
    folder = path if path.is_dir() else path.parent
    report = document(folder)
    return report, read(folder, report)


def document(folder: Path) -> dict[str, Any]:
    """The ``report.json`` of a run's folder, validated by its schema. Raises :class:`LogError`."""
    path = folder / "report.json"
    try:
        report: Any = outside.document(text(path))
        if not isinstance(report, dict):
            raise UsageError("the report is not a JSON object; judge the run again")
        kinds.validate(report)
    except FileNotFoundError:
        raise LogError(f"{folder} has no report.json; make it with `echosounder score {folder}`") from None
    except (OSError, ValueError, RecursionError, UsageError) as error:
        said = " ".join(str(error).split())
        raise LogError(f"{path}: {said} (`echosounder score {folder}`)") from None
    return report


def read(path: Path, report: Mapping[str, Any] | None = None) -> Run:
    """The log without the exchanges that *report* does not refer to, and with lean samples. Raises :class:`LogError`.

    ``path`` is the log or the run's folder. Of a log of 100,000 exchanges, only those shown on a page take memory.
    """
    path = path / "run.jsonl" if path.is_dir() else path
    wanted = set(islice(_named(report or {}), MAX_VIEWS))
    kept: dict[str, list[Any]] = {"exchange": [], "sample": [], "footer": []}
    header = runlog.header(path)
    try:
        for record in runlog.records(path):
            kind = record["kind"]
            if kind in kept and (kind != "exchange" or _is_wanted(record, wanted)):
                kept[kind].append(_SHAPE.get(kind, dict)(record))
    except (KeyError, TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise LogError(f"{path}: a record is not of schema {SCHEMA} ({error!r})") from None
    footer = kept["footer"][-1] if kept["footer"] else None
    return Run(header, tuple(kept["exchange"]), (), tuple(kept["sample"]), footer, place=str(path))


def _is_wanted(record: Mapping[str, Any], wanted: set[str]) -> bool:
    """The exchange itself, or the other side of it behind a proxy."""
    return record["id"] in wanted or at(record, "notes", "of") in wanted


def _named(report: Mapping[str, Any]) -> Iterator[str]:
    """The exchanges that findings point at, each once, in the order of the report."""
    rows: Iterable[Mapping[str, Any]] = report.get("requirements", ())
    names = (finding["exchange"] for row in rows for finding in row["findings"] if finding["exchange"])
    return iter(dict.fromkeys(names))


def _sample(record: Mapping[str, Any]) -> dict[str, Any]:
    """A list of a million small integers takes 36 MB; an array of them takes 4."""
    lean = msgspec.convert({name: record[name] for name in _SAMPLE if name in record}, LeanSample)
    return {**lean, "gaps_us": array("L", record.get("gaps_us", ()))}


def _exchange(record: dict[str, Any]) -> Exchange:
    return runlog.exchange_from(record)


_SHAPE: dict[str, Any] = {"sample": _sample, "exchange": _exchange}
