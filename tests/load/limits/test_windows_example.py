"""The example at the head of `load.limits.windows`, by its code."""

import re

import pytest

from echosounder.load.limits import windows
from echosounder.load.limits.seen import INFINITY, Decision, Record

ANSWER = 0.1  # s
# limit, at most, longer than: s
LINE = re.compile(r"n = (\d) .*?: at most ([\d.]+) s .*?: longer than ([\d.]+) s")


@pytest.fixture
def record():
    scene = next(line for line in windows.__doc__.splitlines() if line.startswith("    0 a"))
    sent = re.findall(r"([\d.]+) ([ar])\b", scene)
    return Record(tuple(Decision(float(at), float(at) + ANSWER, kind == "a") for at, kind in sent))


def test_the_bounds_of_the_example(record):
    shown = LINE.findall(windows.__doc__)
    before, latest = record.latest(record.refusals), [each.answered for each in record.accepts]
    assert [limit for limit, _, _ in shown] == ["3", "2"]
    for limit, most, least in shown:
        _, window = windows._sliding_window(record, latest, before, int(limit))
        assert sorted((window.low, window.high)) == pytest.approx(sorted((float(least), float(most))))


def test_what_the_example_comes_to(record):
    found = windows.sliding(record)
    assert (found.strain, found.limit.low, found.limit.high) == (0.0, 3, 3)
    assert (found.window.low, found.window.high) == pytest.approx((9.4, 10.3))
    assert windows.fixed(record).strain == INFINITY
