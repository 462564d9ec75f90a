"""The answer to the question of a run: a limiter, a capacity, whether the bill is right. Shown before everything else."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from echosounder.reports.text import line

BILLS = {"right": "good", "wrong": "bad"}
GLYPHS = {"good": "✓", "warn": "?", "bad": "✗"}


class Headline(NamedTuple):
    """``tone`` is a key of :data:`GLYPHS`, whose glyph has the meaning of the color."""

    tone: str
    says: str

    @property
    def glyph(self) -> str:
        return GLYPHS[self.tone]


def answer(report: Mapping[str, Any]) -> Headline | None:
    """The headline; None for a run without a question, or of a version that did not state its answer in a sentence."""
    if found := report.get("capacity"):
        known = None not in found["interval"]
        return Headline("good" if known else "warn", line(f"Capacity: {found['says']}", 300))
    if found := report.get("rate_limit"):
        return _limiter(found)
    if says := report["cost"].get("says"):
        return Headline(BILLS.get(report["cost"].get("verdict"), "warn"), line(says, 300))
    return None


def _limiter(found: Mapping[str, Any]) -> Headline | None:
    if not (says := found.get("answer") or found.get("says")):
        return None
    known = found["kind"] != "unresolved" and found.get("certain", True)
    return Headline("good" if known else "warn", line(says, 300))
