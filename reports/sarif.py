"""SARIF 2.1.0, for code scanning: a rule per requirement, a result per finding, with the exchange of the log that shows it."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from echosounder.reports.curl import replay
from echosounder.reports.kinds import kind
from echosounder.reports.text import block, dumps, line
from echosounder.wire.errors import UsageError
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import BROKEN

_LEVELS = {"MUST": "error", "SHOULD": "warning", "MAY": "note"}
# Code scanning takes no result without a line of a file; which exchange of the log it is, the logical location says.
_LOG = {"artifactLocation": {"uri": "run.jsonl"}, "region": {"startLine": 1}}
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MAX_RESULTS = 5_000  # GitHub takes no more of one run


def render(report: Mapping[str, Any], run: Run | None = None) -> str:
    """A SARIF log. Raises :class:`UsageError` for a load report, which has figures but no findings."""
    if kind(report) != "check":
        raise UsageError("SARIF is for findings, and a load report has none; use junit for its objectives")
    broken = [row for row in report["requirements"] if row["verdict"] in BROKEN and not row.get("accepted")]
    version = run.header.version if run else None
    driver = {"name": "Echosounder", "rules": [_rule(row) for row in broken]} | (
        {"version": version} if version else {}
    )
    results = [result for index, row in enumerate(broken) for result in _results(index, row, run)]
    document = {"tool": {"driver": driver}, "results": results[:MAX_RESULTS], "columnKind": "unicodeCodePoints"}
    properties = {name: line(report[name]) for name in ("profile", "policy", "suite")} | {
        "target": line(report["target"]["url"])
    }
    return dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [document | {"properties": properties}]})


def _rule(row: Mapping[str, Any]) -> dict[str, Any]:
    sources = "; ".join(line(f"{source['page']} {source['section'] or ''}") for source in row["sources"])
    return {
        "id": row["id"],
        "shortDescription": {"text": line(row["title"])},
        "fullDescription": {"text": line(row.get("text") or row["title"], 1_000)},
        "help": {"text": f"Source: {sources}. More: echosounder explain {row['id']}"},
        "defaultConfiguration": {"level": _LEVELS.get(row["level"], "note")},
    }


def _results(index: int, row: Mapping[str, Any], run: Run | None) -> Iterator[dict[str, Any]]:
    for finding in row["findings"] or [{"message": row.get("note") or row["title"], "exchange": "", "excerpt": ""}]:
        place: dict[str, Any] = {"physicalLocation": _LOG}
        if finding["exchange"]:
            place["logicalLocations"] = [{"name": line(finding["exchange"]), "kind": "exchange"}]
        yield {
            "ruleId": row["id"],
            "ruleIndex": index,
            "level": _LEVELS.get(row["level"], "note"),
            "message": {"text": _message(row, finding, run)},
            "locations": [place],
            "partialFingerprints": {"finding/v1": _fingerprint(row["id"], finding)},
        }


def _message(row: Mapping[str, Any], finding: Mapping[str, Any], run: Run | None) -> str:
    parts = [f"{row['verdict']}: {line(finding['message'], 1_000)}"]
    parts += [block(finding["excerpt"], 500)] if finding["excerpt"] else []
    parts += [replay(finding["exchange"], run)] if finding["exchange"] else []
    return "\n".join(parts)


def _fingerprint(requirement: str, finding: Mapping[str, Any]) -> str:
    """The same for the same deviation in the next run: without exchange ids and offsets, which change."""
    words = "\0".join((requirement, finding["message"], str(finding.get("pointer"))))
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:32]
