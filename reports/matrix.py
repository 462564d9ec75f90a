"""Requirements as rows, targets as columns: the verdicts, with the finding behind each cell and the known issues beside it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from echosounder.reports import page
from echosounder.reports.kinds import api, day, kind
from echosounder.reports.verdicts import FACES, area
from echosounder.wire.errors import UsageError
from echosounder.wire.files import text
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import LEVELS

ABSENT = "not-run"
MAX_FINDINGS, MAX_EXCERPT = 2, 300


@dataclass(frozen=True, slots=True)
class Column:
    """One target: a check report, the log behind it, and its display name."""

    name: str
    report: Mapping[str, Any]
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class Issue:
    """A known issue of a target, in a file beside the logs: globs for requirement and column, a link, a note."""

    requirement: str
    target: str
    link: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """``anchor`` links to the details, empty without any; ``differs`` from the reference column."""

    column: str
    verdict: str
    anchor: str
    differs: bool
    why: str
    findings: Sequence[Mapping[str, Any]]
    issues: tuple[Issue, ...]
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class MatrixRow:
    id: str
    level: str
    title: str
    cells: tuple[MatrixCell, ...]

    @property
    def differs(self) -> bool:
        return any(cell.differs for cell in self.cells)

    @property
    def verdicts(self) -> str:
        return " ".join(sorted({cell.verdict for cell in self.cells}))


def render(columns: Sequence[Column], issues: Iterable[Issue] = (), reference: str | None = None) -> str:
    """A self-contained page. *reference* names the column that the others are compared with; the first one by default.

    Raises :class:`UsageError` if there is nothing to show, a name is used twice, or a report is not a check report.
    """
    _validate(columns, reference)
    rows = _rows(columns, tuple(issues), reference or columns[0].name)
    verdicts = Counter(cell.verdict for row in rows for cell in row.cells)
    return page.render(
        "matrix.html.j2",
        columns=[_head(column) for column in columns],
        apis=list(dict.fromkeys(api(column.report["profile"]) for column in columns)),
        reference=reference or columns[0].name,
        rows=rows,
        verdicts=[(name, verdicts[name]) for name in (*FACES, ABSENT) if name in verdicts],
        levels=[level for level in LEVELS if any(row.level == level for row in rows)],
        areas=sorted({area(row.id) for row in rows}),
        max_excerpt=MAX_EXCERPT,
    )


def known_issues(path: Path) -> tuple[Issue, ...]:
    """A YAML list of ``{requirement, target, link, note}``; the first two are globs. Raises :class:`UsageError`."""
    try:
        entries = yaml.safe_load(text(path)) or []
        return tuple(_issue(entry) for entry in entries)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}; give a YAML list of known issues") from None
    except (yaml.YAMLError, TypeError, KeyError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise UsageError(
            f"{path} is not a list of known issues ({said}); each entry needs requirement and link, and may have target and note"
        ) from None


def _issue(entry: Mapping[str, Any]) -> Issue:
    extra = set(entry) - {"requirement", "target", "link", "note"}
    if extra:
        raise ValueError(f"unknown member {', '.join(sorted(map(str, extra)))}")
    link = str(entry["link"])
    if not link.startswith(("https://", "http://")):
        raise ValueError(f"the link {link!r} is not http(s)")
    return Issue(str(entry["requirement"]), str(entry.get("target", "*")), link, str(entry.get("note", "")))


def _validate(columns: Sequence[Column], reference: str | None) -> None:
    if not columns:
        raise UsageError("no runs: a matrix needs at least one folder with a report.json")
    for column in columns:
        if kind(column.report) != "check":
            raise UsageError(f"{column.name} is a load run; a matrix is made of check runs")
    names = Counter(column.name for column in columns)
    if twice := [name for name, count in names.items() if count > 1]:
        raise UsageError(f"two runs go by the name {twice[0]!r}; name them apart: NAME=FOLDER")
    if reference is not None and reference not in names:
        raise UsageError(f"no run named {reference!r}; there are {', '.join(names)}")


def _head(column: Column) -> dict[str, Any]:
    report = column.report
    passed = Counter(row["verdict"] for row in report["requirements"] if row["level"] == "MUST")
    return {
        "name": column.name,
        "url": report["target"]["url"],
        "model": report["target"]["model"],
        "verdict": report["verdict"],
        "profile": report["profile"],
        "day": day(report, column.run),
        "version": column.run.header.version if column.run else None,
        "passed": passed["pass"],
        "musts": sum(passed.values()) - passed["not-applicable"],
    }


def _rows(columns: Sequence[Column], issues: tuple[Issue, ...], reference: str) -> list[MatrixRow]:
    judged = {column.name: {row["id"]: row for row in column.report["requirements"]} for column in columns}
    merged: dict[str, Mapping[str, Any]] = {}
    for column in columns:
        for row in column.report["requirements"]:
            merged.setdefault(row["id"], row)
    rows = [_row(index, row, judged, issues, reference) for index, row in enumerate(merged.values())]
    return sorted(rows, key=lambda row: (not row.differs, _order(row.cells)))


def _order(cells: Sequence[MatrixCell]) -> int:
    """What differs comes first, then rows with something wrong in any column."""
    names = list(FACES)
    return min(names.index(cell.verdict) if cell.verdict in names else len(names) for cell in cells)


def _row(
    index: int,
    first: Mapping[str, Any],
    judged: Mapping[str, Mapping[str, Mapping[str, Any]]],
    issues: tuple[Issue, ...],
    reference: str,
) -> MatrixRow:
    found = {name: rows.get(first["id"]) for name, rows in judged.items()}
    expected = (found[reference] or {}).get("verdict", ABSENT)
    cells = (
        _cell(f"c{index}-{place}", name, row, expected, tuple(_known(issues, first["id"], name)))
        for place, (name, row) in enumerate(found.items())
    )
    return MatrixRow(first["id"], first["level"], first["title"], tuple(cells))


def _cell(
    anchor: str, column: str, row: Mapping[str, Any] | None, expected: str, issues: tuple[Issue, ...]
) -> MatrixCell:
    if row is None:
        return MatrixCell(column, ABSENT, "", False, "", (), issues)
    told = bool(row["findings"] or row.get("note")) and row["verdict"] != "not-applicable"
    differs = ABSENT not in (expected, row["verdict"]) and row["verdict"] != expected
    return MatrixCell(
        column,
        row["verdict"],
        anchor if told else "",
        differs,
        row.get("note") or "",
        row["findings"][:MAX_FINDINGS],
        issues,
        row.get("accepted") or "",
    )


def _known(issues: Iterable[Issue], requirement: str, target: str) -> Iterable[Issue]:
    return (
        issue for issue in issues if fnmatchcase(requirement, issue.requirement) and fnmatchcase(target, issue.target)
    )
