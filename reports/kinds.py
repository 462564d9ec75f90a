"""Kind and version of a report, and whether this version can read it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from echosounder.reports.text import line
from echosounder.wire.errors import UsageError
from echosounder.wire.runlog import Run

CHECK, LOAD = "echosounder/check/1", "echosounder/load/1"
_SCHEMAS = {"check": "check-1.schema.json", "load": "load-1.schema.json"}
_VENDORS = {"openai": "OpenAI"}
_REQUIRED = {CHECK: ("verdict", "target", "counts", "requirements"), LOAD: ("measurement", "counts", "metrics")}


def api(profile: str) -> str:
    """Subject of a report, for display: ``DeepSeek API 2026-11``, ``OpenAI API``."""
    return (
        f"DeepSeek API {line(profile, 20)}"
        if profile[:1].isdigit()
        else f"{_VENDORS.get(profile, line(profile, 20))} API"
    )


def kind(report: Mapping[str, Any]) -> str:
    """``check`` or ``load``. Raises :class:`UsageError` for anything else, an older or a newer schema included."""
    name = report.get("schema")
    if not isinstance(name, str) or name not in _REQUIRED:
        raise UsageError(
            f"the report is of schema {name!r}; this version reads {CHECK} and {LOAD}: judge the run again"
        )
    missing = [member for member in _REQUIRED[name] if member not in report]
    if missing:
        raise UsageError(f"the report says {name} but has no {', '.join(missing)}: judge the run again")
    return "check" if name == CHECK else "load"


def validate(report: Mapping[str, Any]) -> None:
    """Raises :class:`UsageError` if a member of *report* does not match its schema; the message names the first."""
    for error in Draft202012Validator(schema(kind(report))).iter_errors(report):
        place = "/".join(map(str, error.absolute_path)) or "the document"
        raise UsageError(f"the report is broken at {place} ({error.message[:100]}): judge the run again")


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``report.json``; *name* is ``check`` or ``load``."""
    if name not in _SCHEMAS:
        raise UsageError(f"no schema {name!r}; there are {', '.join(_SCHEMAS)}")
    document: dict[str, Any] = json.loads(
        (files("echosounder.reports") / "schemas" / _SCHEMAS[name]).read_text("utf-8")
    )
    return document


def started(report: Mapping[str, Any], run: Run | None) -> str | None:
    """Start of the run, ISO 8601 to the second, UTC; from the report or the log's header."""
    value = report.get("started") or (run.header.started if run else None)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else datetime.fromtimestamp(value or 0, UTC)
    except (ValueError, TypeError, OSError, OverflowError):
        return None
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value else None


def day(report: Mapping[str, Any], run: Run | None) -> str:
    """``2026-11-22``; ``undated`` without a date in report and log."""
    return (started(report, run) or "undated")[:10]
