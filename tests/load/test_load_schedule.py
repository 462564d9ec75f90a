"""Arrivals: when requests are due, as pure arithmetic."""

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.load.worker import arrivals
from echosounder.load.worker.dispatcher import PAUSE, SECOND, Dispatcher
from echosounder.load.worker.shape import LoadShape, Segment, parse
from echosounder.wire.errors import UsageError

SHAPES = [
    ("20", 10.0, ((10, 20, 20),)),
    ("5..50", 10.0, ((10, 5, 50),)),
    ("10, 20, 40", 9.0, ((3, 10, 10), (3, 20, 20), (3, 40, 40))),
    ("10^100@5+2", 10.0, ((5, 10, 10), (2, 100, 100), (3, 10, 10))),
    ("0.5", 4.0, ((4, 0.5, 0.5),)),
    ("10^100@0+10", 10.0, ((10, 100, 100),)),
]


@pytest.mark.parametrize(("text", "duration", "segments"), SHAPES, ids=[row[0] for row in SHAPES])
def test_shapes_are_read(text: str, duration: float, segments: tuple[tuple[float, float, float], ...]) -> None:
    assert parse(text, duration).segments == tuple(Segment(*segment) for segment in segments)


@pytest.mark.parametrize("text", ["", "0", "-5", "many", "5..", "1e9", "10,,20", "2000000", "10^100@9+2", "0,0"])
def test_impossible_loads_are_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError, match=r"write 20|must be above 0|make --duration longer"):
        parse(text, 10.0)


WARMED = [
    ("20", ((12, 20, 20),)),
    ("5..50", ((2, 5, 5), (10, 5, 50))),
    ("10,20", ((7, 10, 10), (5, 20, 20))),
    ("10^100@5+2", ((7, 10, 10), (2, 100, 100), (3, 10, 10))),
]


@pytest.mark.parametrize(("text", "segments"), WARMED, ids=[row[0] for row in WARMED])
def test_a_warm_up_is_at_the_first_level_and_the_whole_shape_is_measured(
    text: str, segments: tuple[tuple[float, float, float], ...]
) -> None:
    assert parse(text, 10.0, 2.0).segments == tuple(Segment(*segment) for segment in segments)


@pytest.mark.parametrize("text", ["0..40", "0,10"])
def test_a_warm_up_in_which_nothing_would_be_sent_is_refused(text: str) -> None:
    assert parse(text, 10.0).peak > 0
    with pytest.raises(UsageError, match="begins with 0"):
        parse(text, 10.0, 2.0)


def test_a_constant_rate_is_evenly_spaced_from_the_start() -> None:
    due = list(arrivals.constant(parse("4", 2.0)))
    assert due == [index * SECOND // 4 for index in range(8)]


def test_steps_change_the_spacing_at_their_border() -> None:
    due = list(arrivals.constant(parse("1,2", 4.0)))
    assert due == [0, SECOND, 2 * SECOND, round(2.5 * SECOND), 3 * SECOND, round(3.5 * SECOND)]


levels = st.floats(0, 200).map(lambda level: round(level, 3))
shapes = st.lists(st.builds(Segment, st.floats(0.1, 5), levels, levels), min_size=1, max_size=5).map(
    lambda segments: LoadShape(tuple(segments))
)


@given(shapes)
def test_a_constant_schedule_holds_the_area_under_the_shape(shape: LoadShape) -> None:
    due = list(arrivals.constant(shape))
    assert due == sorted(due)
    assert len(due) == pytest.approx(shape.area, abs=1.01)
    assert all(0 <= at <= sum(segment.seconds for segment in shape.segments) * SECOND + 1 for at in due)


@given(shapes, st.integers(0, 2**32))
def test_a_poisson_schedule_is_ascending_and_the_same_for_the_same_seed(shape: LoadShape, seed: int) -> None:
    due = list(arrivals.poisson(shape, seed))
    assert due == sorted(due)
    assert due == list(arrivals.poisson(shape, seed))


@given(shapes, st.integers(1, 9), st.integers(0, 99))
def test_the_shares_of_the_workers_are_the_whole_schedule(shape: LoadShape, workers: int, seed: int) -> None:
    whole = list(enumerate(arrivals.poisson(shape, seed)))
    shares = [list(arrivals.share(arrivals.poisson(shape, seed), worker, workers)) for worker in range(workers)]
    assert sorted(itertools.chain(*shares)) == whole
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_poisson_gaps_have_the_mean_and_the_spread_of_an_exponential() -> None:
    due = list(arrivals.poisson(parse("1000", 50.0), seed=3))
    gaps = [(b - a) / SECOND for a, b in itertools.pairwise(due)]
    assert statistics.fmean(gaps) == pytest.approx(0.001, rel=0.02)
    assert statistics.stdev(gaps) == pytest.approx(0.001, rel=0.03)


def test_a_trace_is_replayed_in_order() -> None:
    assert list(arrivals.replay([2.5, 0, 1.25])) == [0, 1_250_000_000, 2_500_000_000]


def dispatcher(due: list[float] | None, users: str | None, worker: int = 0, workers: int = 1) -> Dispatcher:
    schedule = None if due is None else arrivals.share(arrivals.replay(due), worker, workers)
    return Dispatcher(worker, workers, schedule, parse(users, 10.0) if users else None, spread=1.0)


def taken(found: Dispatcher, at: float) -> list[tuple[int, bool]]:
    """Everything that free users take at a time: index, and whether it had to wait for one."""
    now, turns = round(at * SECOND), []
    found.adjust(now)
    found.fall_due(now, 10 * SECOND)
    while turn := found.take(now):
        turns.append((turn[0], turn[2]))
    return turns


def test_who_falls_due_while_every_user_is_busy_is_marked_however_short_the_wait() -> None:
    found = dispatcher([0.0, 1.0, 1.01, 1.02], "2")
    found.begin(0)
    assert taken(found, 0.0) == [(0, False)]
    assert taken(found, 1.0) == [(1, False)]
    assert taken(found, 1.01) == [], "both are busy"
    found.release(round(1.011 * SECOND), failed=False)
    assert taken(found, 1.011) == [(2, True)]
    found.release(round(1.012 * SECOND), failed=False)
    assert taken(found, 1.02) == [(3, False)], "a user was free: it would have been our own fault"
    assert found.exhausted


def test_who_is_taken_up_late_though_a_user_was_free_is_not_excused() -> None:
    found = dispatcher([0.0, 0.1, 0.2], "2")
    found.begin(0)
    assert taken(found, 0.9) == [(0, False), (1, False)]
    found.release(SECOND, failed=False)
    assert taken(found, 1.0) == [(2, True)]


def test_a_schedule_finds_all_its_users_there_from_the_start() -> None:
    found = dispatcher([0.0, 0.0, 0.0], "3")
    assert found.begin(0) == 0
    assert taken(found, 0.0) == [(0, False), (1, False), (2, False)]


def test_users_without_a_schedule_start_one_after_the_other() -> None:
    found = dispatcher(None, "4", worker=1, workers=2)
    assert found.begin(0) is None
    assert [taken(found, at) for at in (0.0, 0.4, 0.9, 1.0)] == [[], [], [(1, False)], [(3, False)]]


def test_a_user_whose_request_failed_rests() -> None:
    found = dispatcher(None, "1")
    found.begin(0)
    assert taken(found, 1.0) == [(0, False)]
    found.release(SECOND, failed=True)
    rested = (SECOND + PAUSE) / SECOND
    assert [taken(found, at) for at in (1.01, rested)] == [[], [(1, False)]]


def test_it_is_known_how_long_requests_waited_that_never_found_a_user() -> None:
    found = dispatcher([0.0, 0.5, 1.0, 1.0, 2.0, 2.999999], "1")
    found.begin(0)
    assert taken(found, 0.0) == [(0, False)]
    found.fall_due(5 * SECOND, until=3 * SECOND)
    assert found.waited(since=SECOND, until=3 * SECOND) == {2_000_000: 2, 1_000_000: 1, 1: 1}
    assert found.waited(since=0, until=round(3.000678 * SECOND)) == {2_500_000: 1, 2_000_000: 2, 1_000_000: 1, 679: 1}


def test_nothing_that_is_due_after_the_end_is_sent() -> None:
    found = dispatcher([0.0, 0.5, 1.0, 1.5], None)
    found.begin(0)
    assert found.fall_due(2 * SECOND, until=SECOND) is None
    assert (found.scheduled, found.waiting) == (2, 2)
