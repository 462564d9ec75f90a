"""Rates, latencies and gaps over time: every sample is counted once, where it belongs."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder.reports import series

S = 1_000_000_000


def sample(due=0.0, sent=0.0, first=None, closed=None, gaps_ms=(), **more):
    stamps = {"t_scheduled": due, "t_sent": sent, "t_first_token": first, "t_closed": closed}
    record = {name: int(value * S) for name, value in stamps.items() if value is not None}
    return record | {"gaps_us": [int(1_000 * gap) for gap in gaps_ms]} | more


def test_points_put_each_request_where_it_was_due_sent_and_over():
    samples = [
        sample(0.0, 0.1, 0.3, 2.5),
        sample(1.0, 1.1, 1.5, 5.9),
        sample(1.0, 1.0, None, 1.2, status=429, failure="http-429"),
        sample(5.0, 5.0, None, 5.5, failure="reset"),
    ]
    points = {point["t_s"]: point for point in series.points(samples)}
    width = series.points(samples)[1]["t_s"]
    assert width == pytest.approx(0.5)
    assert sum(point["offered_per_s"] * width for point in points.values()) == pytest.approx(4)
    assert sum(point["achieved_per_s"] * width for point in points.values()) == pytest.approx(2)
    by_column = {round(t / width): point for t, point in points.items()}
    assert by_column[0]["ttft_p50_ms"] == pytest.approx(200)
    assert by_column[2]["ttft_p99_ms"] == pytest.approx(400)
    assert by_column[2]["rejected"] == 1
    assert by_column[11]["failed"] == 1


@pytest.mark.parametrize(("span", "width"), [(5, 0.1), (7, 0.2), (29, 0.5), (60, 1), (61, 2), (3_600, 100)])
def test_there_are_never_more_than_sixty_points(span, width):
    points = series.points([sample(span * n / 300, span * n / 300) for n in range(301)])
    assert points[1]["t_s"] == pytest.approx(width)
    assert len(points) <= series.MAX_POINTS + 1


@pytest.mark.parametrize(("rate", "width"), [(40, 0.2), (10, 0.5), (4, 0.5), (1, 0.5)])
def test_a_low_rate_is_counted_in_wider_intervals(rate, width):
    """Four requests an interval, or at least ten intervals: in tenths of a second one request is ten a second, and none is zero."""
    points = series.points([sample(n / rate, n / rate) for n in range(10 * rate + 1)])
    assert points[1]["t_s"] == pytest.approx(width)


def test_nothing_measured_is_no_points_and_no_map():
    assert series.points([]) == []
    assert series.heat([]) is None
    assert series.heat([sample(0, 0, 0.1, 0.2)]) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(0, 100_000), max_size=20), min_size=1, max_size=20))
def test_the_heat_map_counts_every_gap_once(streams):
    samples = [sample(n, n, n + 0.1, n + 1, gaps) for n, gaps in enumerate(streams)]
    heat = series.heat(samples)
    assert (heat is None) == (not any(streams))
    if heat:
        assert sum(map(sum, heat.cells)) == sum(map(len, streams))
        assert len(heat.edges_ms) == len(heat.cells) + 1


def test_a_gap_lies_in_the_row_and_column_of_its_length_and_its_end():
    heat = series.heat([sample(0, 0, 0.0, 3.0, [1000, 1000]), sample(0, 0, 0.0, 1, [4])])
    (long,) = [row for row in range(len(heat.cells)) if heat.edges_ms[row] <= 1000 < heat.edges_ms[row + 1]]
    (short,) = [row for row in range(len(heat.cells)) if heat.edges_ms[row] <= 4 < heat.edges_ms[row + 1]]
    assert [column for column, count in enumerate(heat.cells[long]) if count] == [
        round(1 / heat.width_s),
        round(2 / heat.width_s),
    ]
    assert heat.cells[short][0] == 1


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.5, 50), (0.99, 99), (0.995, 100), (1, 100)])
def test_a_quantile_is_a_value_that_occurred(share, value):
    values = list(range(1, 101))
    random.Random(1).shuffle(values)
    assert series.quantile(sorted(values), share) == value
