"""Which report this is, and whether this version can read it."""

import json
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any

from wire.errors import UsageError
from wire.runlog import Run

CHECK, LOAD = "echosounder/check/1", "echosounder/load/1"
_SCHEMAS = {"check": "check-1.schema.json", "load": "load-1.schema.json"}
_REQUIRED = {CHECK: ("verdict", "target", "counts", "requirements"), LOAD: ("measurement", "counts", "metrics")}


def kind(report: Mapping[str, Any]) -> str:
    """``check`` or ``load``. Raises :class:`UsageError` for anything else, an older or a newer schema included."""
    name = report.get("schema")
    if name not in _REQUIRED:
        raise UsageError(
            f"the report is of schema {name!r}; this version reads {CHECK} and {LOAD}: judge the run again"
        )
    missing = [member for member in _REQUIRED[name] if member not in report]
    if missing:
        raise UsageError(f"the report says {name} but has no {', '.join(missing)}; judge the run again")
    return "check" if name == CHECK else "load"


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``report.json``; *name* is ``check`` or ``load``."""
    if name not in _SCHEMAS:
        raise UsageError(f"no schema {name!r}; there are {', '.join(_SCHEMAS)}")
    document: dict[str, Any] = json.loads((files("reports") / "schemas" / _SCHEMAS[name]).read_text("utf-8"))
    return document


def started(report: Mapping[str, Any], run: Run | None) -> str | None:
    """When the run began, ISO 8601, from the report or the log's header."""
    value = report.get("started") or (run.header.get("started") if run else None)
    return str(value) if value else None


def day(report: Mapping[str, Any], run: Run | None) -> str:
    """``2026-11-22``; ``undated`` where neither report nor log says."""
    value = started(report, run)
    try:
        return datetime.fromisoformat(value).date().isoformat() if value else "undated"
    except ValueError:
        return "undated"
