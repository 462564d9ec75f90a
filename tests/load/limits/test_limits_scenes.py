"""What else is found out about a limiter, and what is reported and judged of it: scenes in virtual time, each played once."""

import json
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache

import pytest
import simulated
from jsonschema import Draft202012Validator
from simulated import AtRandom, Both, Bucket, Concurrency, Fixed, NoLimit, Punishing, Sliding

import reports
from load.limits.bench import Bench
from load.limits.charge import Burst, charge
from load.limits.discovery import Discovery, discover
from load.limits.goal import Asking, Goal
from load.limits.judge import results
from load.limits.report import rate_limit
from load.limits.scope import fairness
from wire.verdict import Verdict

PRICE = "0.0000003"


@dataclass(frozen=True)
class Scene:
    """A target as :class:`simulated.Target` takes it, and what is asked of it."""

    limiter: object
    goal: dict = field(default_factory=dict)
    target: dict = field(default_factory=dict)


def scene(limiter, goal=None, **target):
    return Scene(limiter, {"policies": False, **(goal or {})}, target)


def window():
    return Sliding(20, 3.0)


SCENES = {
    "cap": scene(lambda: Concurrency(8), price=PRICE, skew=0.0),
    "cap of one": scene(lambda: Concurrency(1), {"in_flight": 2}),
    "cap that lets in late": scene(lambda: Concurrency(16, resume=8)),
    "cap that frees late": scene(lambda: Concurrency(16, lag=0.4)),
    "cap that punishes": scene(lambda: Punishing(Concurrency(8), 1.0)),
    "bucket that punishes": scene(lambda: Punishing(Bucket(20.0, 10), 1.0)),
    "at random": scene(lambda: AtRandom(0.02)),
    "always busy": scene(NoLimit, failing=lambda number: 503),
    "cap and window": scene(lambda: Both(Concurrency(10), Sliding(100, 3.0))),
    "rpm": scene(lambda: Fixed(60, 60.0, 13.0)),
    "busy": scene(lambda: Concurrency(8), status=503, retry_after=None),
    "other envelope": scene(lambda: Concurrency(8), envelope="requests"),
    "cap, refusals charged": scene(lambda: Concurrency(8), price=PRICE, refusal_price="0.000006"),
    "bucket": scene(lambda: Bucket(20.0, 30), price=PRICE),
    "bucket of one": scene(lambda: Bucket(20.0, 1)),
    "bucket, refusals charged": scene(lambda: Bucket(20.0, 30), price=PRICE, refusal_price="0.000006"),
    "window, refusals charged": scene(lambda: Fixed(20, 2.0), price=PRICE, refusal_price="0.000006"),
    "slow window": scene(lambda: Fixed(20, 2.0), price=PRICE, ttft=0.2),
    "settled late": scene(lambda: Fixed(20, 2.0), price=PRICE, settle=0.5),
    "cut": scene(lambda: Concurrency(8), cut_every=10),
    "cents": scene(lambda: Concurrency(8), price=PRICE, refusal_price="0.000006", digits=2),
    "queue": scene(NoLimit, slots=8),
    "silent queue": scene(NoLimit, slots=8, silent=True),
    "slow": scene(NoLimit, ttft=0.4),
    "crowded": scene(NoLimit, crowding=0.03),
    "key": scene(lambda: Concurrency(8), {"keys": 2, "models": ("deepseek-v4-pro",)}, scope=("key",)),
    "model": scene(lambda: Concurrency(8), {"models": ("deepseek-v4-pro",)}, scope=("key", "model")),
    "user": scene(lambda: Bucket(10.0, 20), {"keys": 2}, scope=("user",)),
    "hint: true": scene(window),
    "hint: now": scene(window, retry_after=lambda wait: "0"),
    "hint: now, of a fast bucket": scene(lambda: Bucket(21.4, 20), retry_after=lambda wait: "0", latency=0.008),
    "hint: far too long": scene(window, retry_after=lambda wait: "60"),
    "hint: too long, of a clock": scene(
        lambda: Fixed(20, 2.0, 0.3), {"seed": 2}, seed=2, retry_after=lambda wait: str(int(wait) * 4 + 6)
    ),
    "hint: no number": scene(window, retry_after=lambda wait: "soon"),
    "hint: a fraction": scene(window, retry_after=lambda wait: f"{wait:.1f}"),
    "hint: a date by a clock that is an hour ahead": scene(window, retry_after="date", skew=3600.0),
    "hint: none": scene(window, retry_after=None),
    "clients of a bucket": scene(lambda: Bucket(10.0, 20), {"policies": True}),
    "clients told lies": scene(lambda: Bucket(10.0, 20), {"policies": True}, retry_after=lambda wait: "0"),
}


@dataclass(frozen=True)
class Played:
    discovery: Discovery
    report: dict
    results: dict
    target: simulated.Target


@cache
def played(name):
    chosen = SCENES[name]
    bench = Bench(Goal(**chosen.goal), Asking("deepseek-v4-flash", "2026-08"))
    target = simulated.Target(chosen.limiter, **chosen.target)
    discovery = target.run(discover(bench, simulated.wall))
    judged = {result.requirement: result for result in results(discovery, "2026-08")}
    return Played(discovery, rate_limit(discovery), judged, target)


def between(bounds, low, high):
    return bounds is not None and low <= bounds[0] <= bounds[1] <= high


# -------------------------------------------------------------------------------------------------- how it takes and gives


def test_a_cap_of_one_is_found_with_two_in_flight():
    assert (played("cap of one").report["kind"], played("cap of one").report["limit"]) == ("concurrency", 1)


def test_hysteresis_is_where_it_lets_in_again():
    report = played("cap that lets in late").report
    assert report["limit"] == 16
    resumes = report["hysteresis"]["resumes_at"]
    assert between(resumes, 5, 10)
    assert resumes[0] <= 8 <= resumes[1]
    assert played("cap").report["hysteresis"] is None


def test_a_place_that_is_freed_late_is_timed_and_hides_no_place():
    report = played("cap that frees late").report
    assert report["limit"] == 16
    assert report["lag_s"] == pytest.approx(0.4, abs=0.05)
    assert played("cap").report["lag_s"] == 0


def test_punished_refusals_are_timed_for_a_cap():
    report = played("cap that punishes").report
    assert (report["kind"], report["limit"]) == ("concurrency", 8)
    assert report["penalty_s"] == pytest.approx(1.0, abs=0.1)


def test_a_punishing_bucket_is_not_called_a_cap():
    report = played("bucket that punishes").report
    assert report["kind"] == "unresolved"
    assert "refusals may be punished" in report["says"]


def test_a_rate_that_is_only_known_roughly_is_reported_in_the_middle_of_the_times_between():
    report = played("bucket of one").report
    assert report["limit_ci"][1] > 1.3 * report["limit_ci"][0]
    assert report["limit"] == pytest.approx(20, rel=0.03)
    assert "the rate is only known within" in report["says"]


def test_refusals_for_no_reason_are_no_limiter():
    report = played("at random").report
    assert report["kind"] == "unresolved"
    assert "refusals may come at random" in report["says"]


def test_a_target_that_serves_nothing_is_unresolved_in_one_sentence():
    report = played("always busy").report
    assert (report["kind"], report["rivals"]) == ("unresolved", [])
    assert "a longer --duration waits longer" in report["says"]


def test_of_two_limiters_the_one_that_binds_first_is_found():
    assert (played("cap and window").report["kind"], played("cap and window").report["limit"]) == ("concurrency", 10)


def test_a_window_of_a_minute_is_found_in_five():
    report = played("rpm").report
    assert (report["kind"], report["limit"]) == ("fixed-window", 60)
    assert report["window_s"] == pytest.approx(60, rel=0.01)
    assert played("rpm").target.clock < 300


RECOVERIES = [("cap", 0.0, 0.05), ("bucket", 0.02, 0.06), ("hint: true", 0.0, 3.2), ("cap that punishes", 0.9, 2.0)]


@pytest.mark.parametrize(("name", "least", "most"), RECOVERIES)
def test_time_to_recover(name, least, most):
    assert least <= played(name).report["recovery_s"] <= most


# -------------------------------------------------------------------------------------------------------- how it refuses


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
    assert "503 instead of 429" in played_.results["load.concurrency-limit"].findings[0].message


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


# ---------------------------------------------------------------------------------------------------- whom it counts together

SCOPES = [
    ("key", {"key": False, "user_id": True, "model": True}),
    ("model", {"user_id": True, "model": False}),
    ("user", {"key": True, "user_id": False}),
    ("cap", {"user_id": True}),
]


@pytest.mark.parametrize(("name", "scope"), SCOPES)
def test_who_is_counted_together(name, scope):
    assert played(name).report["scope"] == scope


def test_two_keys_with_limits_of_their_own_take_nothing_from_each_other():
    users = played("key").report["fairness"]["users"]
    assert list(users) == ["key 1", "key 2"]
    assert users["key 2"]["offered"] >= 8
    assert users["key 2"]["admitted"] == users["key 2"]["offered"]


JAIN = [
    ({"a": (10, 20), "b": (5, 10)}, 1.0),
    ({"a": (20, 20), "b": (0, 10)}, 0.5),
    ({"a": (20, 20), "b": (5, 10)}, 0.9),
    ({"a": (0, 20), "b": (0, 10)}, None),
    ({}, None),
]


@pytest.mark.parametrize(("shares", "index"), JAIN)
def test_fairness_is_by_share_of_what_was_asked_for(shares, index):
    assert fairness(shares) == (None if index is None else pytest.approx(index))


# ------------------------------------------------------------------------------------------------------- what it says of itself

HINTS = [
    ("hint: true", "seconds", True, Verdict.PASS, Verdict.PASS),
    ("hint: now", "seconds", False, Verdict.PASS, Verdict.NONSTRICT),
    ("hint: now, of a fast bucket", "seconds", False, Verdict.PASS, Verdict.NONSTRICT),
    ("hint: far too long", "seconds", False, Verdict.PASS, Verdict.NONSTRICT),
    ("hint: too long, of a clock", "seconds", False, Verdict.PASS, Verdict.NONSTRICT),
    ("hint: no number", "unparsable", False, Verdict.NONSTRICT, Verdict.NONSTRICT),
    ("hint: a fraction", "unparsable", False, Verdict.NONSTRICT, Verdict.NONSTRICT),
    ("hint: a date by a clock that is an hour ahead", "date", True, Verdict.PASS, Verdict.PASS),
    ("hint: none", None, None, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
    ("cap that punishes", "seconds", True, Verdict.PASS, Verdict.PASS),
]


@pytest.mark.parametrize(("name", "form", "honest", "readable", "true"), HINTS, ids=[row[0] for row in HINTS])
def test_hints_are_put_to_the_test(name, form, honest, readable, true):
    said, judged = played(name).report["retry_after"], played(name).results
    assert (said["present"], said["form"], said["honest"]) == (form is not None, form, honest)
    assert judged["load.retry-after-readable"].verdict is readable
    assert judged["load.retry-after-true"].verdict is true


def test_a_clock_that_disagrees_is_measured_and_does_not_make_a_liar():
    assert played("hint: a date by a clock that is an hour ahead").report["clock_skew_s"] == pytest.approx(
        3600, abs=1.1
    )
    assert abs(played("cap").report["clock_skew_s"]) < 1.1
    assert played("bucket").report["clock_skew_s"] is None  # it sends no Date


def test_the_envelope_of_a_refusal_is_judged():
    assert played("cap").results["load.429-envelope"].verdict is Verdict.PASS
    [finding] = played("other envelope").results["load.429-envelope"].findings
    assert "'requests'" in finding.message
    assert finding.pointer == "/error/type"


def test_streams_that_are_cut_under_load_are_counted():
    assert played("cap").results["load.streams-complete"].verdict is Verdict.PASS
    result = played("cut").results["load.streams-complete"]
    accepted = [event for event in played("cut").discovery.events if event.status == 200 and event.closed is not None]
    cut = sum(not event.ask.id % 10 for event in accepted)
    assert result.verdict is Verdict.FAIL
    assert f"{cut} of {len(accepted)} accepted streams" in result.findings[0].message


RECOVERS = [
    ("cap", Verdict.PASS, ""),
    ("cap that lets in late", Verdict.NONSTRICT, "in flight"),
    ("cap that frees late", Verdict.NONSTRICT, "stays taken for 0."),
    ("cap that punishes", Verdict.NONSTRICT, "asking again renews that"),
    ("bucket", Verdict.INCONCLUSIVE, ""),
]


@pytest.mark.parametrize(("name", "verdict", "says"), RECOVERS, ids=[row[0] for row in RECOVERS])
def test_recovery_is_judged_for_caps(name, verdict, says):
    result = played(name).results["load.recovers"]
    assert result.verdict is verdict
    assert says in " ".join(finding.message for finding in result.findings)


# ----------------------------------------------------------------------------------------------------- what its clients come to


def policies(name):
    return {row["policy"]: row for row in played(name).report["policies"]}


def test_a_client_that_does_not_retry_gives_up_what_was_refused():
    none = policies("clients of a bucket")["none"]
    assert none["done"] == 20
    assert none["abandoned"] == none["jobs"] - 20 > 0
    assert none["requests"] == none["jobs"]


@pytest.mark.parametrize("policy", ["fixed", "exponential-jitter", "retry-after"])
def test_a_client_that_retries_gets_everything_done(policy):
    row = policies("clients of a bucket")[policy]
    assert (row["done"], row["abandoned"]) == (row["jobs"], 0)
    assert row["requests"] > row["jobs"]
    assert row["goodput_per_s"] == pytest.approx(row["done"] / row["seconds"], rel=1e-3)
    assert row["requests_per_job"] == pytest.approx(row["requests"] / row["done"], rel=1e-3)


def test_a_hint_that_lies_costs_its_believers_their_jobs():
    row = policies("clients told lies")["retry-after"]
    assert row["abandoned"] > 0
    assert row["requests"] > 2 * row["jobs"] - 20


# -------------------------------------------------------------------------------------------------------------- the report


@pytest.mark.parametrize(
    "name", ["cap", "bucket", "hint: true", "queue", "bucket that punishes", "clients of a bucket"]
)
def test_the_report_is_of_the_schema(name):
    member = reports.schema("load")["properties"]["rate_limit"]
    Draft202012Validator(member).validate(json.loads(json.dumps(played(name).report)))


@pytest.mark.parametrize("name", ["cap", "busy", "bucket", "hint: true", "clients of a bucket"])
def test_the_curves_add_up_to_what_was_sent(name):
    curves, discovery = played(name).report["curves"], played(name).discovery
    totals = {key: sum(second[key] for second in curves) for key in ("offered", "admitted", "rejected", "abandoned")}
    assert totals["offered"] == totals["admitted"] + totals["rejected"] == len(discovery.events)
    assert totals["rejected"] == played(name).report["refusals"]["count"]
    assert totals["abandoned"] == sum(result.abandoned for result in discovery.policies)


def test_no_second_has_more_in_flight_than_the_cap_and_some_have_as_many():
    assert max(second["in_flight"] for second in played("cap").report["curves"]) == 8


@pytest.mark.parametrize("name", ["cap", "bucket", "hint: true"])
def test_the_model_is_drawn_over_the_decisions_it_was_told_from(name):
    line, record = played(name).report["timeline"], played(name).discovery.record
    assert sum(bin_["admitted"] for bin_ in line) == len(record.accepts)
    assert sum(bin_["rejected"] for bin_ in line) == len(record.refusals)
    assert sum(bin_["model_admitted"] + bin_["model_rejected"] for bin_ in line) == len(record.all)
    agreed = sum(min(bin_["admitted"], bin_["model_admitted"]) for bin_ in line)
    assert agreed >= 0.9 * len(record.accepts)
