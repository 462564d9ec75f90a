"""Quantiles and spans of a log: ranks in a table, and against the definition of the nearest rank."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.wire.latency import SPANS, complete, mean_gaps_ms, nearest_rank, quantile, spans_ms, steps
from echosounder.wire.verdict import LEVELS, WORST_FIRST, Verdict, worst, worst_first


@pytest.mark.parametrize(
    ("share", "count", "rank"),
    [(0.5, 1, 1), (0.5, 2, 1), (0.5, 3, 2), (0.5, 4, 2), (0.0, 9, 1), (1.0, 9, 9), (0.99, 99, 99), (0.99, 100, 99), (0.75, 5, 4)],
)  # fmt: skip
def test_the_nearest_rank(share, count, rank):
    assert nearest_rank(share, count) == rank


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40), st.integers(1, 16))
def test_a_quantile_is_the_first_value_that_so_many_do_not_exceed(values, sixteenths):
    """Shares of sixteenths are exact in binary."""
    due = Fraction(sixteenths, 16) * len(values)
    found = next(value for value in sorted(values) if sum(each <= value for each in values) >= due)
    assert quantile(sorted(values), sixteenths / 16) == found


def test_without_values_there_is_no_quantile():
    assert quantile([], 0.5) is None


DONE = {"end": "done", "t_scheduled": 0, "t_sent": 1_000_000, "t_first_token": 3_500_000, "t_closed": 9_000_000}
SPANNED = [
    ("ttft", {}, [2.5]),
    ("ttft_from_schedule", {}, [3.5]),
    ("e2e", {}, [8.0]),
    ("e2e", {"end": "finish-without-done"}, [8.0]),
    ("e2e", {"end": "truncated"}, []),
    ("ttft", {"end": "truncated"}, [2.5]),  # it had a first token all the same
    ("e2e_from_schedule", {}, [9.0]),
    ("connect", {}, []),
]


@pytest.mark.parametrize(("name", "change", "found"), SPANNED)
def test_a_span_is_of_the_samples_that_have_both_stamps(name, change, found):
    assert list(spans_ms(name, [DONE | change, {"end": "done"}])) == found
    assert SPANS[name].whole is name.startswith("e2e")


@pytest.mark.parametrize(
    ("sample", "whole"), [({}, True), ({"failure": "x"}, False), ({"end": "done", "failure": "x"}, True), ({"end": "x"}, False)]
)  # fmt: skip
def test_a_sample_is_complete_by_its_end_or_without_a_failure(sample, whole):
    assert complete(sample) is whole


@pytest.mark.parametrize(
    ("sample", "count", "mean"),
    [
        ({}, 0, None),
        ({"gaps_us": [2000, 4000]}, 2, 3.0),
        ({"gaps_us": [2000, 4000], "token_events": 5}, 4, 1.5),
        ({"gaps_us": [2000, 4000], "token_events": 1}, 2, 3.0),
        ({"token_events": 5}, 4, None),
    ],
)
def test_the_mean_gap_is_between_events_and_not_between_reads(sample, count, mean):
    assert steps(sample) == count
    assert list(mean_gaps_ms([sample])) == ([] if mean is None else [mean])


def test_verdicts_only_get_worse_together():
    for one in Verdict:
        assert worst([one, Verdict.PASS]) is one
        assert worst([Verdict.ERROR, one]) is Verdict.ERROR
    assert worst([]) is Verdict.PASS
    assert worst([Verdict.NONSTRICT, Verdict.FAIL, Verdict.INCONCLUSIVE]) is Verdict.FAIL


def test_rows_stand_by_verdict_then_level_then_name():
    rows = [
        {"verdict": verdict, "level": level, "id": name}
        for name in "ba"
        for level in (*reversed(LEVELS), "other")
        for verdict in reversed(WORST_FIRST)
    ]
    found = [(row["verdict"], row["level"], row["id"]) for row in worst_first(rows)]
    assert found == [(verdict, level, name) for verdict in WORST_FIRST for level in (*LEVELS, "other") for name in "ab"]
