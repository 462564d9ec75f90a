"""First things to fix: broken requirements, grouped by their common cause."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echosounder.wire.verdict import BROKEN, LEVELS

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cause:
    """One root: the requirements that it breaks, itself first; its first finding (None if there is only a note); ``count`` findings and
    notes in total. ``level`` is the highest of them. ``remedy`` is that of the root, None if unknown.
    """

    title: str
    level: str
    requirements: tuple[str, ...]
    finding: Mapping[str, Any] | None
    count: int
    remedy: Mapping[str, Any] | None = None


def fix_first(report: Mapping[str, Any]) -> list[Cause]:
    """The causes of a check report, with each broken requirement in one of them, in this order: crashes (a server with 5xx); broken MUSTs;
    observed faults before untestable requirements, which are usually consequences; specific requirements before umbrellas; the
    causes that break most; then the order of the catalogue.
    """
    rows = {row["id"]: row for row in report["requirements"] if row["verdict"] in BROKEN and not row.get("accepted")}
    groups: dict[str, list[Row]] = {}
    for row in rows.values():
        groups.setdefault(_words(_root(row, rows)), []).append(row)
    return [_cause(members) for members in sorted(map(_root_first, groups.values()), key=_urgency)]


def to_fix(report: Mapping[str, Any]) -> list[Cause]:
    """The causes that can be fixed: untested requirements are included only if there is nothing else."""
    causes = fix_first(report)
    return [cause for cause in causes if cause.finding] or causes


def untested(report: Mapping[str, Any]) -> str:
    """Requirements that are omitted from the things to fix because they could not be tested, in one sentence; empty if there are none."""
    causes = fix_first(report)
    count = sum(len(cause.requirements) for cause in causes if not cause.finding)
    if not count or not any(cause.finding for cause in causes):
        return ""
    return f"{count} more {'requirement was' if count == 1 else 'requirements were'} not tested, because what they build on failed"


def _root(row: Row, rows: Mapping[str, Row]) -> Row:
    """The broken requirement behind this one, itself where nothing explains it."""
    passed = {row["id"]}
    while (cause := str(row.get("explained_by"))) in rows and cause not in passed:
        row = rows[cause]
        passed.add(cause)
    return row


def _words(row: Row) -> str:
    """The cause that its check named; else the same words about several requirements are about the same thing."""
    finding = _first(row) or {}
    return str(finding.get("cause") or finding.get("message") or row.get("note") or row["id"])


def _first(row: Row) -> Mapping[str, Any] | None:
    return row["findings"][0] if row["findings"] else None


def _root_first(members: Sequence[Row]) -> list[Row]:
    return sorted(members, key=lambda row: ("explained_by" in row, _umbrella(row), _level(row["level"])))


def _urgency(members: Sequence[Row]) -> tuple[bool, int, bool, bool, int]:
    root, precise = members[0], [row for row in members if not _umbrella(row)]
    return (
        not _crashed(root),
        min(_level(row["level"]) for row in members),
        _first(root) is None,
        _umbrella(root),
        -len(precise),
    )


def _cause(members: Sequence[Row]) -> Cause:
    root, finding = members[0], _first(members[0])
    title = (finding or {}).get("cause") or (finding or {}).get("message") or root.get("note") or root["title"]
    level = min((row["level"] for row in members), key=_level)
    count = sum(max(1, len(row["findings"])) for row in members)
    remedy = next((row["remedy"] for row in members if row.get("remedy")), None)
    return Cause(title, level, tuple(row["id"] for row in members), finding, count, remedy)


def _crashed(row: Row) -> bool:
    """Not in the proxy position: there a 5xx is what the upstream was told to answer, or what a gateway has to say of it."""
    if row["id"].startswith(("proxy.", "translation.")):
        return False
    return any((finding.get("status") or 0) >= 500 for finding in row["findings"])


def _umbrella(row: Row) -> bool:
    return bool(row.get("umbrella"))


def _level(name: str) -> int:
    return LEVELS.index(name) if name in LEVELS else len(LEVELS)
