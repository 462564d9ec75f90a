"""Whom a limiter counts together, what it says of itself, and what the requirements say about that."""

import pytest
from limits_scenes import played

from echosounder.load.limits.scope import counted_for, fairness
from echosounder.wire.verdict import Verdict

SCOPES = [
    ("key", {"key": False, "user_id": True, "model": True}),
    ("model", {"user_id": True, "model": False}),
    ("user", {"key": True, "user_id": False}),
    ("cap", {"user_id": True}),
]


@pytest.mark.parametrize(("name", "scope"), SCOPES)
def test_who_is_counted_together(name, scope):
    assert played(name).report["scope"] == scope


FOR_WHOM = [
    ({"key": False, "user_id": True, "model": True}, ["it counts per API key"]),
    ({"key": False, "model": False}, ["per API key", "and per model"]),
    ({"key": True, "user_id": True}, ["a key of another organization and a run from another address would tell"]),
    ({"key": True, "model": False}, ["it counts per model"]),
    ({"user_id": True}, ["a second key (--other-api-key-env) would tell"]),
    ({"key": None, "user_id": False}, ["it counts per user_id", "a second key"]),
]


@pytest.mark.parametrize(("found", "says"), FOR_WHOM)
def test_it_is_named_for_whom_it_counts_or_what_would_tell(found, says):
    said = counted_for(found)
    assert [each for each in says if each not in said] == []
    assert ("would tell" in said) is not (found.get("key") is False or "per model" in says[0])


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


HINTS = [
    ("hint: true", "seconds", True, Verdict.PASS, Verdict.PASS),
    ("hint: now", "seconds", False, Verdict.PASS, Verdict.NONSTRICT),
    ("hint: now, of a fast bucket", "seconds", False, Verdict.PASS, Verdict.NONSTRICT),
    ("hint: far too long", "seconds", False, Verdict.PASS, Verdict.NONSTRICT),
    ("hint: too long, of a clock", "seconds", False, Verdict.PASS, Verdict.NONSTRICT),
    ("hint: no number", "unparsable", False, Verdict.NONSTRICT, Verdict.NONSTRICT),
    ("hint: a fraction", "unparsable", False, Verdict.NONSTRICT, Verdict.NONSTRICT),
    ("hint: a date by a clock that is an hour ahead", "date", True, Verdict.PASS, Verdict.PASS),
    ("hint: a Unix time", "seconds", False, Verdict.NONSTRICT, Verdict.NONSTRICT),
    ("hint: a Unix time in ms", "seconds", False, Verdict.NONSTRICT, Verdict.NONSTRICT),
    ("hint: negative", "unparsable", False, Verdict.NONSTRICT, Verdict.NONSTRICT),
    ("hint: absurd", "seconds", False, Verdict.NONSTRICT, Verdict.NONSTRICT),
    ("hint: a day", "seconds", False, Verdict.PASS, Verdict.NONSTRICT),
    ("hint: a date that has passed", "date", False, Verdict.PASS, Verdict.NONSTRICT),
    ("hint: none", None, None, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
    ("cap that punishes", "seconds", True, Verdict.PASS, Verdict.PASS),
]


@pytest.mark.parametrize(("name", "form", "honest", "readable", "true"), HINTS, ids=[row[0] for row in HINTS])
def test_hints_are_put_to_the_test(name, form, honest, readable, true):
    said, judged = played(name).report["retry_after"], played(name).results
    assert (said["present"], said["form"], said["honest"]) == (form is not None, form, honest)
    assert judged["load.retry-after-readable"].verdict is readable
    assert judged["load.retry-after-true"].verdict is true


BOUNDED = [name for name, *_ in HINTS if name.startswith("hint:")]


@pytest.mark.parametrize("name", BOUNDED)
def test_a_target_does_not_say_how_long_we_run(name):
    """The limiter is found and its hint judged in the same time, whatever the hint says; one that may be true is waited for once."""
    assert played(name).report["kind"] != "unresolved"
    assert played(name).target.clock < 120
    assert played(name).discovery.stopped is None


@pytest.mark.parametrize("name", ["hint: in the body", "hint: in words"])
def test_a_hint_in_the_body_alone_is_put_to_the_test_too(name):
    said = played(name).report["retry_after"]
    assert said["source"] == "body"
    assert said["example"]


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
    ("cap that punishes", Verdict.NONSTRICT, "each further request prolongs this"),
    ("bucket", Verdict.INCONCLUSIVE, ""),
]


@pytest.mark.parametrize(("name", "verdict", "says"), RECOVERS, ids=[row[0] for row in RECOVERS])
def test_recovery_is_judged_for_caps(name, verdict, says):
    result = played(name).results["load.recovers"]
    assert result.verdict is verdict
    assert says in " ".join(finding.message for finding in result.findings)
