"""What to fix first: findings grouped by the one thing behind them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reports.verdicts import BROKEN, LEVELS, worst_first


@dataclass(frozen=True, slots=True)
class Cause:
    """One root: the requirements it breaks, worst level first, and its first finding (None where only a note tells)."""

    title: str
    level: str
    requirements: tuple[str, ...]
    finding: Mapping[str, Any] | None
    count: int


def fix_first(report: Mapping[str, Any]) -> list[Cause]:
    """The causes of a check report: those that break a MUST first, then those that were seen, then those that break most."""
    groups: dict[str, list[tuple[Mapping[str, Any], Mapping[str, Any] | None]]] = {}
    for requirement, finding in _broken(report):
        key = _root(requirement, finding or {})
        groups.setdefault(key, []).append((requirement, finding))
    causes = [_cause(key, members) for key, members in groups.items()]
    return sorted(causes, key=_urgency)


def _urgency(cause: Cause) -> tuple[int, bool, int]:
    """What could not even be tested comes after what was found: it is a consequence more often than a root."""
    return _level(cause.level), cause.finding is None, -len(cause.requirements)


def _root(requirement: Mapping[str, Any], finding: Mapping[str, Any]) -> str:
    """The cause that a check named; else the same words about several requirements are about the same thing."""
    return str(finding.get("cause") or finding.get("message") or requirement.get("note") or requirement["id"])


def _broken(report: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
    for requirement in worst_first(report["requirements"]):
        if requirement["verdict"] in BROKEN and not requirement.get("accepted"):
            for finding in requirement["findings"] or [None]:
                yield requirement, finding


def _cause(key: str, members: list[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> Cause:
    first, finding = members[0]
    named = (finding or {}).get("cause")
    title = named or (finding or {}).get("message") or first.get("note") or first["title"]
    ids = tuple(dict.fromkeys(requirement["id"] for requirement, _ in members))
    level = min((requirement["level"] for requirement, _ in members), key=_level)
    return Cause(title, level, ids, finding, len(members))


def _level(name: str) -> int:
    return LEVELS.index(name) if name in LEVELS else len(LEVELS)
