"""The search and the verdicts, as pure functions."""

from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from echosounder.load.capacity import plan, searched
from echosounder.load.capacity.holding import backlog, held, inflation, judged, needed
from echosounder.load.capacity.search import Search
from echosounder.load.figures.slo import parse
from echosounder.load.inputs import items
from echosounder.load.options import Options
from echosounder.load.sample import Sample
from echosounder.load.worker.workload import Workload
from echosounder.wire.errors import UsageError
from echosounder.wire.stream import StreamEnd

MS = 1_000_000
OPTIONS = Options(url="http://127.0.0.1:9")


def tried(truth: float, first: float = 1.0, most: float = 1000.0, whole: bool = False) -> list[float]:
    search, levels = Search(first, most, whole=whole), []
    while (level := search.next()) is not None:
        levels.append(level)
        search.tell(level, level <= truth)
    return levels


def test_levels_double_until_one_is_missed_and_then_the_bracket_is_halved() -> None:
    assert tried(40)[:8] == [1, 2, 4, 8, 16, 32, 64, 45.3]
    assert all(low / high < 1.2 for low, high in [sorted(tried(40)[-2:])])
    assert tried(100, most=20) == [1, 2, 4, 8, 16, 20]
    assert tried(0.3)[-1] < 0.35, "below where it began"
    assert tried(0, whole=True) == [1]


@pytest.mark.parametrize("truth", [1, 2, 3, 7, 12, 13, 63])
def test_users_are_found_to_the_last_one(truth: int) -> None:
    search = Search(1, 1000, whole=True, precision=0.001)
    while (level := search.next()) is not None:
        search.tell(level, level <= truth)
    assert (search.bracket.low, search.bracket.high) == (truth, truth + 1)


def test_an_undecided_level_lies_within_the_answer() -> None:
    search = Search(8, 1000)
    while (level := search.next()) is not None:
        search.tell(level, None if 20 < level < 24 else level <= 20)
    assert search.bracket.low is not None
    assert search.bracket.high is not None
    assert search.bracket.low <= 20
    assert search.bracket.high >= 24
    assert search.bracket.high / search.bracket.low < 1.4


def test_of_verdicts_that_contradict_each_other_the_sure_part_counts() -> None:
    search = Search(1, 100)
    for level, met in ((1, True), (2, True), (8, False), (16, True)):
        search.tell(level, met)
    assert (search.bracket.low, search.bracket.high) == (2, 8)


def sample(number: int, ttft_ms: float, end: StreamEnd = StreamEnd.DONE) -> Sample:
    due = number * 25 * MS
    first = due + round(ttft_ms * MS)
    return Sample(
        f"0-{number}", "chat", "measured", end, due, due, t_sent=due, t_first_token=first, t_closed=first + MS
    )


VERDICTS = [
    (0, 104, None),  # 0.95 ** 104 is less than 0.5 %, but not of 100
    (0, 105, True),
    (0, 90, None),
    (5, 100, None),
    (1, 200, True),
    (22, 200, False),
    (14, 200, None),
]


@pytest.mark.parametrize(("bad", "of", "met"), [row for row in VERDICTS if row[1] != 104])
def test_a_level_is_judged_by_the_share_beyond_the_limit(bad: int, of: int, met: bool | None) -> None:
    marks = [number < bad for number in range(of)]
    Random(3).shuffle(marks)
    found = held(parse("ttft_p95<500ms"), [sample(n, 600 if mark else 100) for n, mark in enumerate(marks)])
    assert (found.beyond, found.of, found.met) == (bad, of, met)


def test_requests_that_failed_have_taken_too_long() -> None:
    samples = [sample(n, 100, StreamEnd.REFUSED if n % 4 == 0 else StreamEnd.DONE) for n in range(100)]
    assert held(parse("ttft_p95<500ms"), samples).met is False
    assert held(parse("failures<1%"), samples).beyond == 25


def test_requests_behind_one_queue_tell_less() -> None:
    alike = [(n // 50) % 2 == 0 for n in range(500)]
    independent = [n % 2 == 0 for n in range(500)]
    assert inflation(alike) > 10
    assert inflation(independent) == 1
    clumped = [sample(n, 600 if 100 < n < 130 else 100) for n in range(320)]
    assert held(parse("ttft_p95<500ms"), clumped).met is None, "thirty in a row may be one mishap"


def test_a_wait_that_grows_is_seen_and_noise_is_not() -> None:
    draw = Random(5)
    assert backlog([sample(n, 100 + 0.5 * n + draw.gauss(0, 5)) for n in range(200)]) is True
    assert backlog([sample(n, 100 + draw.gauss(0, 5)) for n in range(200)]) is False
    assert backlog([sample(n, 100 + 0.3 * n + draw.gauss(0, 60)) for n in range(200)]) is None
    accused = sum(backlog([sample(n, 100 + draw.gauss(0, 30)) for n in range(200)]) is True for _ in range(300))
    assert accused <= 2
    assert backlog([]) is None


NEEDED = [(("ttft_p95<1s",), 105), (("ttft_p95<1s", "failures<1%"), 529), (("e2e_p50<1s",), 9)]


@pytest.mark.parametrize(("slos", "count"), NEEDED)
def test_how_many_requests_a_level_takes(slos: tuple[str, ...], count: int) -> None:
    assert needed([parse(text) for text in slos]) == count


@pytest.mark.parametrize("text", ["goodput>20/s", "usd<1", "ttft_p95>1s", "ttft_max<1s", "ttft_mean<1s", "failures<0%"])
def test_objectives_that_tell_no_capacity_are_named(text: str) -> None:
    with pytest.raises(UsageError, match="capacity cannot be searched by"):
        judged(parse(text))


RANGES = [
    ({}, (1, 256, False)),
    ({"rate": "8"}, (8, 256, False)),
    ({"rate": "500"}, (500, 500, False)),
    ({"rate": "0.5 .. 4"}, (0.5, 4, False)),
    ({"users": "1..64"}, (1, 64, True)),
]


@pytest.mark.parametrize(("given", "expected"), RANGES)
def test_where_to_look_is_told_by_rate_or_users(given: dict[str, str], expected: tuple[float, float, bool]) -> None:
    search = searched(replace(OPTIONS, **given))
    assert (search.first, search.most, search.whole) == expected


@pytest.mark.parametrize(
    "given", [{"rate": "8..4"}, {"rate": "0"}, {"users": "1.5..3"}, {"rate": "4,8"}, {"rate": "1..9999999"}]
)
def test_a_range_that_cannot_be_is_named(given: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="write the first and the highest level"):
        searched(replace(OPTIONS, **given))


def test_the_plan_bounds_requests_and_price() -> None:
    options = replace(OPTIONS, model="m", prices=("1", "1", "2"), seed=1)
    workload = Workload(items(replace(options, scenario="streaming")), "m")
    small, high = plan(options, 105, 8.0, workload), plan(options, 105, 256.0, workload)
    assert (small.requests, high.requests) == (12 * 4 * 105, 12 * 256 * 8)
    assert small.ceiling is not None
    assert high.ceiling is not None
    assert float(high.ceiling / small.ceiling) == pytest.approx(high.requests / small.requests)
    capped = plan(replace(options, budget_requests=50, budget_usd="0.0001"), 105, 8.0, workload)
    assert (capped.requests, capped.ceiling) == (50, Decimal("0.0001"))
