"""What counts as a change between two JSON texts, and where streams are aligned."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.judgement.pairs.alignment import answer_changes
from echosounder.judgement.pairs.json_changes import changes, read
from echosounder.wire.exchange import Exchange, Read, Request


def said(before: str, after: str) -> list[tuple[str, str]]:
    return [(str(change.kind), change.pointer) for change in changes(read(before), read(after))]


TABLE = [
    ('{"a":1}', '{ "a" : 1 }', []),
    ('{"a":1,"b":2}', '{"a":1}', [("dropped", "/b")]),
    ('{"a":1}', '{"a":1,"b":2}', [("added", "/b")]),
    ('{"max_tokens":16}', '{"max_completion_tokens":16}', [("renamed", "/max_tokens")]),
    ('{"a":null}', '{"b":null}', [("dropped", "/a"), ("added", "/b")]),
    ('{"seed":9007199254740993}', '{"seed":9007199254740992}', [("number", "/seed")]),
    ('{"t":0.30000000000000004}', '{"t":0.3}', [("number", "/t")]),
    ('{"t":1.0}', '{"t":1e0}', [("respelt", "/t")]),
    ('{"t":100}', '{"t":1e2}', [("number", "/t")]),  # no integer any more to a client with types
    ('{"t":1.10}', '{"t":1.1}', [("respelt", "/t")]),
    ('{"t":1}', '{"t":"1"}', [("changed", "/t")]),
    ('{"t":true}', '{"t":1}', [("changed", "/t")]),
    ('{"a":{"x":1,"y":2}}', '{"a":{"y":2,"x":1}}', [("reordered", "/a")]),
    ('{"m":[{"c":"a"},{"c":"b"}]}', '{"m":[{"c":"a"}]}', [("dropped", "/m/1")]),
    ('{"m":[1]}', '{"m":[1,2]}', [("added", "/m/1")]),
    ('{"a/b":1,"~":2}', "{}", [("dropped", "/a~1b"), ("dropped", "/~0")]),
    ('{"a":"\\u00e9"}', '{"a":"é"}', []),
    ("[" * 3 + "]" * 3, "[[]]", [("dropped", "/0/0")]),
]


@pytest.mark.parametrize(("before", "after", "expected"), TABLE)
def test_every_kind_of_change_has_its_name_and_place(before, after, expected):
    assert said(before, after) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_a_value_that_was_only_written_anew_has_not_changed(value):
    text = json.dumps(value)
    assert said(text, json.dumps(json.loads(text), indent=1, ensure_ascii=False)) == []


@given(VALUES, VALUES)
def test_two_values_differ_when_and_only_when_there_are_changes(one, other):
    """Order and digits aside: JSON says that neither means anything."""
    found = [kind for kind, _ in said(json.dumps(one), json.dumps(other)) if kind not in {"reordered", "respelt"}]
    assert bool(found) == (not same(one, other))


def same(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    number = (int, float)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, number) and isinstance(other, number):
        return one == other
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("bad", ["", "{", "[" * 100_000])
def test_what_is_no_json_is_a_value_error(bad):
    with pytest.raises(ValueError):
        read(bad)


def chunk(content=None, **members):
    choice = {"index": 0, "delta": {} if content is None else {"content": content}, "finish_reason": None}
    return {"id": "a", "choices": [choice | members.pop("choice", {})], **members}


FINISH = chunk(choice={"finish_reason": "stop"}, usage={"total_tokens": 3})


def stream(*values) -> Exchange:
    body = "".join(f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n" for value in values)
    request = Request("POST", "/chat/completions", "", body=b'{"stream":true}')
    headers = (("content-type", "text/event-stream"),)
    return Exchange("1", "p", request, status=200, headers=headers, reads=(Read(1, body.encode()),))


def between(written, got):
    return [
        (str(each.change.kind), each.change.pointer, each.event)
        for each in answer_changes(stream(*written), stream(*got))
    ]


WHOLE = (chunk("He"), chunk("llo"), FINISH, "[DONE]")


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (WHOLE, []),
        ((chunk("He"), chunk("llo"), FINISH), [("dropped", "/event", 3)]),
        (
            (chunk("He"), FINISH, "[DONE]"),
            [("changed", "/choices/0/content", None), ("dropped", "/event", 1)],
        ),
        (
            (chunk("Hello"), FINISH, "[DONE]"),
            [("changed", "/choices/0/delta/content", 0), ("dropped", "/event", 1)],
        ),
        ((*WHOLE, "[DONE]"), [("added", "/event", 4)]),
        (
            tuple(value if isinstance(value, str) else value | {"id": f"x{n}"} for n, value in enumerate(WHOLE)),
            [("changed", "/id", 0), ("changed", "/id", 1), ("changed", "/id", 2)],
        ),
        (
            (chunk("He"), chunk("llo"), FINISH | {"usage": {"total_tokens": 4}}, "[DONE]"),
            [("number", "/usage/total_tokens", None)],
        ),
    ],
    ids=["same", "no done", "lost event", "merged events", "done twice", "other ids", "counted anew"],
)
def test_one_fault_of_a_stream_is_one_change_where_it_is(got, expected):
    assert between(WHOLE, got) == expected
