"""The heat map: time to the right, longer gaps further up, more of them darker."""

import re

from echosounder.reports import heatmap
from echosounder.reports.series import Heat


def cells(heat):
    found = re.findall(
        r'<rect x="([\d.]+)" y="([\d.]+)".*?fill-opacity="([\d.]+)"><title>([^<]+)', heatmap.render(heat)
    )
    return {title: (float(x), float(y), float(shade)) for x, y, shade, title in found}


def test_each_cell_lies_between_its_edges_and_says_what_it_is():
    heat = Heat(2.0, (1.0, 2.0, 4.0), ((5, 0), (0, 100)))
    found = cells(heat)
    assert list(found) == ["5 gaps of 1 to 2 ms at 0 s", "100 gaps of 2 to 4 ms at 2 s"]
    (low, high) = found.values()
    assert (low[1], high[1]) == (heatmap.ROW, 0)
    assert (low[0], high[0]) == (heatmap.LEFT, heatmap.LEFT + (heatmap.WIDTH - heatmap.LEFT) / 2)
    assert low[2] < high[2] == 1


def test_a_single_gap_can_be_seen_among_thousands():
    assert min(shade for _, _, shade in cells(Heat(1.0, (1.0, 2.0), ((1, 100_000),))).values()) > 0.15
