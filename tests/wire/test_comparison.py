"""What two runs can show at all: how many values it takes, and how small a change would have been seen."""

from math import isclose

import pytest

from echosounder.wire.comparison import Direction, RatioEstimate, least


@pytest.mark.parametrize(("share", "values"), [(0.5, 160), (0.9, 160), (0.95, 320), (0.99, 1600)])
def test_a_quantile_needs_two_values_beyond_it_in_each_of_eight_batches(share, values):
    """And twenty in any batch."""
    assert least(share) == values


@pytest.mark.parametrize(("low", "high", "resolution"), [(1.0, 1.0, 0.0), (0.9, 1.1, 0.1765), (0.99, 1.01, 0.0163)])
def test_the_smallest_change_that_would_have_shown_is_a_little_less_than_the_interval_is_wide(low, high, resolution):
    """1.62 half-widths, on the logarithm: (high / low) to the power of 0.81."""
    found = RatioEstimate(1.0, 1.0, 1.0, low, high, 0.05, Direction.EQUAL).resolution
    assert isclose(found, resolution, abs_tol=5e-5)
