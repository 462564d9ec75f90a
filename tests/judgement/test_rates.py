"""How often is it broken, and what do so many tries say?"""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.judgement.rates import OTHERS, VALUES, BreakRates, exact, sentence
from echosounder.wire.verdict import Finding, Result, Verdict


@pytest.mark.parametrize(
    ("failed", "judged", "low", "high"),  # Clopper and Pearson, as tables and other programs have it
    [
        (0, 10, 0.0, 0.30850),
        (1, 10, 0.00253, 0.44502),
        (5, 10, 0.18709, 0.81291),
        (10, 10, 0.69150, 1.0),
        (1, 4310, 5.874e-6, 12.92e-4),
        (0, 4310, 0.0, 8.555e-4),
        (3, 100, 0.00623, 0.08518),
        (99, 100, 0.94554, 0.99975),
    ],
)
def test_the_interval_is_the_exact_one(failed, judged, low, high):
    assert exact(failed, judged) == (pytest.approx(low, rel=2e-3), pytest.approx(high, rel=2e-3))


@given(st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_at_the_ends_of_the_interval_the_tail_holds_two_and_a_half_per_cent(case):
    failed, judged = case
    low, high = exact(failed, judged)
    assert low <= failed / judged <= high
    if failed:
        assert sum(
            comb(judged, k) * low**k * (1 - low) ** (judged - k) for k in range(failed, judged + 1)
        ) == pytest.approx(0.025)
    if failed < judged:
        assert sum(comb(judged, k) * high**k * (1 - high) ** (judged - k) for k in range(failed + 1)) == pytest.approx(
            0.025
        )


def test_many_of_both_kinds_take_no_time():
    low, high = exact(500_000, 1_000_000)
    assert low == pytest.approx(0.499, abs=1e-4)
    assert high == pytest.approx(0.501, abs=1e-4)


@pytest.mark.parametrize(
    ("failed", "judged", "says"),
    [
        (1, 4310, "broken in 1 of 4,310 exchanges: 0.06 to 12.9 in 10,000, with 95 % confidence"),
        (5, 10, "broken in 5 of 10 exchanges: 18.7% to 81.3%, with 95 % confidence"),
        (0, 4310, "broken in none of 4,310 exchanges: at most 8.6 in 10,000, with 95 % confidence"),
    ],
)
def test_the_sentence_is_in_the_unit_that_fits(failed, judged, says):
    assert sentence(failed, judged) == says


def result(verdict, id="stream.complete"):
    findings = (Finding(id, "cut", "7"),) if verdict is Verdict.FAIL else ()
    return Result(id, verdict, findings)


def filled():
    rates = BreakRates()
    for number in range(40):
        rates.add([result(Verdict.FAIL if number % 20 == 0 else Verdict.PASS)], {"model": "a" if number < 20 else "b"})
    rates.add([result(Verdict.FAIL)], {"model": "b"})
    rates.add([result(Verdict.INCONCLUSIVE)], {"model": "b"})
    return rates


def test_counts_are_kept_in_all_and_by_group():
    rates = filled()
    assert rates.count("stream.complete") == (3, 41)
    [row] = rates.rows()
    assert (row["requirement"], row["failed"], row["judged"]) == ("stream.complete", 3, 41)
    assert [(each["value"], each["failed"], each["judged"]) for each in row["groups"]] == [("b", 2, 21), ("a", 1, 20)]


@pytest.mark.parametrize(
    ("verdicts", "says"),
    [
        ([Verdict.PASS, Verdict.FAIL], Verdict.FAIL),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], Verdict.PASS),
        ([Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([], None),
    ],
)
def test_the_verdict_on_all_of_the_traffic(verdicts, says):
    rates = BreakRates()
    rates.add(map(result, verdicts), {})
    found = rates.result("stream.complete", Verdict.FAIL)
    assert (found and found.verdict) == says


def test_no_client_can_make_more_groups_than_there_is_room_for():
    rates = BreakRates()
    for number in range(VALUES + 50):
        rates.add([result(Verdict.PASS)], {"client": f"agent {number}"})
    assert len({key[2] for key in rates.judged if key[1]}) == VALUES + 1
    assert rates.judged["stream.complete", "client", OTHERS] == 50


def test_what_is_carried_over_counts_on():
    rates = BreakRates.carried(filled().record())
    assert list(rates.rows()) == list(filled().rows())
    rates.add([result(Verdict.FAIL)], {"model": "a"})
    assert rates.count("stream.complete") == (4, 42)


def test_of_one_fault_few_findings_are_kept():
    rates = BreakRates()
    for _ in range(100):
        rates.add([result(Verdict.FAIL)], {})
    assert len(rates.findings["stream.complete"]) == 10
