"""Badges: an SVG file and the JSON of a shields.io endpoint. Always dated, because a badge outlives its result."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from echosounder.reports.figures import number
from echosounder.reports.kinds import api, day, kind
from echosounder.reports.text import line
from echosounder.reports.verdicts import face
from echosounder.wire.runlog import Run

_COLOURS = {"good": "#17643a", "warn": "#8a5a00", "bad": "#a61b1b", "idle": "#536271"}
_CHARACTER = 6.8  # px of Verdana 11 on average; textLength makes any other font fit
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{label}: {message}">
<title>{label}: {message}</title>
<rect width="{width}" height="20" rx="3" fill="#33414e"/>
<path d="M{left} 0h{right}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left}z" fill="{colour}"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">
<text x="6" y="14" textLength="{label_length}">{label}</text>
<text x="{message_x}" y="14" textLength="{message_length}">{message}</text>
</g>
</svg>
"""


@dataclass(frozen=True, slots=True)
class Badge:
    label: str
    message: str
    tone: str


def svg(report: Mapping[str, Any], run: Run | None = None) -> str:
    badge = _badge(report, run)
    left, right = (round(_CHARACTER * len(text)) + 12 for text in (badge.label, badge.message))
    return _SVG.format(
        width=left + right,
        left=left,
        right=right - 3,
        label=escape(badge.label, {'"': "&quot;"}),
        message=escape(badge.message, {'"': "&quot;"}),
        label_length=left - 12,
        message_length=right - 12,
        message_x=left + 6,
        colour=_COLOURS[badge.tone],
    )


def shields(report: Mapping[str, Any], run: Run | None = None) -> str:
    """The answer of a shields.io endpoint (schema version 1)."""
    badge = _badge(report, run)
    content = {"label": badge.label, "message": badge.message, "color": _COLOURS[badge.tone]}
    return json.dumps({"schemaVersion": 1} | content | {"isError": badge.tone == "bad"}, ensure_ascii=False) + "\n"


def _badge(report: Mapping[str, Any], run: Run | None) -> Badge:
    label, said, verdict = _check(report) if kind(report) == "check" else _load(report)
    return Badge(label, f"{face(verdict).glyph} {said} · {day(report, run)}", face(verdict).tone)


def _check(report: Mapping[str, Any]) -> tuple[str, str, str]:
    musts = [
        row["verdict"]
        for row in report["requirements"]
        if row["level"] == "MUST" and row["verdict"] != "not-applicable"
    ]
    said = f"{musts.count('pass')}/{len(musts)} MUST ({line(report['suite'], 20)})"
    return api(report["profile"]), said, report["verdict"]


def _load(report: Mapping[str, Any]) -> tuple[str, str, str]:
    ttft = report["metrics"].get("ttft_ms") or {}
    missed = sum(slo["met"] is False for slo in report["slo"])
    verdict = report["measurement"]["verdict"]
    said = f"TTFT p50 {number(ttft.get('p50'))} ms" if verdict != "invalid" else "invalid measurement"
    if missed:
        return line(report["scenario"], 30), f"{said}, {missed} SLO missed", "deviates"
    if undecided := sum(slo["met"] is None for slo in report["slo"]):
        return line(report["scenario"], 30), f"{said}, {undecided} SLO undecided", "inconclusive"
    return line(report["scenario"], 30), said, verdict
