"""Texts that come back in another form: all of them, which no model does, and some, which a model may."""

import json
from random import Random

import pytest

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.judgement.agreed import CODE, MARKED, REPEAT, UNICODE
from echosounder.judgement.assigned import checks
from echosounder.judgement.check import Case
from echosounder.judgement.checks.echoes import FORMS
from echosounder.judgement.score import judge
from echosounder.wire import sse
from echosounder.wire.exchange import End, Exchange, Read, Request
from echosounder.wire.verdict import Verdict

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
JSON, EVENTS = (("content-type", "application/json"),), (("content-type", "text/event-stream"),)
CASE = Case(Ask("2026-11", "deepseek-flash"))


def answered(asked, text, *, stream=False, usage=None):
    """The exchange in which *asked*, a prompt, was answered with *text*."""
    body = {"stream": stream, "messages": [{"role": "user", "content": asked}]}
    request = Request("POST", "/chat/completions", "http://h/chat/completions", body=json.dumps(body).encode())
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "delta" if stream else "message": {"role": "assistant", "content": text},
    }
    made = json.dumps({"id": "x", "choices": [choice], "usage": usage})
    raw = sse.encode(sse.Event(made)) + sse.encode(sse.Event("[DONE]")) if stream else made.encode()
    headers, reads = EVENTS if stream else JSON, (Read(1, raw),)
    return Exchange("1", "chat.echo", request, status=200, headers=headers, reads=reads, end=End.COMPLETE, t_sent=0)


def verdict(id, exchanges):
    return judge(specs.requirement(id), checks()[id], exchanges, CASE)


# --- forms

ASKED = [(MARKED, False), (MARKED, True), (CODE, True), *[(UNICODE, False)] * 2, *[(UNICODE, True)] * 2]
"""The texts of the probes, and whether they are asked for as a stream."""


def same(text):
    return text


def echoes(document, stream):
    """What comes back: each text as these functions make it, by the mode."""
    return [answered(REPEAT + text, (stream if mode else document)(text), stream=mode) for text, mode in ASKED]


FORM_IDS = [f"{number} {how}" for number, (how, _) in enumerate(FORMS)]


@pytest.mark.parametrize("form", [form for _, form in FORMS], ids=FORM_IDS)
def test_a_form_of_all_texts_is_the_servers(form):
    result = verdict("chat.echo-form", echoes(form, form))
    if sum(form(text) != text for text in (MARKED, CODE, UNICODE)) > 1:
        assert result.verdict is FAIL
        assert len(result.findings) == 1
    else:
        assert result.verdict is PASS


@pytest.mark.parametrize("form", [form for _, form in FORMS], ids=FORM_IDS)
def test_each_form_changes_two_texts_that_are_streamed_or_none_that_a_model_may(form):
    changed = sum(form(text) != text for text in (MARKED, CODE, UNICODE))
    assert changed > 1 or form("\n") != "\n", "a text of one line has no line feed"


def test_a_form_of_the_streams_alone_is_said_with_the_mode():
    result = verdict("chat.echo-form", echoes(same, str.lower))
    assert result.verdict is FAIL
    assert "in a stream: it is in lower case" in result.findings[0].message


MODELS = {
    "exact": (echoes(same, same), PASS),
    "with white space around": (echoes(lambda text: f"\n{text} ", same), PASS),
    "one text in another form": (
        [answered(REPEAT + MARKED, MARKED.lower(), stream=mode) for mode in (True, False)] + echoes(same, same)[2:],
        PASS,
    ),
    "one of two answers to each": (echoes(str.lower, same)[:1] + echoes(same, same)[1:], PASS),
    "a sentence before": (echoes(lambda text: f"Sure! {text}", lambda text: f"Sure! {text}"), INCONCLUSIVE),
    "something else": (echoes(lambda text: "I would rather not.", lambda text: "No."), INCONCLUSIVE),
    "two answers in another form": (
        [answered(REPEAT + text, text.lower(), stream=True) for text in (MARKED, CODE)],
        INCONCLUSIVE,
    ),
    "two streams in another form, and a document": (
        [answered(REPEAT + text, text.lower(), stream=True) for text in (MARKED, CODE)]
        + [answered(REPEAT + MARKED, MARKED)],
        FAIL,
    ),
}


@pytest.mark.parametrize(("exchanges", "expected"), MODELS.values(), ids=MODELS)
def test_what_a_model_may_do(exchanges, expected):
    assert verdict("chat.echo-form", exchanges).verdict is expected


# --- counts

COUNT, CAPITAL = "Count from one to fifteen in English words.", "What is the capital of France?"
NUMBERS, CITY = "one, two, three, four, five, six, seven", "The capital of France is Paris. Paris is old."


def counted(text, completion, asked=COUNT, template=5, **more):
    words = {COUNT: 9, CAPITAL: 7}[asked]
    usage = {"prompt_tokens": words + template, "completion_tokens": completion, "total_tokens": 0}
    return answered(asked, text, usage=usage, **more)


def all_of(numbers, city, **more):
    return [counted(NUMBERS, numbers, **more)] * 3 + [counted(CITY, city, CAPITAL, **more)] * 3


COUNTS = {
    "as many": (all_of(13, 11), PASS),
    "one more for the end": (all_of(14, 12), PASS),
    "as many once": ([counted(NUMBERS, 13), *all_of(20, 16)], PASS),
    "the same surplus for each": (all_of(17, 15), PASS),
    "a third is lost": (all_of(20, 16), FAIL),
    "some came twice": (all_of(9, 6), FAIL),
    "another tokenizer": ([*all_of(20, 16), counted(CITY, 16, CAPITAL, template=8)], INCONCLUSIVE),
    "one question": ([counted(NUMBERS, 20)] * 6, INCONCLUSIVE),
    "few answers": (all_of(20, 16)[2:4], INCONCLUSIVE),
    "no words that are known": (
        [counted("Zwölf Boxkämpfer", 20)] * 3 + [counted("jagen", 30, CAPITAL)] * 3,
        INCONCLUSIVE,
    ),
    "too short to tell": ([counted("one two", 9)] * 3 + [counted("Paris.", 8, CAPITAL)] * 3, INCONCLUSIVE),
}


@pytest.mark.parametrize(("exchanges", "expected"), COUNTS.values(), ids=COUNTS)
def test_texts_are_counted_where_the_tokenizer_is_known_to_cut_them_so(exchanges, expected):
    assert verdict("usage.text-counted", exchanges).verdict is expected


def test_a_model_that_cuts_a_word_in_twenty_otherwise_is_hardly_ever_accused():
    chance = Random(11)

    def extra(words):
        return words + 2 * sum(chance.random() < 0.05 for _ in range(words))

    runs = [
        [counted(NUMBERS, extra(13)) for _ in range(5)] + [counted(CITY, extra(11), CAPITAL) for _ in range(5)]
        for _ in range(100)
    ]
    assert sum(verdict("usage.text-counted", run).verdict is FAIL for run in runs) == 0
