"""A queue is told from a target that is slow: who waits is who came too many, and for the end of another."""

import pytest

from echosounder.load.experiment.script import Outcome
from echosounder.load.limits.bench import Bench
from echosounder.load.limits.goal import LimiterGoal, LimiterJobs
from echosounder.load.limits.queues import queued
from echosounder.load.sample import Sample
from echosounder.wire.stream import StreamEnd

NS = 1_000_000_000


def answers(bench, spans, keepalives=0):
    """Requests sent at 0, first and last token at the given times in s; those that do not start at once saw *keepalives*."""
    for first, last in spans:
        ask = bench.held()
        stamps = {
            "t_sent": 0,
            "t_first_token": round(first * NS),
            "t_last_token": round(last * NS),
            "t_closed": round(last * NS),
        }
        seen = keepalives if first > 0.2 else 0
        sample = Sample(str(ask.id), "hold", "measured", StreamEnd.DONE, 0, 0, status=200, keepalives=seen, **stamps)
        bench.book.outcomes[ask.id] = Outcome(ask, 0.0, 0.01, 200, (), last, True, sample)
        yield ask


def waves(*starts, size=4):
    """*size* at a time, each a second long."""
    return [(start + 0.05 + index / 1000, start + 1 + index / 1000) for start in starts for index in range(size)]


CASES = [
    pytest.param(waves(0), 1, None, id="all at once"),
    pytest.param(waves(0, 1), 1, 4, id="as many again, when the first have ended"),
    pytest.param(waves(0, 1, 2), 1, 4, id="three times as many"),
    pytest.param(waves(0, 1, 2), 0, 4, id="without a keep-alive"),
    # More were slow than can have been too many: eight were served at one time, so only four of twelve would have waited.
    pytest.param(waves(0) + [(1.1 + index / 1000, 3.0) for index in range(8)], 0, None, id="slow with most of them"),
]


@pytest.mark.parametrize(("spans", "keepalives", "served"), CASES)
def test_a_queue_is_what_makes_those_wait_that_came_too_many(spans, keepalives, served):
    bench = Bench(LimiterGoal(), LimiterJobs("deepseek-v4-flash", "2026-08"))
    found = queued(bench, list(answers(bench, spans, keepalives)))
    assert (found and (found.limit.low, found.limit.high)) == (served and (served, served))
