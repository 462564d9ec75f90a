"""Equal runs say equal, slower ones say slower, and a run that cannot tell says that."""

import random
from math import exp

import pytest

from echosounder.judgement.comparison.latencies import _student, difference
from echosounder.wire.comparison import Direction

TRIES = 100


def independent(rng, count, scale=1.0):
    return [scale * rng.lognormvariate(5.5, 0.25) for _ in range(count)]


def queued(rng, count, scale=1.0):
    """Latencies whose neighbours are alike: a slow drift (half-life of about seven requests) under the noise."""
    drift, values = 0.0, []
    for _ in range(count):
        drift = 0.9 * drift + rng.gauss(0, 0.05)
        values.append(scale * exp(5.5 + drift + rng.gauss(0, 0.2)))
    return values


def verdicts(run, count, scale, share=0.5):
    rng = random.Random(7)
    found = [difference(run(rng, count), run(rng, count, scale), share) for _ in range(TRIES)]
    return [one.change for one in found]


@pytest.mark.parametrize(
    ("run", "count", "scale", "says"),
    [
        (independent, 1_000, 1.0, Direction.EQUAL),
        (independent, 1_000, 1.1, Direction.SLOWER),
        (independent, 1_000, 1 / 1.1, Direction.FASTER),
        (independent, 1_000, 1.02, Direction.EQUAL),
        (queued, 3_000, 1.0, Direction.EQUAL),
        (queued, 3_000, 1.1, Direction.SLOWER),
    ],
)
def test_the_verdict_is_right_in_95_of_100_tries(run, count, scale, says):
    assert verdicts(run, count, scale).count(says) >= 95


@pytest.mark.parametrize("run", [independent, queued])
@pytest.mark.parametrize("count", [200, 600])
@pytest.mark.parametrize("share", [0.5, 0.95])
def test_equal_runs_are_hardly_ever_called_different_however_short(run, count, share):
    rng = random.Random(3)
    found = [difference(run(rng, count), run(rng, count), share) for _ in range(TRIES)]
    assert sum(one is not None and one.change in {Direction.SLOWER, Direction.FASTER} for one in found) <= 5


@pytest.mark.parametrize("scale", [0.8, 1.0, 1.1, 1.5])
def test_the_interval_holds_the_truth_in_95_of_100_tries(scale):
    rng = random.Random(11)
    found = [difference(queued(rng, 600), queued(rng, 600, scale)) for _ in range(TRIES)]
    assert sum(one.low <= scale <= one.high for one in found) >= 95


def test_a_run_that_could_not_see_ten_percent_says_so():
    rng = random.Random(1)
    noisy = [difference(*([rng.lognormvariate(5, 1.5) for _ in range(200)] for _ in "ab")) for _ in range(20)]
    assert {one.change for one in noisy} == {Direction.UNRESOLVED}
    assert min(one.resolution for one in noisy) > 0.1


def test_equal_is_not_said_where_ten_percent_could_have_been_missed():
    rng = random.Random(5)
    pairs = [difference(independent(rng, 350), independent(rng, 350, 1.1)) for _ in range(200)]
    assert sum(pair.change is Direction.EQUAL for pair in pairs) <= 10
    assert all(pair.resolution > 0.1025 for pair in pairs if pair.change is Direction.UNRESOLVED)


def test_a_change_below_the_threshold_is_none_however_sure():
    rng = random.Random(1)
    before, after = independent(rng, 50_000), independent(rng, 50_000, 1.03)
    assert difference(before, after).change is Direction.EQUAL
    assert difference(before, after, threshold=0.01).change is Direction.SLOWER


@pytest.mark.parametrize(
    ("count", "share", "enough"), [(159, 0.5, False), (160, 0.5, True), (319, 0.95, False), (320, 0.95, True)]
)
def test_too_few_values_say_nothing(count, share, enough):
    values = [float(1 + n % 7) for n in range(count)]
    assert (difference(values, values, share) is not None) == enough


def test_a_change_below_the_error_of_the_clock_is_none_however_sure():
    rng = random.Random(1)
    before, after = independent(rng, 5_000, 0.02), independent(rng, 5_000, 0.025)  # medians near 5 and 6
    assert difference(before, after).change is Direction.SLOWER
    assert difference(before, after, floor=2.0).change is Direction.EQUAL
    assert difference(before, after, floor=0.5).change is Direction.SLOWER


def test_runs_without_any_spread_are_compared_too():
    assert difference([5.0] * 200, [5.0] * 200).change is Direction.EQUAL
    assert difference([5.0] * 200, [6.0] * 200).change is Direction.SLOWER
    assert difference([0.0] * 200, [0.0] * 200).change is Direction.EQUAL


@pytest.mark.parametrize(("freedom", "value"), [(7, 3.4995), (14, 2.9768), (30, 2.7500), (58, 2.6633), (1e9, 2.5758)])
def test_students_t_is_that_of_the_tables(freedom, value):
    assert _student(freedom) == pytest.approx(value, rel=0.01)
