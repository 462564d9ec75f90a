"""An accusation needs a figure: where the answer does not count, or could not have shown a breach, nothing is said against it."""

import json

import pytest

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.judgement.assigned import checks
from echosounder.judgement.check import Case
from echosounder.judgement.score import judge
from echosounder.wire.exchange import End, Exchange, Read, Request
from echosounder.wire.verdict import Verdict

ASK = Ask("2026-08", "deepseek-v4-flash")
LABEL = (("content-type", "application/json"),)
STOPS = {"stop": "HALT", "messages": [{"role": "user", "content": "Repeat:\nalpha beta gamma HALT delta"}]}


def answered(text, finish="stop", usage=None, path="/chat/completions", **asked):
    choice = {"index": 0, "finish_reason": finish, "logprobs": None}
    fim = path.endswith("/completions") and "chat" not in path
    choice |= {"text": text} if fim else {"message": {"role": "assistant", "content": text}}
    body = {"id": "x", "choices": [choice], "usage": usage}
    request = Request("POST", path, f"http://h{path}", body=json.dumps({"max_tokens": 8, **asked}).encode())
    reads = (Read(1, json.dumps(body).encode()),)
    return Exchange("1", "chat.length", request, status=200, headers=LABEL, reads=reads, t_sent=0, t_closed=1)


def refusal(status, seconds=0.1, end=End.COMPLETE, fault="cut JSON"):
    request = Request("POST", "/chat/completions", "http://h/chat/completions", body=b'{"model":')
    closed = round(seconds * 1e9)
    notes = {"fault": fault} if fault else {}
    return Exchange(
        "1",
        "errors.bad-json",
        request,
        status=status,
        end=end,
        notes=notes,
        t_sent=0,
        t_closed=closed,
        error="timed out",
    )


def counts(completion):
    return {"prompt_tokens": 9, "completion_tokens": completion, "total_tokens": 9 + completion}


FIM = "/beta/completions"
ROWS = {
    "cut, and not counted": ("chat.length-finish", answered("A story", "stop"), Verdict.INCONCLUSIVE),
    "cut, counted, and said to stop": ("chat.length-finish", answered("A story", "stop", counts(8)), Verdict.FAIL),
    "cut, and said so": ("chat.length-finish", answered("A story", "length"), Verdict.PASS),
    "FIM cut, and not counted": ("fim.length-finish", answered("x", "stop", path=FIM), Verdict.INCONCLUSIVE),
    "FIM cut, counted, and said to stop": (
        "fim.length-finish",
        answered("x", "stop", counts(8), path=FIM),
        Verdict.FAIL,
    ),
    "a text without a token": ("usage.within-max-tokens", answered("A story", "stop", counts(0)), Verdict.INCONCLUSIVE),
    "a text within its bound": ("usage.within-max-tokens", answered("A story", "stop", counts(5)), Verdict.PASS),
    "a text above its bound": ("usage.within-max-tokens", answered("A story", "stop", counts(9)), Verdict.FAIL),
    "a canned answer": ("chat.stop-string", answered("Hello from a can.", **STOPS), Verdict.INCONCLUSIVE),
    "a canned answer, array": ("chat.stop-array", answered("Hello from a can.", **STOPS), Verdict.INCONCLUSIVE),
    "an answer up to the stop": ("chat.stop-string", answered("alpha beta gamma ", **STOPS), Verdict.PASS),
    "an answer beyond the stop": ("chat.stop-string", answered("alpha beta gamma HALT delta", **STOPS), Verdict.FAIL),
    "a fault that was served": ("error.prompt-refusal", refusal(200), Verdict.INCONCLUSIVE),
    "a fault refused at once": ("error.prompt-refusal", refusal(400), Verdict.PASS),
    "a fault refused late": ("error.prompt-refusal", refusal(400, 15), None),
    "a fault that hangs": ("error.prompt-refusal", refusal(None, 15, End.IDLE_TIMEOUT), None),
    "a fault that hangs, and no answer": ("transport.answered", refusal(None, 15, End.IDLE_TIMEOUT), Verdict.FAIL),
    "a legal request that hangs": (
        "transport.answered",
        refusal(None, 15, End.IDLE_TIMEOUT, fault=""),
        Verdict.INCONCLUSIVE,
    ),
}


@pytest.mark.parametrize(("id", "exchange", "verdict"), ROWS.values(), ids=ROWS)
def test_a_verdict_needs_an_answer_that_could_have_shown_the_opposite(id, exchange, verdict):
    row = specs.requirement(id)
    broken = {"MUST": Verdict.FAIL, "SHOULD": Verdict.NONSTRICT}[row.level]
    expected = broken if verdict in {None, Verdict.FAIL} else verdict
    assert judge(row, checks()[id], [exchange], Case(ASK)).verdict is expected


def test_a_hang_counts_among_answers(tmp_path):
    row = specs.requirement("transport.answered")
    both = [refusal(400), refusal(None, 15, End.IDLE_TIMEOUT)]
    assert judge(row, checks()[row.id], both, Case(ASK)).verdict is Verdict.FAIL
