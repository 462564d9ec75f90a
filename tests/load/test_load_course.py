"""Steadiness of a run by its seconds: sums, parts, warm-up, trend, cold cache and queue, on courses made by hand."""

from random import Random
from types import SimpleNamespace

import pytest

from echosounder.load.figures.course import LEAST, PARTS, SECOND, RunCourse, steadiness
from echosounder.load.figures.histogram import Histogram
from echosounder.load.sample import MEASURED
from echosounder.wire.usage import Usage

NONE = Histogram()


def sample(second, ttft_ms, usage=None, phase=MEASURED, sent=True):
    at = second * SECOND
    begin, first = (at, at + round(ttft_ms * 1e6)) if sent else (None, None)
    return SimpleNamespace(phase=phase, t_scheduled=at, t_sent=begin, t_first_token=first, usage=usage)


def course(*ttfts, **usage):
    made = RunCourse()
    made.add(
        sample(second, ttft, **{name: value(second) for name, value in usage.items()})
        for second, ttft in enumerate(ttfts)
    )
    return made


def test_a_second_holds_sums_of_the_measured_first_tokens():
    made = RunCourse()
    made.add([
        sample(3, 10.0, Usage(prompt=100, hit=60, cached=1)),
        sample(3, 20.0, Usage(prompt=50, cached=5)),
        sample(3, 30.0, Usage(prompt=7)),
        sample(3, 40.0, phase="warmup"),
        sample(3, 50.0, sent=False),
        sample(4, 5.0),
    ])  # fmt: skip
    assert made.seconds == {3: [3, 60.0, 150, 65], 4: [1, 5.0, 0, 0]}


@pytest.mark.parametrize(
    ("seconds", "width", "parts"),
    [(0, 0, 0), (1, 1, 1), (LEAST, 1, LEAST), (LEAST + 1, 1, LEAST), (PARTS, 1, PARTS - 1),
     (2 * PARTS + 1, 2, PARTS), (2 * PARTS, 1, 2 * PARTS - 1)],
)  # fmt: skip
def test_a_run_is_cut_into_equal_parts_and_the_last_one_is_left(seconds, width, parts):
    found, rows = course(*[1.0] * seconds).parts()
    assert (found, len(rows)) == (width, parts)
    assert all(row[:2] == [width, width] for row in rows)


def noisy(means, seed=1):
    random = Random(seed)
    return [mean * (1 + random.uniform(-0.01, 0.01)) for mean in means]


STEADY = [
    # means of a second each, ms -> warm-up, words
    ([100.0] * 5, None, []),
    ([100.0] * 30, 0.0, []),
    ([300.0] * 4 + [100.0] * 30, 4.0, ["the first 4 s were unlike the rest: TTFT 30"]),
    ([40.0] * 4 + [100.0] * 30, 4.0, ["the first 4 s were unlike the rest: TTFT 4"]),
    ([104.0] * 4 + [100.0] * 30, 0.0, []),  # sure, and not worth a sentence
]


@pytest.mark.parametrize(("means", "warmup", "words"), STEADY)
def test_what_is_unlike_the_rest_is_said_with_its_figures(means, warmup, words):
    found = steadiness(course(*noisy(means)), NONE, NONE)
    assert found["warmup_s"] == warmup
    assert found["trend"] is None
    assert [says[: len(word)] for says, word in zip(found["says"], words, strict=True)] == words


def test_a_trend_is_the_change_from_the_first_part_to_the_last():
    """From 100 to 200 in equal steps, of which the first may be cut off: what is left, by its mean."""
    found = steadiness(course(*(100 + 5 * second for second in range(22))), NONE, NONE)
    first = 100 + 5 * found["warmup_s"]
    assert 0 < found["warmup_s"] <= 10
    assert found["trend"] == pytest.approx((200 - first) / ((200 + first) / 2), abs=1e-4)
    assert found["says"][-1].startswith("TTFT grew within the run")
    down = steadiness(course(*noisy([200 - 100 * second / 20 for second in range(22)])), NONE, NONE)
    assert down["trend"] < 0
    assert down["says"][-1].startswith("TTFT fell within the run")


@pytest.mark.parametrize(("late", "says"), [(50, False), (60, False), (61, True), (95, True)])
def test_a_cache_that_fills_is_said_from_a_tenth_of_the_tokens_on(late, says):
    made = course(*noisy([100.0] * 31), usage=lambda second: Usage(prompt=100, hit=50 if second < 6 else late))
    found = steadiness(made, NONE, NONE)["says"]
    assert found == (
        [f"the cache was cold: 50% of the prompt tokens were hits in the first fifth of the run, {late}% in the last"]
        if says
        else []
    )


@pytest.mark.parametrize(
    ("waited_ms", "kept", "says"), [(49, 10, False), (51, 10, True), (80, 5, False), (80, 6, True), (0, 10, False)]
)
def test_a_queue_is_said_where_most_wait_for_half_of_the_time(waited_ms, kept, says):
    keepalive, ttft = Histogram(), Histogram()
    keepalive.add([waited_ms * 1000] * kept)
    ttft.add([100_000] * 10)
    found = steadiness(RunCourse(), keepalive, ttft)["says"]
    assert found == (
        [f"requests waited in a queue: {waited_ms} of 100 ms to the first token (medians) passed under keep-alives"]
        if says
        else []
    )
