"""Charts show every value and every label, and hold nothing but a picture."""

import re

import pytest
from markupsafe import Markup

from echosounder.reports import charts, load_charts


@pytest.mark.parametrize(
    ("most", "scale"),
    [
        (7, [0, 1, 2, 3, 4, 5, 6, 7]),
        (8.5, [0, 2, 4, 6, 8, 10]),
        (100, [0, 20, 40, 60, 80, 100]),
        (0.3, [0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3]),
    ],
)
def test_steps_reach_the_highest_value(most, scale):
    assert list(charts.steps(most)) == pytest.approx(scale)


def test_counts_have_whole_steps():
    assert list(charts.steps(0, least=1)) == [0, 1]
    assert list(charts.steps(3, least=1)) == [0, 1, 2, 3]


TICKS = [(3, 70, [2, 5, 10, 20, 50, 100]), (1, 1, [1]), (0.004, 0.02, [0.002, 0.005, 0.01, 0.02])]


@pytest.mark.parametrize(("low", "high", "scale"), TICKS)
def test_ticks_enclose_the_values(low, high, scale):
    assert list(charts.ticks(low, high)) == pytest.approx(scale)


def labels(svg):
    return re.findall(r"<text[^>]*>([^<]+)</text>", svg)


def test_every_label_of_a_logarithmic_axis_is_there(load_report):
    shown = labels(load_charts.latency(load_report))
    assert {"20", "50", "100", "200", "500", "1,000", "2,000", "5,000"} <= set(shown)
    assert {"p50", "p99.9", "TTFT", "Gap (dashed)"} <= set(shown)


def test_an_interval_is_drawn_where_there_is_one(load_report):
    assert load_charts.latency(load_report).count('class="ci"') == 4
    for row in load_report["metrics"].values():
        row["p99_ci"] = None
    assert load_charts.latency(load_report).count('class="ci"') == 0


def test_nothing_measured_is_no_chart(load_report):
    empty = {"metrics": dict.fromkeys(load_report["metrics"])}
    assert load_charts.latency(load_report | empty) == Markup("")
    assert load_charts.timeline([]) == Markup("")
    assert load_charts.timeline([{"t_s": 0, "offered_per_s": 1}]) == Markup("")


def test_series_are_drawn_by_their_unit_whatever_they_are_called():
    points = [
        {"t_s": t, "offered_per_s": 5, "wait_p50_ms": None if t == 1 else 3.5, "aborted": t, "note": "x"}
        for t in range(3)
    ]
    drawn = load_charts.timeline(points)
    assert drawn.count("<svg") == 3
    assert {"offered", "wait p50", "aborted"} <= set(labels(drawn))


@pytest.mark.parametrize("values", [{"a": [1, None, 2]}, {"a": [0.0, 0.0]}, {"a": [1e-9, 1e9]}, {"a": [5]}])
def test_odd_values_are_drawn(values):
    (column,) = values.values()
    svg = charts.lines("odd", "Odd.", "ms", [str(n) for n in range(len(column))], values)
    assert "<script" not in svg
    assert "<!--" not in svg
    assert "http://www.w3.org/2000/svg" in svg
    assert not re.search(r"http(?!://www\.w3\.org/)", svg)


@pytest.mark.parametrize(("count", "width", "every"), [(5, 4, 1), (60, 5, 5), (8, 10, 2), (1_000, 16, 206)])
def test_labels_fit_beside_each_other(count, width, every):
    assert charts._every(["x" * width] * count) == every


def test_a_point_between_two_gaps_has_a_dot():
    times = [f"{second} s" for second in range(40)]
    alone = [5.0 if second == 7 else None for second in range(40)]
    assert 'class="dot' in charts.lines("a", "c", "ms", times, {"TTFT": alone})
    assert 'class="dot' not in charts.lines("a", "c", "ms", times, {"TTFT": [5.0] * 40})


def test_a_stack_says_in_which_order_it_stands():
    made = charts.stack("a", "Requests.", "requests", ["0 s", "1 s"], {"admitted": [1, 2], "refused": [3, 4]})
    assert "<figcaption>Requests. From the bottom up: admitted, refused.</figcaption>" in made


def test_the_last_label_of_an_axis_stays_inside():
    made = charts.lines("a", "c", "ms", ["11-22 12:25", "11-22 12:26"], {"TTFT": [1, 2]})
    end = max(float(x) for x in re.findall(r'<text x="([\d.]+)"[^>]*>11-22', made))
    left = float(re.search(r"translate\(([\d.]+)", made)[1])
    assert left + end + 4 * len("11-22 12:25") <= 760
