"""A comparison for people (terminal, Markdown) and for machines (JSON)."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.text import Text

from echosounder.reports.figures import number, percent
from echosounder.reports.terminal import STYLES
from echosounder.reports.text import code, line, markdown
from echosounder.wire.comparison import SCHEMA, ComparedFigure, Comparison, RatioEstimate, VerdictChange, least

LOOKS = {
    "equal": ("=", "good", "no difference that counts"),
    "better": ("▲", "good", "better, and nothing worse"),
    "worse": ("▼", "bad", "at least one thing is worse than before"),
    "unresolved": ("?", "warn", "undecided: the runs are too short, too noisy, or not valid"),
}
MOVES = {
    "broken": ("▼", "bad"),
    "fixed": ("▲", "good"),
    "flapping": ("↕", "warn"),
    "changed": ("→", "warn"),
}
TONES = {"slower": "bad", "faster": "good", "equal": "idle", "unresolved": "warn"}


def show(comparison: Comparison, console: Console) -> None:
    glyph, tone, says = LOOKS[comparison.verdict]
    _print(console, f"{glyph} {comparison.verdict.upper()}", tone, f"  {says}")
    for note in comparison.notes:
        _print(console, f"   {line(note)}", "warn")
    for move in comparison.moves:
        glyph, tone = MOVES[move.kind]
        _print(console, f"{glyph} {move.kind:9}", tone, f" {_moved(move)}")
        if move.why:
            _print(console, f"             {line(move.why)}", "idle")
    for row in comparison.rows:
        _print(console, f"{row.change:10}", TONES[row.change], f" {_measured(row)}")
    if not comparison.rows:
        _print(console, f"{comparison.same} requirements are the same", "idle")


def to_markdown(comparison: Comparison) -> str:
    return "\n".join(_markdown(comparison)) + "\n"


def record(comparison: Comparison) -> dict[str, Any]:
    """``echosounder/compare/1``: the comparison as JSON values."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        **asdict(comparison),
    }
    for row, made in zip(document["rows"], comparison.rows, strict=True):
        row["change"] = str(made.change)
    return document


def _markdown(comparison: Comparison) -> Iterator[str]:
    glyph, _, says = LOOKS[comparison.verdict]
    yield f"# Comparison: {glyph} {comparison.verdict}\n\n{says}."
    yield from (f"- {markdown(note, 500)}" for note in comparison.notes)
    if comparison.moves:
        yield "\n| | level | requirement | before | after | why |\n|---|---|---|---|---|---|"
    for move in comparison.moves:
        told = f"{code(move.requirement)} | {markdown(', '.join(move.before))} | {markdown(', '.join(move.after))} | {markdown(move.why)}"
        yield f"| {MOVES[move.kind][0]} {move.kind} | {move.level} | {told} |"
    if comparison.rows:
        yield "\n| | figure | result |\n|---|---|---|"
    yield from (f"| {row.change} | {row.name} | {result(row)} |" for row in comparison.rows)
    if not comparison.rows:
        yield f"\n{comparison.same} requirements are the same."


def _moved(move: VerdictChange) -> str:
    return f"{move.level:6} {move.requirement}: {', '.join(move.before)} → {', '.join(move.after)}"


def _measured(row: ComparedFigure) -> str:
    return f"{row.name}: {result(row)}" + ("" if row.decides else "; informational")


def result(row: ComparedFigure) -> str:
    """Sentence on the change of a figure: before, after, change, smallest detectable change."""
    found = row.difference
    if found is None:
        return f"too few requests to compare: a median takes {least(0.5)} of each run, a p95 {least(0.95)}"
    if isinstance(found, RatioEstimate):
        low, high, ratio = (100 * (value - 1) for value in (found.low, found.high, found.ratio))
        return (
            f"{number(found.before)} → {number(found.after)} {row.unit}: {ratio:+.1f} % ({low:+.1f} to {high:+.1f}); "
            f"threshold {percent(found.threshold)}, smallest detectable change {percent(found.resolution)}"
        )
    return f"{percent(found.before)} → {percent(found.after)}"


def _print(console: Console, text: str, tone: str, rest: str = "") -> None:
    console.print(Text.assemble((text, STYLES[tone]), rest), soft_wrap=True)
