"""Checks on answers made by hand: what recorded and mutated exchanges hardly ever show."""

import json

import pytest

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.judgement.assigned import checks
from echosounder.judgement.check import Case
from echosounder.judgement.score import judge
from echosounder.wire import sse
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.verdict import Verdict

EVENTS = (("content-type", "text/event-stream"),)
JSON = (("content-type", "application/json"),)


def stream(*bodies):
    """A stream of these chunks, each an object or the text of its data."""
    texts = [each if isinstance(each, str) else json.dumps(each, ensure_ascii=True) for each in (*bodies, "[DONE]")]
    request = Request("POST", "/chat/completions", "http://h/chat/completions", body=b'{"stream":true,"messages":[]}')
    reads = tuple(Read(number, sse.encode(sse.Event(text))) for number, text in enumerate(texts, 1))
    return Exchange("1", "chat.stream", request, status=200, headers=EVENTS, reads=reads)


def delta(**members):
    return {"id": "x", "choices": [{"index": 0, "delta": members, "finish_reason": None}]}


def said(text):
    return delta(content=text)


def listing(*rows):
    body = json.dumps({"object": "list", "data": rows}).encode()
    request = Request("GET", "/models", "http://h/models")
    return Exchange("1", "models.list", request, status=200, headers=JSON, reads=(Read(1, body),))


def verdict(id, *exchanges, profile="2026-08"):
    return judge(specs.requirement(id), checks()[id], exchanges, Case(Ask(profile, "deepseek-v4-flash")))


CALL = [{"index": 0, "function": {"arguments": '"\ud83d'}}]
WHOLE = {
    "plain": (stream(said("Hello"), said(" there")), Verdict.PASS),
    "a pair in one event": (stream(said("😀"), said("!")), Verdict.PASS),
    "a pair written as two escapes": (
        stream(r'{"choices":[{"index":0,"delta":{"content":"\ud83d\ude00"}}]}'),
        Verdict.PASS,
    ),
    "halves in two events": (stream(said("\ud83d"), said("\ude00")), Verdict.FAIL),
    "a half in reasoning": (stream(delta(reasoning_content="ok \ud83d")), Verdict.FAIL),
    "a half in arguments": (stream(delta(tool_calls=CALL)), Verdict.FAIL),
    "no text": (stream({"id": 7, "choices": []}), Verdict.INCONCLUSIVE),
}


@pytest.mark.parametrize(("exchange", "expected"), WHOLE.values(), ids=WHOLE)
def test_half_a_character_is_found(exchange, expected):
    result = verdict("stream.characters-whole", exchange)
    assert result.verdict is expected, result
    assert not result.findings or r"\ud83d" in result.findings[0].message


MODEL = {"id": "m", "object": "model", "owned_by": "me"}
CREATED = {
    "an integer": ([MODEL | {"created": 1686935002}], ""),
    "absent": ([MODEL], "created is absent"),
    "a fraction": ([MODEL | {"created": 1.5}], "created is 1.5"),
    "a text": ([MODEL | {"created": 1}, MODEL | {"created": "2026-08"}], 'created is "2026-08"'),
    "a boolean": ([MODEL | {"created": True}], "created is true"),
    "null": ([MODEL | {"created": None}], "created is null"),
}


@pytest.mark.parametrize(("rows", "told"), CREATED.values(), ids=CREATED)
def test_the_age_of_a_model_is_a_whole_number(rows, told):
    result = verdict("models.created", listing(*rows), profile="openai")
    assert result.verdict is (Verdict.NONSTRICT if told else Verdict.PASS)
    assert not told or told in result.findings[0].message
