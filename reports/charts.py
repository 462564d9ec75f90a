"""Charts by pygal, as inline SVG: its script, comments and fixed colours taken out, the page's own colours put in."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup
from pygal.style import Style

from echosounder.reports.figures import number

_COLOURS = tuple(f"var(--c{index})" for index in range(1, 7))
_STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="var(--muted)",
    foreground_strong="var(--ink)",
    foreground_subtle="var(--line)",
    guide_stroke_color="var(--line)",
    major_guide_stroke_color="var(--line)",
    font_family="inherit",
    label_font_size=13,
    major_label_font_size=13,
    title_font_size=14,
    legend_font_size=13,
    opacity=".85",
    stroke_width="2",
    transition="0",
    colors=_COLOURS,
    value_colors=("var(--ink)",) * len(_COLOURS),
    ci_colors=("var(--ink)",) * len(_COLOURS),
)
# Colour is not the only signal: each line has its own dashes, and the legend says which.
_DASHES = (("", "none"), ("dashed", "8, 4"), ("dotted", "2, 4"), ("long dashes", "16, 4"))
_MANTISSAS = (1, 2, 5)
Lines = Mapping[str, Sequence[Any]]


def lines(
    name: str, caption: str, unit: str, labels: Sequence[str], values: Lines, logarithmic: bool = False
) -> Markup:
    """A line per entry of *values*; a value is a number, None, or a result of :func:`with_interval`."""
    found = [_height(value) for column in values.values() for value in column]
    scale = ticks(min(value for value in found if value), max(found)) if logarithmic else steps(max(found))
    chart = _chart(
        pygal.Line,
        name,
        labels,
        list(scale),
        unit,
        len(values),
        logarithmic=logarithmic,
        show_dots=len(labels) < 20 or _lonely(values),
    )
    for index, (title, column) in enumerate(values.items()):
        said, dashes = _DASHES[index % len(_DASHES)]
        chart.add(f"{title} ({said})" if said else title, list(column), stroke_style={"width": 2, "dasharray": dashes})
    return _figure(chart, caption)


def stack(name: str, caption: str, unit: str, labels: Sequence[str], values: Lines) -> Markup:
    """Stacked counts, a bar per label; the caption states the order, because color must not be the only signal."""
    most = max(sum(column) for column in zip(*values.values(), strict=True))
    chart = _chart(pygal.StackedBar, name, labels, list(steps(most, least=1)), unit, len(values))
    for title, column in values.items():
        chart.add(title, list(column))
    return _figure(chart, caption if len(values) < 2 else f"{caption} From the bottom up: {', '.join(values)}.")


def with_interval(value: float | None, interval: Sequence[float | None] | None) -> Any:
    """A value with an error bar, if it has an interval."""
    low, high = interval or (None, None)
    return value if value is None or low is None or high is None else {"value": value, "ci": {"low": low, "high": high}}


def ticks(low: float, high: float) -> Iterator[float]:
    """1, 2 and 5 times powers of ten, from at most *low* to at least *high*."""
    scale = [mantissa * 10.0**power for power in range(-12, 16) for mantissa in _MANTISSAS]
    below, above = max(step for step in scale if step <= low), min(step for step in scale if step >= high)
    return (step for step in scale if below <= step <= above)


def steps(most: float, least: float = 0) -> Iterator[float]:
    """Even ticks from 0 to at least *most*, at most nine of them and *least* apart."""
    top = max(most, least) or 1
    width = next(width for width in ticks(top / 10, top) if top / width <= 8 and width >= least)
    return (width * step for step in range(ceil(round(top / width, 9)) + 1))


def _every(labels: Sequence[str]) -> int:
    """Which labels fit beside each other: a character takes about eight of the 680 units that an axis is long."""
    return ceil(len(labels) * (8 * max(map(len, labels)) + 12) / 680)


def _lonely(values: Lines) -> bool:
    """Whether a point stands between two gaps: without its dot it would not be seen."""
    present = [[value is not None for value in (None, *column, None)] for column in values.values()]
    return any(
        now and not (before or after)
        for row in present
        for before, now, after in zip(row, row[1:], row[2:], strict=False)
    )


def _height(value: Any) -> float:
    return (value["value"] if isinstance(value, dict) else value) or 0


def _chart(
    kind: Any, name: str, labels: Sequence[str], scale: Sequence[float], unit: str, columns: int, **options: Any
) -> Any:
    """pygal keeps room for the legend only where its rows are full, so the number of columns is that of the series."""
    chart = kind(
        style=_STYLE,
        js=[],
        width=760,
        height=280,
        margin=6,
        margin_right=max(6, 4 * len(labels[-1])),  # half of the last label stands beyond the axis
        spacing=6,
        legend_at_bottom=True,
        legend_at_bottom_columns=columns,
        legend_box_size=11,
        dots_size=3,
        truncate_label=-1,
        truncate_legend=-1,
        allow_interruptions=True,
        value_formatter=number,
        x_labels=labels,
        x_labels_major_every=_every(labels),
        show_minor_x_labels=False,
        y_labels=scale,
        range=(scale[0], 1.03 * scale[-1]),  # pygal leaves out a label at the very top
        y_title=unit,
        **options,
    )
    chart.uuid = name  # pygal draws a random one, which would make every page different
    return chart


def _figure(chart: Any, caption: str) -> Markup:
    return Markup(
        '<figure><div class="scroll" tabindex="0" role="img" aria-label="{0}">{1}</div><figcaption>{0}</figcaption></figure>'
    ).format(caption, Markup(_svg(chart)))


def _svg(chart: Any) -> str:
    tree = chart.render_tree()
    _strip(tree)
    return ET.tostring(tree, encoding="unicode")


def _strip(node: ET.Element) -> None:
    """Out with scripts (they want a remote library) and comments (they hold links and today's date)."""
    for child in list(node):
        if not isinstance(child.tag, str) or child.tag.endswith("script"):  # a comment's tag is a function
            node.remove(child)
        else:
            _strip(child)
