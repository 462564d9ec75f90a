"""A warm-up, a trend, a cold cache and a standing queue are found in the data, and nothing is found in noise."""

from collections.abc import Callable
from random import Random

import pytest
from msgspec.structs import replace

from echosounder.load.figures.course import RunCourse, steadiness
from echosounder.load.figures.histogram import Histogram
from echosounder.load.sample import Sample
from echosounder.wire.stream import StreamEnd
from echosounder.wire.usage import Usage

S, MS = 1_000_000_000, 1_000_000


def course(
    seconds: int, ttft_ms: Callable[[int], float], hits: Callable[[int], int] = lambda at: 0, seed: int = 1
) -> RunCourse:
    """Twenty requests a second, with noise of a fifth."""
    draw, made = Random(seed), RunCourse()
    for number in range(seconds * 20):
        at = number // 20
        due, took = number * S // 20, round(ttft_ms(at) * draw.uniform(0.8, 1.2) * MS)
        usage = Usage(prompt=100, completion=1, hit=hits(at), miss=100 - hits(at))
        stamps = {"t_sent": due, "t_first_token": due + took, "t_closed": due + took}
        made.add([replace(Sample(f"0-{number}", "chat", "measured", StreamEnd.DONE, due, due), usage=usage, **stamps)])
    return made


def found(made: RunCourse) -> tuple[float | None, float | None, str]:
    told = steadiness(made, Histogram(), Histogram())
    return told["warmup_s"], told["trend"], " ".join(told["says"])


def test_noise_is_steady_in_95_of_100_runs() -> None:
    told = [found(course(30, lambda at: 100, seed=seed)) for seed in range(100)]
    assert sum(each == (0.0, None, "") for each in told) >= 95


@pytest.mark.parametrize(("slow", "seconds"), [(3, 30), (8, 60), (10, 120)])
def test_the_warm_up_is_found_with_its_evidence(slow: int, seconds: int) -> None:
    warmup, trend, says = found(course(seconds, lambda at: 300 if at < slow else 100))
    assert warmup == pytest.approx(slow, abs=3)
    assert trend is None
    assert "were unlike the rest: TTFT 2" in says or "were unlike the rest: TTFT 3" in says
    assert f"--warmup {warmup:g}s" in says


@pytest.mark.parametrize(("end", "word"), [(200, "grew"), (50, "fell")])
def test_a_trend_within_the_run_is_said(end: float, word: str) -> None:
    _, trend, says = found(course(40, lambda at: 100 + (end - 100) * at / 40))
    assert trend is not None
    assert f"TTFT {word} within the run" in says


def test_a_cold_cache_is_said() -> None:
    assert (
        "the cache was cold: 0% of the prompt tokens"
        in found(course(30, lambda at: 100, lambda at: 80 if at > 8 else 0))[2]
    )
    assert found(course(30, lambda at: 100, lambda at: 80))[2] == ""


def test_a_run_of_a_few_seconds_tells_nothing() -> None:
    assert found(course(5, lambda at: 300 if at < 2 else 100)) == (None, None, "")
    assert found(RunCourse()) == (None, None, "")


def test_a_standing_queue_is_said() -> None:
    first, kept = Histogram(), Histogram()
    first.add([1_000_000] * 10)
    kept.add([900_000] * 9)
    assert "900 of 1000 ms" in steadiness(RunCourse(), kept, first)["says"][0]
    few = Histogram()
    few.add([900_000] * 3)
    assert steadiness(RunCourse(), few, first)["says"] == []
