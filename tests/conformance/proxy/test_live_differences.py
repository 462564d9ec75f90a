"""Two targets side by side: what differs is told, what only varies is not."""

import json
from dataclasses import replace

import pytest

from conformance.live import compare, differences
from mock_server.process import spawn
from wire.exchange import Exchange, Read, Request
from wire.target import target

BODY = {
    "id": "a",
    "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"total_tokens": 3},
}


def answered(value=BODY, status=200, headers=(("content-type", "application/json"),), step="") -> Exchange:
    request = Request("POST", "/chat/completions", "", body=b"{}")
    return Exchange(
        "1", "chat.basic", request, step, status=status, headers=headers, reads=(Read(1, json.dumps(value).encode()),)
    )


def with_finish(reason):
    return BODY | {"choices": [BODY["choices"][0] | {"finish_reason": reason}]}


TABLE = [
    ("the same", [answered()], [answered()], []),
    ("other text", [answered()], [answered(BODY | {"id": "b"})], []),
    ("other status", [answered()], [answered(status=500)], ["status", "finish_reason", "tool calls"]),
    (
        "member gone",
        [answered()],
        [answered({k: v for k, v in BODY.items() if k != "usage"})],
        ["body /usage", "body /usage/total_tokens"],
    ),
    ("other type", [answered()], [answered(BODY | {"id": 7})], ["body /id"]),
    ("header gone", [answered()], [answered(headers=())], ["media type", "header content-type"]),
    ("noise", [answered(with_finish("stop")), answered(with_finish("length"))], [answered(with_finish("length"))], []),
    (
        "difference in noise",
        [answered(with_finish("stop")), answered(with_finish("length"))],
        [answered(with_finish(""))],
        ["finish_reason"],
    ),
    ("no answer", [answered()], [replace(answered(), status=None, error="reset")], None),
]


@pytest.mark.parametrize(("reference", "candidate", "facts"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_fact_differs_when_no_value_of_it_is_on_both_sides(reference, candidate, facts):
    found = [each.fact for each in differences(reference, candidate)]
    assert found[0] == "status" if facts is None else found == facts


def test_a_step_that_only_one_side_was_asked_is_a_difference():
    assert [each.step for each in differences([answered(step="one")], [])][:1] == ["one"]


def test_two_mocks_are_alike_and_one_that_deviates_is_told_by_its_difference():
    with spawn(seed=1) as one, spawn(seed=1) as other, spawn(seed=1, deviate=("usage-missing",)) as odd:
        keys = ("sk-live-0123456789",) * 2
        assert compare(target(one.url), target(other.url), keys, times=1) == ()
        found = {each.fact for each in compare(target(one.url), target(odd.url), keys, times=1)}
    assert "body /usage" in found
    assert {fact for fact in found if not fact.startswith("body /usage")} == set()
