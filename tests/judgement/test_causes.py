"""What explains what: a table over the catalogue, without circles, that attributes an effect only where it can be one."""

from fnmatch import fnmatchcase

import pytest

from echosounder import specs
from echosounder.judgement.causes import (
    BLOCKING,
    ELSEWHERE,
    IN_ONE_ANSWER,
    IN_ONE_EVENT,
    SYSTEMATIC,
    UMBRELLAS,
    explanations,
    umbrella,
)
from echosounder.wire.verdict import Finding, Result, Verdict

IDS = [row.id for row in specs.requirements()]
ROWS = (*BLOCKING, *IN_ONE_EVENT, *IN_ONE_ANSWER, *ELSEWHERE, *SYSTEMATIC)


def broken(id, *exchanges, verdict=Verdict.FAIL):
    return Result(id, verdict, tuple(Finding(id, "no", exchange=each) for each in exchanges), exchanges=exchanges)


def untestable(id, *exchanges):
    return Result(id, Verdict.UNTESTABLE, note="nothing to judge", exchanges=exchanges)


@pytest.mark.parametrize(("cause", "effects"), ROWS)
def test_every_cause_and_every_effect_is_in_the_catalogue(cause, effects):
    assert cause in IDS
    assert [each for each in effects if not any(fnmatchcase(id, each) for id in IDS)] == []


def test_a_cause_stands_in_one_row_and_umbrellas_are_requirements():
    causes = [cause for cause, _ in (*IN_ONE_ANSWER, *ELSEWHERE)]
    assert len(causes) == len(set(causes))
    assert set(IDS) >= UMBRELLAS


def test_an_effect_belongs_to_a_cause_that_was_found_in_the_same_answer():
    cut = broken("stream.complete", "4")
    assert explanations([cut, broken("stream.usage-present", "4")]) == {"stream.usage-present": "stream.complete"}
    assert explanations([cut, broken("stream.usage-present", "5")]) == {}
    assert explanations([cut, untestable("fim.stream", "4")]) == {"fim.stream": "stream.complete"}


def test_faults_that_only_happen_to_share_an_answer_stand_for_themselves():
    assert explanations([broken("stream.complete", "4"), broken("stream.role-first", "4")]) == {}


def test_what_is_built_on_a_refused_feature_fails_in_other_answers_too():
    found = [broken("chat.system-message", "4"), broken("chat.multi-turn", "9")]
    assert explanations(found) == {"chat.multi-turn": "chat.system-message"}


def placed(id, *places, verdict=Verdict.FAIL):
    """Findings at ``(exchange, event, cause)``, of which one alone is kept."""
    exchange, event, cause = places[0]
    first = Finding(id, "no", exchange=exchange, event=event, cause=cause)
    return Result(id, verdict, (first,), exchanges=tuple(each for each, _, _ in places), places=places)


def test_findings_that_were_cut_off_count_where_they_were():
    many = placed("stream.data-is-json", *((str(number), 0, "") for number in range(20)))
    assert explanations([many, untestable("stream.role-first", "19")]) == {"stream.role-first": "stream.data-is-json"}
    assert explanations([many, untestable("stream.role-first", "20")]) == {}


SWALLOWED = {
    "a refused document is not a wrong content type": (
        placed("stream.content-type", *((str(number), None, "not an event stream") for number in range(20))),
        untestable("json.valid", "3", "77"),
    ),
    "an ignored stop is not a missing end": (
        broken("stream.finish-once", "4"),
        Result("chat.stop-string", Verdict.FAIL, (Finding("", "the answer contains the stop text 'HALT'", "4"),)),
    ),
    "a lost space is not a missing marker": (
        placed("stream.complete", ("4", 9, "no [DONE]")),
        broken("stream.text-complete", "4"),
    ),
    "another event is another fault": (
        placed("stream.object", ("4", 7, "a foreign event")),
        placed("stream.id-constant", ("4", 3, "")),
    ),
}


@pytest.mark.parametrize(("cause", "other"), SWALLOWED.values(), ids=SWALLOWED)
def test_a_cause_swallows_only_what_it_explains(cause, other):
    assert explanations([cause, other]) == {}


TOGETHER = {
    "what is in the same event": (
        placed("stream.object", ("4", 7, "a foreign event"), ("5", 8, "a foreign event")),
        placed("stream.id-constant", ("4", 7, ""), ("5", 8, "")),
    ),
    "an unknown reason and no reason": (
        broken("stream.finish-once", "4"),
        Result("chat.stop-string", Verdict.FAIL, (Finding("", "finish_reason is None, expected 'stop'", "4"),)),
    ),
    "what was cut and what is missing": (
        placed("stream.complete", ("4", 9, "stream cut")),
        broken("stream.text-complete", "4"),
    ),
    "usage that is not there": (
        placed("stream.usage-present", ("4", None, "no usage in the stream")),
        untestable("stream.usage-once", "4"),
    ),
    "a split that is not there": (
        placed("usage.cache-split", ("4", None, ""), ("5", None, "")),
        untestable("cache.repeat-hits", "4", "5"),
    ),
}


@pytest.mark.parametrize(("cause", "effect"), TOGETHER.values(), ids=TOGETHER)
def test_effects_that_belong_together_stand_together(cause, effect):
    assert explanations([cause, effect]) == {effect.requirement: cause.requirement}


def test_two_causes_may_explain_one_effect_together():
    refused, cut = broken("request.served", "3"), placed("stream.complete", ("4", 9, "stream cut"))
    assert explanations([refused, cut, untestable("json.valid", "3", "4")]) == {"json.valid": "request.served"}


def test_a_server_that_refuses_nothing_lacks_one_thing():
    everywhere = broken("error.client-fault-4xx", *"0123456789")
    few = broken("error.client-fault-4xx", "3")
    limit = broken("limits.n", "3")
    assert explanations([everywhere, limit]) == {"limits.n": "error.client-fault-4xx"}
    assert explanations([few, limit]) == {}
    assert (umbrella(everywhere), umbrella(few)) == (False, True)


def test_what_could_not_be_tested_explains_nothing():
    assert explanations([untestable("stream.complete", "4"), broken("stream.role-once", "4")]) == {}


def test_the_cause_nearest_to_the_wire_explains():
    lost = [broken("transport.answered", "4"), broken("stream.complete", "4"), untestable("stream.role-first", "4")]
    assert explanations(lost) == {"stream.complete": "transport.answered", "stream.role-first": "transport.answered"}


def test_what_passed_needs_no_explanation():
    passed = Result("stream.usage-present", Verdict.PASS, exchanges=("4",))
    assert explanations([broken("stream.complete", "4"), passed]) == {}


@pytest.mark.parametrize(
    ("ids", "message", "expected"),
    [
        (12, "answers to different questions share the id 'a'", {"chat.answers-fresh": "chat.id-unique"}),
        (2, "answers to different questions share the id 'a'", "chat.answers-fresh"),  # a cache repeats some ids
        (12, "the answer with stop 'HALT' is the earlier one without stop", "chat.answers-fresh"),
    ],
)
def test_a_constant_id_is_no_response_cache(ids, message, expected):
    same = broken("chat.id-unique", *map(str, range(ids)))
    fresh = Result("chat.answers-fresh", Verdict.FAIL, (Finding("chat.answers-fresh", message, exchange="1"),))
    found = explanations([same, fresh, untestable("usage.sum", "99")])
    if isinstance(expected, dict):
        assert found == expected
    else:
        assert found == {"chat.id-unique": expected, "usage.sum": expected}
