"""What a gateway may do, and what is charged to which form: pairs made by hand."""

import json
from dataclasses import replace

import pytest

import echosounder.judgement.pairs.checks  # noqa: F401  (importing registers)
from echosounder.conformance.ask import Ask
from echosounder.judgement.check import Case
from echosounder.judgement.pairs.check import CHECKS
from echosounder.judgement.pairs.pair import Pair
from echosounder.wire import sse
from echosounder.wire.exchange import Exchange, Read, Request

CASE = Case(Ask("2026-11", "deepseek-flash"))
TRACE = ("x-ds-trace-id", "0" * 32)
ASKED = {"model": "m", "messages": [], "stream": True}
COUNTED = ASKED | {"stream_options": {"include_usage": True}}
TEXT = {"id": "x", "choices": [{"index": 0, "delta": {"content": "one two"}, "finish_reason": "stop"}], "usage": None}
TOTALS = {"id": "x", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}


def side(asked, *events, id="1", status=200, step="stream", probe="proxy.fidelity", headers=(), **notes):
    texts = [each if isinstance(each, str) else json.dumps(each) for each in events]
    reads = tuple(Read(number, sse.encode(sse.Event(text))) for number, text in enumerate(texts, 1))
    request = Request("POST", "/chat/completions", "http://h/chat/completions", body=json.dumps(asked).encode())
    head = (("content-type", "text/event-stream"), *headers)
    notes = {"deviations": [], **notes}
    return Exchange(id, probe, request, step, status=status, headers=head, reads=reads, notes=notes)


def found(requirement, *pairs):
    check = CHECKS[requirement]
    beside = check.beside or (lambda pair: False)
    return [
        problem.message for problem in check.judge([each for each in pairs if check.pick(each) or beside(each)], CASE)
    ]


UPSTREAM = side(COUNTED, TEXT, TOTALS, "[DONE]", id="1u1")
OWN_COUNT = Pair(side(ASKED, TEXT, "[DONE]"), (UPSTREAM,))
LEAKED = Pair(side(ASKED, TEXT, TOTALS, "[DONE]"), (UPSTREAM,))
LOST = Pair(side(COUNTED, TEXT, "[DONE]"), (UPSTREAM,))
COUNTING = [
    ("proxy.no-defaults-added", OWN_COUNT, False),
    ("proxy.usage-untouched", OWN_COUNT, False),
    ("proxy.events-untouched", OWN_COUNT, False),
    ("proxy.no-defaults-added", LEAKED, True),
    ("proxy.usage-untouched", LOST, True),
    ("proxy.events-untouched", LOST, True),
]


@pytest.mark.parametrize(("requirement", "pair", "wrong"), COUNTING)
def test_a_gateway_may_ask_for_a_usage_of_its_own_and_take_it_out_again(requirement, pair, wrong):
    assert bool(found(requirement, pair)) is wrong


def test_a_gateways_own_answer_is_not_held_to_the_headers_of_another():
    upstream = replace(UPSTREAM, headers=(*UPSTREAM.headers, TRACE))
    gave_up = Pair(side(COUNTED, status=502), (upstream,))
    lost = Pair(side(COUNTED, TEXT, TOTALS, "[DONE]"), (upstream,))
    pick = CHECKS["proxy.trace-id-kept"].pick
    assert (pick(gave_up), pick(lost)) == (False, True)
    assert found("proxy.trace-id-kept", lost)


def test_of_a_member_that_is_null_mostly_the_loss_of_a_value_is_shown():
    def chunk(value):
        return {"id": "x", "choices": [{"index": 0, "delta": {}, "x_region": value, "finish_reason": None}]}

    bare = {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": None}]}
    pair = Pair(
        side(COUNTED, bare, bare, "[DONE]"),
        (side(COUNTED, chunk(None), chunk("eu-1"), "[DONE]", id="1u1"),),
    )
    [says] = found("proxy.events-untouched", pair)
    assert 'it was "eu-1"' in says


def special(*client, step="crlf", written=(TEXT, TOTALS, "[DONE]")):
    told = [{"applied": True}]
    up = side(COUNTED, *written, id="2u1", step=step, probe="proxy.streaming", deviations=told)
    return Pair(side(COUNTED, *client, id="2", step=step, probe="proxy.streaming", upstream="crlf-line-endings"), (up,))


ENDLESS = {"id": "x", "choices": [{"index": 0, "delta": {"content": "one two"}, "finish_reason": None}]}
OTHER = {"id": "x", "choices": [{"index": 0, "delta": {"content": "one"}, "finish_reason": None}]}
PLAIN_LOSES_ITS_FINISH = Pair(side(COUNTED, ENDLESS, TOTALS, "[DONE]"), (UPSTREAM,))
PLAIN = Pair(side(COUNTED, TEXT, TOTALS, "[DONE]"), (UPSTREAM,))


def test_what_every_stream_loses_is_not_charged_to_a_form():
    crlf = special(ENDLESS, TOTALS, "[DONE]")
    assert found("proxy.legal-framing", PLAIN_LOSES_ITS_FINISH, crlf) == []
    assert "finish_reason" in str(found("proxy.legal-framing", PLAIN, crlf))
    both = found("proxy.legal-framing", PLAIN_LOSES_ITS_FINISH, special(OTHER, TOTALS, "[DONE]"))
    assert len(both) == 1
    assert "content is one, the upstream sent one two" in both[0]


def test_a_plain_stream_alone_says_nothing_of_a_form():
    assert not CHECKS["proxy.legal-framing"].pick(PLAIN)
