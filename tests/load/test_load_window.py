"""What the live page shows of the last seconds: not what happened before them."""

import random

import pytest

from echosounder.load.engine import new_tally
from echosounder.load.figures.histogram import Histogram
from echosounder.load.options import Options
from echosounder.load.sample import Sample
from echosounder.load.watch.snapshot import held
from echosounder.load.watch.window import LastSeconds
from echosounder.wire.stream import StreamEnd

S, MS = 1_000_000_000, 1_000_000
OPTIONS = Options(url="http://127.0.0.1:9", rate="5", slo=("ttft_p50<100ms", "failures<1%"))


def answered(number: int, ttft_ms: int, end: StreamEnd = StreamEnd.DONE) -> Sample:
    due = number * S // 5
    stamps = {"t_sent": due, "t_first_token": due + ttft_ms * MS, "t_closed": due + ttft_ms * MS}
    return Sample(f"0-{number}", "chat", "measured", end, due, due, **stamps)


def test_the_last_seconds_are_told_apart_from_the_run() -> None:
    tally, window = new_tally(OPTIONS), LastSeconds()
    assert window.take(tally, 0.0)["ttft_ms"] == {"p50": None, "p95": None, "p99": None}
    for second in range(1, 31):
        slow = second > 15
        tally.samples([answered(5 * second + n, 400 if slow else 20) for n in range(5)])
        last = window.take(tally, float(second))
    assert last["seconds"] == 10
    assert last["ttft_ms"]["p50"] == pytest.approx(400, rel=0.001)
    assert last["completed_per_s"] == 5
    assert tally.histograms["ttft"].quantile(0.5) == pytest.approx(20, rel=0.001), "of the run, half and half"
    tally.samples([answered(999, 20, StreamEnd.REFUSED)])
    assert window.take(tally, 31.0)["failed_per_s"] == 0.1


def test_a_histogram_minus_what_it_was_is_what_came() -> None:
    draw, whole = random.Random(2), Histogram()
    whole.add(draw.choices(range(1, 90_000), k=500))
    before = whole.copy()
    after = draw.choices(range(1, 50_000), k=300)
    whole.add(after)
    found, expected = whole.since(before), Histogram()
    expected.add(after)
    assert (found.count, found.total) == (300, pytest.approx(expected.total))
    assert [found.quantile(share) for share in (0.5, 0.99)] == [expected.quantile(share) for share in (0.5, 0.99)]
    assert found.largest == pytest.approx(expected.largest, rel=0.001)


def test_objectives_are_held_while_the_run_lasts() -> None:
    tally = new_tally(OPTIONS)
    assert held(OPTIONS, tally, 0) == []
    tally.enter([{"kind": "worker", "worker": 0, "begin": 0, "wall_offset": 0}, *(answered(n, 20) for n in range(30))])
    assert [slo["met"] for slo in held(OPTIONS, tally, 6 * S)] == [True, True]
