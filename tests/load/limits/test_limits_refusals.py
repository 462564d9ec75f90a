"""How a limiter refuses: what refusals look like, queues, and what they cost."""

from fractions import Fraction

import pytest
from limits_scenes import played

from echosounder.load.limits.charge import Burst, charge
from echosounder.wire.verdict import Verdict


def test_refusals_are_described():
    refusals = played("cap").report["refusals"]
    assert refusals["statuses"] == {"429": refusals["count"]}
    assert refusals["body"] == "error-object"
    assert refusals["kept_connection"] == 1
    assert refusals["headers"] == ["retry-after"]
    assert 2 <= refusals["latency_ms"] <= 12  # twice 2 ms of way, and jitter


def test_overload_by_503_is_a_refusal_like_another():
    played_ = played("busy")
    assert (played_.report["kind"], played_.report["limit"]) == ("concurrency", 8)
    assert set(played_.report["refusals"]["statuses"]) == {"503"}
    assert "with 503, expected 429" in played_.results["load.concurrency-limit"].findings[0].message


def test_a_queue_is_counted_and_timed():
    report = played("queue").report
    assert (report["kind"], report["limit"]) == ("queue", 8)
    assert report["queue"]["waited"] == 248
    assert report["queue"]["longest_s"] > 10


def test_a_queue_that_says_nothing_is_told_from_a_target_that_is_slow():
    assert (played("silent queue").report["kind"], played("silent queue").report["limit"]) == ("queue", 8)
    assert played("slow").report["kind"] == "none"
    assert played("crowded").report["kind"] == "none"


CHARGES = [
    ("cap", Fraction(63, 10**7), 0),
    ("bucket", Fraction(63, 10**7), 0),
    ("cap, refusals charged", Fraction(63, 10**7), Fraction(6, 10**6)),
    ("bucket, refusals charged", Fraction(63, 10**7), Fraction(6, 10**6)),
    ("window, refusals charged", Fraction(63, 10**7), Fraction(6, 10**6)),
    ("slow window", Fraction(63, 10**7), 0),
    ("settled late", None, None),
    ("cents", None, None),
    ("busy", None, None),  # it tells no balance
]


@pytest.mark.parametrize(("name", "accepted", "refused"), CHARGES, ids=[name for name, _, _ in CHARGES])
def test_what_a_refused_request_costs(name, accepted, refused):
    found = played(name).discovery.charge
    assert (found.accepted, found.refused) == (accepted, refused)
    assert bool(found.says) is (refused is None)
    verdict = {None: Verdict.INCONCLUSIVE, 0: Verdict.PASS}.get(refused, Verdict.FAIL)
    assert played(name).results["load.429-not-charged"].verdict is verdict


EQUATIONS = [
    (Burst(4, 0, 8), Burst(0, 16, 0), (2, 0)),
    (Burst(4, 0, 8), Burst(2, 14, 18), (2, 1)),
    (Burst(1, 3, 5), Burst(0, 16, 16), (2, 1)),
    (Burst(4, 0, 0), Burst(0, 16, 0), (None, None)),  # too coarse a balance
    (Burst(4, 0, 8), Burst(4, 0, 8), (None, None)),  # nothing was refused
    (Burst(4, 0, 8), Burst(0, 16, -1), (2, None)),  # somebody topped it up
]


@pytest.mark.parametrize(("one", "two", "costs"), EQUATIONS)
def test_two_bursts_are_two_equations(one, two, costs):
    found = charge(one, two)
    assert (found.accepted, found.refused) == costs
    assert bool(found.says) is (costs[1] is None)
