"""Two targets side by side: what differs is told, what only varies is not."""

import json
from dataclasses import replace

import pytest

from echosounder.conformance.live_comparison import compare
from echosounder.conformance.options import CheckOptions
from echosounder.judgement.differences import SIDES, differences
from echosounder.judgement.setting import Suite
from echosounder.mock_server.net.process import spawn
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.runlog import read
from echosounder.wire.target import target

KEY = "sk-live-0123456789"

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
        ["body /usage"],
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
    found = differences([answered(step="one")], [])
    assert {each.where for each in found} == {("chat.basic one",)}
    assert {each.exchanges for each in found} == {("1", "")}


def test_the_same_difference_at_many_places_is_told_once():
    steps = ["a", "b", "c"]
    (found,) = differences(
        [answered(step=step) for step in steps], [answered(with_finish("x"), step=step) for step in steps]
    )
    assert found.where == ("chat.basic a", "chat.basic b", "chat.basic c")
    assert found.sentence == "finish_reason is x, the reference has stop"


def sides(folder, *urls, **options):
    return [
        CheckOptions(target(url), folder / name, KEY, suite=Suite.SMOKE, **options)
        for name, url in zip(SIDES, urls, strict=True)
    ]


def test_two_mocks_are_alike_and_one_that_deviates_is_told_by_its_difference(tmp_path):
    with spawn(seed=1) as one, spawn(seed=1) as other, spawn(seed=1, deviate=("usage-missing",)) as odd:
        assert compare(*sides(tmp_path, one.url, other.url), times=1).exit_code == 0
        found = compare(*sides(tmp_path, one.url, odd.url), times=1)
    assert (found.exit_code, {each.fact for each in found.differences}) == (1, {"body /usage"})
    assert [read(tmp_path / name).footer is not None for name in SIDES] == [True, True]
