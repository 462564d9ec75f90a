"""Runs over time: an SQLite index made from their folders, rebuilt at any time, and the trends in it."""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from markupsafe import Markup

from echosounder.reports import charts, page
from echosounder.reports.kinds import kind, started
from echosounder.reports.source import document
from echosounder.wire import runlog
from echosounder.wire.errors import LogError, UsageError
from echosounder.wire.files import plain
from echosounder.wire.header import Header
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import UNMET

_EPHEMERAL = re.compile(r"(https?://(?:localhost|127\.0\.0\.1|\[::1\])):(\d{5})(/.*)?")
SCHEMA = 1  # of the index; another one is rebuilt


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One run. ``verdict`` is ``unfinished`` if the log has no footer, ``unread`` if there is no report of this version.

    The last four are null if the run does not have them: requirements that passed and broke, TTFT p50 and p99 in ms.
    """

    path: str
    kind: str
    started: str
    target: str
    model: str
    setting: str
    verdict: str
    passed: int | None = None
    broken: int | None = None
    ttft_p50_ms: float | None = None
    ttft_p99_ms: float | None = None


_FIGURES = {
    "check": (("Passed", "passed"), ("Broken", "broken")),
    "load": (("TTFT p50, ms", "ttft_p50_ms"), ("TTFT p99, ms", "ttft_p99_ms")),
}
_ALL = tuple(pair for pairs in _FIGURES.values() for pair in pairs)  # of a run without a report, all dashes
_COLUMNS = tuple(field.name for field in fields(HistoryRow))


def index(folder: Path, database: Path) -> list[str]:
    """Rebuilds the index of every run below *folder*; returns one line per unreadable run. Raises :class:`UsageError` for a folder
    without runs, or a database of another program.
    """
    logs = sorted(folder.rglob("run.jsonl"))
    if not logs:
        raise UsageError(f"no run below {folder}: there is no run.jsonl; `echosounder check --out DIR` makes one")
    entries, complaints = [], []
    for log in logs:
        try:
            entries.append(entry(log.parent, folder))
        except LogError as error:
            complaints.append(str(error))
    _store(database, entries)
    return complaints


def entry(run: Path, root: Path) -> HistoryRow:
    """The index entry of one folder. Raises :class:`LogError` for a log of another schema."""
    header = runlog.header(run / "run.jsonl")
    name, report = str(run.relative_to(root)), _report(run)
    log = Run(header)
    url, model = _target(report, header)
    about = (name, started(report or {}, log) or "", url, model)
    if report is None:
        word = "unread" if _finished(run / "run.jsonl") else "unfinished"
        return _entry(about, header.kind_of_run.report, "", word)
    if kind(report) == "load":
        return _entry(about, "load", _measured(report), report["measurement"]["verdict"], **_latency(report))
    return _entry(about, "check", _setting(report), report["verdict"], **_counts(report))


def _target(report: Mapping[str, Any] | None, header: Header) -> tuple[str, str]:
    """Address and model: of the report, which knows the model that the target listed, where there is one."""
    about = report.get("target") or {} if report else {"url": header.target.url, "model": header.target.model}
    return _address(str(about.get("url") or "")), str(about.get("model") or "")


def _measured(report: Mapping[str, Any]) -> str:
    """What a load measured: under another load, the figures belong to another series."""
    load = report.get("load") or {}
    facts = (
        f"{load['users']} user{'' if str(load['users']) == '1' else 's'}" if load.get("users") else "",
        f"{load['rate']} per s" if load.get("rate") else "",
        str(load.get("arrival") or "") if load.get("rate") else "",
    )
    return ", ".join((report["scenario"], *filter(None, facts)))


def _setting(report: Mapping[str, Any]) -> str:
    """What a check asked for: counts of another suite, of a proxy from both sides, or of a client, belong to another series."""
    position = report["target"]["position"]
    return " ".join((report["profile"], report["suite"], *((position,) if position in {"proxy", "client"} else ())))


def entries(database: Path) -> list[HistoryRow]:
    """The index, oldest run first."""
    with closing(_open(database)) as connection:
        rows = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM runs ORDER BY started, path")
        return [HistoryRow(*row) for row in rows]


def render(found: Sequence[HistoryRow]) -> str:
    """A page with a trend for each target and kind of run. Raises :class:`UsageError` when there is nothing in it."""
    if not found:
        raise UsageError("the index is empty; index a folder of runs first")
    groups: dict[tuple[str, str, str, str], list[HistoryRow]] = {}
    for one in found:
        groups.setdefault((one.kind, one.target, one.model, one.setting), []).append(one)
    trends = [(*key, rows, _trend(f"trend{place}", key[0], rows)) for place, (key, rows) in enumerate(groups.items())]
    figures = {kind: _FIGURES.get(kind, _ALL) for kind, *_ in groups}
    return page.render("history.html.j2", trends=trends, runs=len(found), figures=figures)


def _address(url: str) -> str:
    """A server on a port that the kernel chose has another one in each run: such ports do not tell targets apart."""
    match = _EPHEMERAL.fullmatch(url)
    return f"{match[1]}{match[3] or ''} (any port)" if match and 32_768 <= int(match[2]) <= 65_535 else url


def _report(run: Path) -> dict[str, Any] | None:
    """The run's report.json where this version can read it."""
    try:
        return document(run)
    except LogError:
        return None


def _finished(log: Path) -> bool:
    """The footer is the last line; the end of the file is enough to see it."""
    with plain(log).open("rb") as file:
        file.seek(max(0, log.stat().st_size - 65_536))
        last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    return last.startswith(b'{"kind":"footer"')


def _entry(about: tuple[str, str, str, str], what: str, setting: str, verdict: str, **figures: Any) -> HistoryRow:
    path, when, target, model = about
    return HistoryRow(path, what, when, target, model, setting, verdict, **figures)


def _counts(report: Mapping[str, Any]) -> dict[str, Any]:
    broken = sum(report["counts"].get(name, 0) for name in UNMET)
    return {"passed": report["counts"].get("pass", 0), "broken": broken}


def _latency(report: Mapping[str, Any]) -> dict[str, Any]:
    ttft = report["metrics"].get("ttft_ms") or {}
    return {"ttft_p50_ms": ttft.get("p50"), "ttft_p99_ms": ttft.get("p99")}


def _trend(name: str, what: str, rows: Sequence[HistoryRow]) -> Markup:
    if len(rows) < 2:
        return Markup("")
    if what == "check":
        drawn, caption, unit = {"passed": "passed", "broken": "broken"}, "Requirements by verdict.", "requirements"
    else:
        drawn, caption, unit = {"TTFT p50": "ttft_p50_ms", "TTFT p99": "ttft_p99_ms"}, "Time to first token.", "ms"
    lines = {title: [getattr(row, member) for row in rows] for title, member in drawn.items()}
    days = [row.started[:10] for row in rows]
    labels = days if len(set(days)) == len(days) else [f"{row.started[5:10]} {row.started[11:16]}" for row in rows]
    shown = {title: values for title, values in lines.items() if any(value is not None for value in values)}
    return charts.lines(name, caption, unit, labels, shown) if shown else Markup("")


def _store(database: Path, found: Iterable[HistoryRow]) -> None:
    with closing(_open(database)) as connection, connection:
        connection.execute("DELETE FROM runs")
        marks = ", ".join("?" * len(_COLUMNS))
        connection.executemany(f"INSERT INTO runs VALUES ({marks})", _plain(found))


def _plain(found: Iterable[HistoryRow]) -> Iterator[tuple[Any, ...]]:
    """SQLite stores UTF-8, which has no lone surrogates."""
    for one in found:
        yield tuple(
            value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
            for value in astuple(one)
        )


def _open(database: Path) -> sqlite3.Connection:
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(database)
        if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA:
            connection.execute("DROP TABLE IF EXISTS runs")
            connection.execute(f"CREATE TABLE runs ({', '.join(_COLUMNS)}, PRIMARY KEY (path))")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")
    except (sqlite3.Error, OSError) as error:
        raise UsageError(
            f"{database} is not an index of runs ({error}); delete it and index the folder again"
        ) from None
    return connection
