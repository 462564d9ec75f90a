"""What an answer says it cost: right within 1 % or within its last digit, by the price at the time of the request."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from echosounder import specs
from echosounder.judgement.assigned import checks
from echosounder.judgement.check import Case, Subject
from echosounder.judgement.score import judge
from echosounder.judgement.stated_cost import stated
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.verdict import Verdict

MONDAY_NIGHT = (
    1794254400.0  # 2026-11-09T20:00Z: no peak; deepseek-flash costs 0.003, 0.15 and 0.60 dollars per million tokens
)
MONDAY_PEAK = 1794189600.0  # 2026-11-09T02:00Z: twice that
CASE = Case(Subject("2026-11", "deepseek-flash"), started=MONDAY_NIGHT, stamp=0)
USAGE = {
    "prompt_tokens": 3000,
    "completion_tokens": 500,
    "total_tokens": 3500,
    "prompt_cache_hit_tokens": 2000,
    "prompt_cache_miss_tokens": 1000,
}
COST = Decimal("0.000456")  # 2000 at 0.003, 1000 at 0.15, 500 at 0.60, each by the million


def answered(header="", value="", model="deepseek-flash", **usage):
    choice = {"index": 0, "message": {"role": "assistant", "content": "So."}, "finish_reason": "stop"}
    told = {"id": "x", "object": "chat.completion", "model": model, "choices": [choice], "usage": USAGE | usage}
    request = Request("POST", "/chat/completions", "", body=json.dumps({"model": model, "messages": []}).encode())
    headers = (("Content-Type", "application/json"), *([(header, value)] if header else []))
    reads = (Read(0, json.dumps(told).encode()),)
    return Exchange("x", "chat.basic", request, status=200, headers=headers, reads=reads, format="chat", t_sent=0)


def verdict(exchange, case=CASE):
    return judge(specs.requirement("usage.cost-stated"), checks()["usage.cost-stated"], [exchange], case)


LITELLM = "x-litellm-response-cost"


@pytest.mark.parametrize(
    ("header", "value", "expected", "says"),
    [
        (LITELLM, "0.000456", Verdict.PASS, ""),
        (LITELLM, "4.56e-04", Verdict.PASS, ""),
        (LITELLM, "0.00045900000000000004", Verdict.PASS, ""),  # within 1 %
        (LITELLM, "0.0005", Verdict.PASS, ""),  # it has no more digits
        ("X-Gateway-Request-Cost-USD", "0.000456", Verdict.PASS, ""),
        (LITELLM, "0.00045", Verdict.NONSTRICT, "2000 cached, 1000 other and 500 output tokens"),
        (LITELLM, "0.00075", Verdict.NONSTRICT, "as if nothing had been cached"),
        (LITELLM, "0.000912", Verdict.NONSTRICT, "expected 0.000456 US dollars"),
        (LITELLM, "0.0", Verdict.NONSTRICT, "is 0.0, expected"),  # a gateway that knows no price of the model
        (LITELLM, "None", Verdict.INCONCLUSIVE, "no answer states its cost"),
        (LITELLM, "1e999999999", Verdict.INCONCLUSIVE, ""),
        ("x-litellm-key-spend", "12.5", Verdict.INCONCLUSIVE, ""),  # a sum of many answers
        ("", "", Verdict.INCONCLUSIVE, ""),
    ],
)
def test_a_header(header, value, expected, says):
    found = verdict(answered(header, value))
    assert found.verdict is expected, found
    assert says in (found.findings[0].message if found.findings else found.note)


def test_a_member_of_usage():
    assert verdict(answered(cost=0.000456)).verdict is Verdict.PASS
    assert verdict(answered(cost=0.000912)).verdict is Verdict.NONSTRICT
    assert stated(answered(cost=True)) is None


def test_the_price_is_that_of_the_time_of_the_request():
    peak = replace(CASE, started=MONDAY_PEAK)
    assert verdict(answered(LITELLM, "0.000912"), peak).verdict is Verdict.PASS
    assert verdict(answered(LITELLM, "0.000456"), peak).verdict is Verdict.NONSTRICT


@pytest.mark.parametrize("case", [CASE, replace(CASE, started=None)])
def test_without_a_price_or_a_time_nobody_is_accused(case):
    model = "deepseek-flash" if case.started is None else "some-model"
    assert verdict(answered(LITELLM, "9", model=model), case).verdict is Verdict.INCONCLUSIVE
