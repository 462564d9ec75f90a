"""Damage by system and damage by chance: what is told apart, and how often chance looks like a system."""

import json
from random import Random

import pytest

from echosounder.judgement.checks.integrity import CALLS, QUESTIONS, CallMade, difference, systematic
from echosounder.judgement.checks.integrity import damage as damage_of
from echosounder.wire.answer import Call
from echosounder.wire.exchange import Exchange, Request

TOOL = {
    "type": "function",
    "function": {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}, "required": ["a"]}},
}


def asked(question):
    body = json.dumps({"messages": [question], "tools": [TOOL]}).encode()
    return Exchange("1", "tools.required", Request("POST", "/chat/completions", "http://h/chat/completions", body=body))


DAMAGE = {
    '{"a": "b"}': "",
    ' {"a": "b"}\n': "",
    '{"a": {"c": [1, "}"]}}': "",
    "": "empty",
    "{}": "without a required member",
    '{"b": 1}': "without a required member",
    '"{\\"a\\": 1}"': "encoded as JSON twice",
    "{'a': True}": "written as Python",
    '{"a": "b"': "without the last brace",
    '{}{"a": "b"}': "opened with an empty object",
    '{"a": "b"}{"a": "b"}': "sent twice",
    '{"a": "b"}\n</tool_call>': "followed by more",
    '": "b"}': "without the beginning",
    '{"a": "b</tool': "no JSON object",
    "Paris": "no JSON object",
    "[1]": "no JSON object",
}


@pytest.mark.parametrize(("text", "kind"), DAMAGE.items())
def test_damage_has_a_name(text, kind):
    assert damage_of(asked("q"), Call(("id",), ("f",), text)) == kind


DIFFERENCES = [
    ("one three", "one two three", "lost pieces of"),
    ("one two two three", "one two three", "repeats pieces of"),
    ("two one three", "one two three", "has in another order"),
    ("one two three", "one two three", ""),
    ("one two three", "one two four", ""),
    ("a model that says something else", "one two three", ""),
    ("o", "one two three", ""),
]


@pytest.mark.parametrize(("streamed", "documented", "kind"), DIFFERENCES)
def test_a_text_that_was_damaged_is_told_from_another_text(streamed, documented, kind):
    assert difference(streamed, documented) == kind


ASKED = [asked(f"question {number}") for number in range(QUESTIONS)]


def run(broken):
    """The calls of a run: each question twice in each mode; ``broken()`` says whether a question's call is."""
    return [CallMade(ask, Call(), "no JSON object" if bad else "") for ask in ASKED for bad in [broken()] * 4]


def test_a_model_that_breaks_calls_by_chance_is_hardly_ever_accused():
    """One call in twenty, alike each time that a question is asked: the worst case, at most once in 2000 runs."""
    chance = Random(7)
    accused = sum(systematic(run(lambda: chance.random() < 0.05)) for _ in range(20_000))
    assert accused <= 10
    assert systematic(run(lambda: True))


def test_few_calls_prove_nothing():
    broken = run(lambda: True)
    assert not systematic(broken[: CALLS - 1])
    assert not systematic(broken[:8]), "two questions"
    assert not systematic([*broken, CallMade(ASKED[0], Call(), "")]), "one of them whole"
