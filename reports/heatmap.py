"""The gap heat map as SVG: time to the right, length of the gap upwards, darker where there are more."""

from collections.abc import Iterator
from math import log
from typing import Any

from echosounder.reports import page
from echosounder.reports.figures import number
from echosounder.reports.series import Heat

WIDTH, LEFT, BOTTOM, ROW = 760, 64, 30, 11


def render(heat: Heat) -> Any:
    columns = len(heat.cells[0])
    step = (WIDTH - LEFT) / columns
    height = ROW * len(heat.cells)
    return page.part(
        "heatmap.svg.j2",
        width=WIDTH,
        height=height + BOTTOM,
        plot=height,
        left=LEFT,
        step=step,
        row=ROW,
        cells=list(_cells(heat, step, height)),
        rows=[(height - ROW * index, number(edge)) for index, edge in enumerate(heat.edges_ms) if index % 4 == 0],
        ticks=[(x, label) for x, label in _ticks(columns, heat.width_s, step) if x < WIDTH - 30],
    )


def _ticks(columns: int, width_s: float, step: float) -> Iterator[tuple[float, str]]:
    """About eight labels of the time axis; where they begin, and what they say."""
    return ((LEFT + step * column, f"{column * width_s:g} s") for column in range(0, columns, max(1, columns // 8)))


def _cells(heat: Heat, step: float, height: int) -> Iterator[tuple[float, float, float, str]]:
    """x, y, shade from 0 to 1, and what the cell says; on a logarithmic scale, because a stall is one gap among thousands."""
    most = max(max(row) for row in heat.cells)
    for index, row in enumerate(heat.cells):
        span = f"{number(heat.edges_ms[index])} to {number(heat.edges_ms[index + 1])} ms"
        for column, count in enumerate(row):
            if count:
                shade = 0.15 + 0.85 * log(1 + count) / log(1 + most)
                told = f"{count:,} gaps of {span} at {column * heat.width_s:g} s"
                yield LEFT + step * column, height - ROW * (index + 1), shade, told
