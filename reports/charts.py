"""Charts by pygal, as inline SVG: its script, comments and fixed colours taken out, the page's own colours put in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup
from pygal.style import Style

from reports.figures import measured, number
from wire.runlog import Run

_PERCENTILES = ("p50", "p90", "p95", "p99", "p999")
_LATENCY = ("ttft_ms", "gap_ms", "tpot_ms", "e2e_ms")
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
    legend_font_size=13,
    opacity=".85",
    stroke_width="2",
    transition="0",
    colors=_COLOURS,
    value_colors=("var(--ink)",) * len(_COLOURS),
    ci_colors=("var(--ink)",) * len(_COLOURS),
)


def load(report: Mapping[str, Any], run: Run | None) -> dict[str, Markup]:
    """The figures of a load report by name; empty where there is nothing to show."""
    return {"latency": latency(report)}


def latency(report: Mapping[str, Any]) -> Markup:
    """Percentiles of the main latencies on a logarithmic axis; error bars are 95 % confidence intervals."""
    rows = [(metric, row) for metric, row in measured(report) if metric.key in _LATENCY and row["p50"]]
    if not rows:
        return Markup("")
    chart = _chart(pygal.Line, "latency", logarithmic=True, x_labels=_PERCENTILES, y_title="ms")
    for metric, row in rows:
        chart.add(metric.name, [_bar(row, name) for name in _PERCENTILES])
    return _figure(chart, "Percentiles, logarithmic; the bars are 95 % confidence intervals.")


def _bar(row: Mapping[str, Any], name: str) -> Any:
    low, high = row.get(f"{name}_ci") or (None, None)
    return row[name] if low is None or high is None else {"value": row[name], "ci": {"low": low, "high": high}}


def _chart(kind: Any, name: str, **options: Any) -> Any:
    chart = kind(
        style=_STYLE,
        js=[],
        width=760,
        height=300,
        margin=8,
        show_legend=True,
        legend_at_bottom=True,
        legend_at_bottom_columns=4,
        dots_size=3,
        value_formatter=number,
        show_minor_x_labels=False,
        **options,
    )
    chart.uuid = name  # pygal draws a random one, which would make every page different
    return chart


def _figure(chart: Any, caption: str) -> Markup:
    return Markup(
        '<figure><div class="scroll" tabindex="0" role="img" aria-label="{}">{}</div><figcaption>{}</figcaption></figure>'
    ).format(caption, Markup(_svg(chart)), caption)


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


def _numbers(series: Sequence[Mapping[str, Any]], key: str) -> list[float | None]:
    return [point.get(key) for point in series]


def _any(values: Iterable[Any]) -> bool:
    return any(value is not None for value in values)
