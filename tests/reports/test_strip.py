"""The timing strip draws what the stamps say."""

import re

import pytest

from echosounder.reports import strip

MS = 1_000_000


def pairs_of(svg):
    return [tuple(map(float, found)) for found in re.findall(r'class="pair" x1="([\d.]+)" x2="([\d.]+)"', svg)]


def test_a_faithful_proxy_draws_parallel_lines():
    lines = pairs_of(strip.render([(n * 10 * MS, (n * 10 + 2) * MS) for n in range(20)]))
    assert len(lines) == 20
    assert len({round(read - written) for written, read in lines}) == 1
    assert [written for written, _ in lines] == sorted(written for written, _ in lines)


def test_a_buffering_proxy_draws_a_fan_and_says_how_long_it_held_back():
    pairs = [(n * 10 * MS, 200 * MS) for n in range(20)]
    assert len({read for _, read in pairs_of(strip.render(pairs))}) == 1
    assert "the first after 200, the last after 10" in strip.told(pairs)


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([(0, MS), (MS, None)], "1 never read"),
        ([(0, MS), (None, MS)], "1 never written"),
        ([(0, None)], "1 never read"),
    ],
)
def test_what_only_one_side_had_is_marked_and_counted(pairs, says):
    svg = strip.render(pairs)
    assert says in svg
    assert svg.count('class="lost"') == 1


def test_a_long_stream_is_thinned_to_its_ends_and_what_is_between():
    lines = pairs_of(strip.render([(n * MS, (n + 1) * MS) for n in range(5_000)]))
    assert len(lines) == strip.MAX_LINES
    assert (lines[0][0], lines[-1][1]) == (strip.LEFT, strip.WIDTH - 10)


@pytest.mark.parametrize("pairs", [[], [(None, None)]])
def test_nothing_measured_draws_nothing(pairs):
    assert strip.render(pairs).strip() == ""


def test_events_that_came_at_once_are_no_division_by_zero():
    assert len(pairs_of(strip.render([(5, 5), (5, 5)]))) == 2
