"""Renderers: pure functions from a report (and, for its bytes, the run behind it) to text.

    report.json ─┬─> html, md, junit, json, badge, shields, sarif      ``render(format, report, run)``
    run.jsonl ───┘   terminal                                          ``terminal.show(report, run, console)``

Nothing here judges: verdicts and figures are in the report. What a target sent is shown literally, whatever it holds.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from echosounder.reports import badge, html, junit, sarif, summary
from echosounder.reports.kinds import schema
from echosounder.reports.text import dumps
from echosounder.wire.errors import UsageError
from echosounder.wire.runlog import Run

__all__ = ["FORMATS", "render", "schema", "write_all"]

Renderer = Callable[[dict[str, Any], Run | None], str]

FORMATS: dict[str, Renderer] = {
    "html": html.render,
    "junit": junit.render,
    "md": summary.render,
    "json": lambda report, run: dumps(report),
    "badge": badge.svg,
    "shields": badge.shields,
    "sarif": sarif.render,
}
FILES = {
    "json": "report.json",
    "html": "report.html",
    "junit": "junit.xml",
    "md": "summary.md",
    "badge": "badge.svg",
    "shields": "badge.json",
}


def render(format: str, report: dict[str, Any], run: Run | None = None) -> str:
    """*report* as text. Raises :class:`UsageError` for an unknown format and for a report of another schema."""
    if format not in FORMATS:
        raise UsageError(f"no format {format!r}; there are {', '.join(FORMATS)}")
    return FORMATS[format](report, run)


def write_all(out: Path, report: dict[str, Any], run: Run | None = None) -> list[Path]:
    """Writes all outputs of a run's folder; returns their paths, ``report.json`` first."""
    out.mkdir(parents=True, exist_ok=True)
    return [_write(out / name, render(format, report, run)) for format, name in FILES.items()]


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
