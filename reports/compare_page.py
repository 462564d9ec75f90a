"""A comparison as a page: the verdict, the changes, and each figure with its interval beside the smallest detectable change."""

from collections.abc import Iterator
from typing import Any

from echosounder.reports import compare_text, page
from echosounder.wire.comparison import Comparison, RatioEstimate

_WIDTH = 40.0  # percent of change that the scale shows to each side


def render(comparison: Comparison, before: str, after: str) -> str:
    """A self-contained page. *before* and *after* name the two runs."""
    glyph, tone, says = compare_text.LOOKS[comparison.verdict]
    moves = [(*compare_text.MOVES[move.kind], move) for move in comparison.moves]
    return page.render(
        "compare.html.j2",
        comparison=comparison,
        before=before,
        after=after,
        glyph=glyph,
        tone=tone,
        says=says,
        moves=moves,
        rows=list(_rows(comparison)),
    )


def _rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for row in comparison.rows:
        bar = _bar(row.difference) if isinstance(row.difference, RatioEstimate) else None
        yield {
            "name": row.name,
            "change": str(row.change),
            "tone": compare_text.TONES[row.change],
            "result": compare_text.result(row),
            "decides": row.decides,
            "bar": bar,
        }


def _bar(found: RatioEstimate) -> dict[str, float]:
    """Where the interval and the change that counts stand on the scale, percent of its width."""
    places = {"low": found.low, "ratio": found.ratio, "high": found.high}
    made = {name: _place(100 * (value - 1)) for name, value in places.items()}
    return made | {"from": _place(-100 * found.threshold), "to": _place(100 * found.threshold)}


def _place(percent: float) -> float:
    return round(50 + 50 * max(min(percent / _WIDTH, 1.0), -1.0), 2)
