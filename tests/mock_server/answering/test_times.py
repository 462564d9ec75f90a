"""Schedules and the capacity: arithmetic on instants, checked without a clock."""

import statistics
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.mock_server.answering import schedule
from echosounder.mock_server.answering.capacity import Capacity
from echosounder.mock_server.answering.schedule import MS
from echosounder.wire.errors import UsageError


def test_constant() -> None:
    assert schedule.parse("constant")(1, 4, 250 * MS, 10 * MS) == [250 * MS, 260 * MS, 270 * MS, 280 * MS]


def test_scripted_pauses_repeat() -> None:
    offsets = schedule.parse("list:400,100")(1, 6, 250 * MS, 0)
    assert [offset // MS for offset in offsets] == [250, 650, 750, 1150, 1250, 1650]


def test_a_trace_is_followed_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    file.write_text("[10, 20, 40]\n[5]\n", encoding="utf-8")
    offsets = schedule.parse(f"trace:{file}")
    assert [offset // MS for offset in offsets(1, 4, 0, 7 * MS)] == [10, 20, 40, 47]
    assert [offset // MS for offset in offsets(2, 2, 0, 7 * MS)] == [5, 12]
    assert offsets(3, 2, 0, 0) == offsets(1, 2, 0, 0)


@pytest.mark.parametrize("text", ["normal:cv=0.3", "lognormal:cv=0.5", "gamma:cv=1"])
def test_random_gaps_keep_mean_and_spread(text: str) -> None:
    offsets = schedule.parse(text, seed=7)(1, 40_001, 50 * MS, 20 * MS)
    gaps = [after - before for before, after in pairwise(offsets)]
    cv = float(text.partition("=")[2])
    assert statistics.mean(gaps) == pytest.approx(20 * MS, rel=0.03)
    assert statistics.stdev(gaps) / statistics.mean(gaps) == pytest.approx(cv, rel=0.1)
    assert min(gaps) >= 0


def test_random_schedules_are_seeded_and_differ_between_requests() -> None:
    one, two = schedule.parse("gamma:cv=1", seed=7), schedule.parse("gamma:cv=1", seed=7)
    assert one(3, 10, MS, MS) == two(3, 10, MS, MS) != one(4, 10, MS, MS)


@given(
    text=st.sampled_from(["constant", "list:3,1", "normal:cv=0.5", "lognormal:cv=2", "gamma:cv=0.7"]),
    steps=st.integers(0, 30),
    first=st.floats(0, 1e9),
    gap=st.floats(0, 1e8),
    lead=st.integers(0, 2),
    tail=st.integers(1, 3),
)
def test_every_event_has_an_instant_and_none_goes_back(
    text: str, steps: int, first: float, gap: float, lead: int, tail: int
) -> None:
    tokens = schedule.parse(text)(1, steps, first, gap)
    due = schedule.stream(tokens, lead, tail, round(gap))
    assert len(tokens) == steps
    assert len(due) == lead + steps + tail
    assert due == sorted(due)
    assert min(due) >= 0


@pytest.mark.parametrize(
    "text", ["linear", "list:", "list:-1", "gamma:cv=0", "gamma:sd=1", "trace:/nowhere", "constant:1"]
)
def test_mistakes_are_named(text: str) -> None:
    with pytest.raises(UsageError, match="schedule"):
        schedule.parse(text)


# --- capacity


def test_without_slots_nobody_waits() -> None:
    capacity = Capacity()
    assert [capacity.admit(5, 100) for _ in range(1000)] == [5] * 1000


def test_who_comes_too_late_starts_when_a_slot_is_free() -> None:
    capacity = Capacity(slots=2)
    assert [capacity.admit(0, duration) for duration in (10, 20, 5, 5, 5)] == [0, 0, 10, 15, 20]


def test_a_full_queue_is_overload() -> None:
    capacity = Capacity(slots=1, queue=1)
    assert [capacity.admit(0, 10), capacity.admit(0, 10), capacity.admit(0, 10)] == [0, 10, None]
    assert capacity.admit(10, 10) == 20


def test_hanging_up_frees_the_slot() -> None:
    capacity = Capacity(slots=1)
    capacity.admit(0, 1000)
    capacity.leave(1000)
    assert capacity.admit(1, 10) == 1


def test_busy_machines_are_slower() -> None:
    capacity = Capacity(slots=4, slowdown=0.5)
    assert capacity.stretch(0) == 1
    capacity.admit(0, 100)
    capacity.admit(0, 100)
    assert capacity.stretch(50) == 1.25
    assert capacity.stretch(101) == 1


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 30)), max_size=40), st.integers(1, 4))
def test_never_more_at_once_than_slots(arrivals: list[tuple[int, int]], slots: int) -> None:
    capacity, now, runs = Capacity(slots=slots), 0, []
    for pause, duration in arrivals:
        now += pause
        start = capacity.admit(now, duration)
        assert start is not None
        runs.append((start, start + duration))
    for start, _ in runs:
        assert sum(begin <= start < end for begin, end in runs) <= slots


def test_throughput_has_a_knee() -> None:
    """Offered load above slots / duration is not served any faster."""

    def served(per_second: int) -> float:
        capacity = Capacity(slots=10)
        ends = [(capacity.admit(index * 1000 // per_second, 100) or 0) + 100 for index in range(2000)]
        return 2000 / (max(ends) / 1000)

    assert served(50) == pytest.approx(50, rel=0.02)
    assert served(400) == pytest.approx(100, rel=0.02)
