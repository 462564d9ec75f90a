"""Could this verdict have come from an answer that could not show the opposite? A table: what proves nothing is inconclusive."""

import json
from dataclasses import replace

import pytest

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.judgement.agreed import ORDER
from echosounder.judgement.assigned import checks
from echosounder.judgement.check import Case, Controls
from echosounder.judgement.score import judge
from echosounder.wire import sse
from echosounder.wire.exchange import End, Exchange, Read, Request
from echosounder.wire.verdict import Verdict

ASK = Ask("2026-08", "deepseek-v4-flash")
JSON, EVENTS = (("content-type", "application/json"),), (("content-type", "text/event-stream"),)
PASS, INCONCLUSIVE, FAIL = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL


def sent(asked, path="/chat/completions"):
    return Request("POST", path, f"http://h{path}", body=json.dumps({"max_tokens": 8, **asked}).encode())


def document(body, status=200, notes=(), probe="chat.basic", id="1", path="/chat/completions", step="", **asked):
    reads = (Read(1, body if isinstance(body, bytes) else json.dumps(body).encode()),)
    return Exchange(
        id,
        probe,
        sent(asked, path),
        step,
        status=status,
        headers=JSON,
        reads=reads,
        notes=dict(notes),
        t_sent=0,
        t_closed=1,
    )


def said(text, finish="stop", usage=None, **more):
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}, "logprobs": None}
    return {"id": "x", "object": "chat.completion", "choices": [choice | more], "usage": usage}


def filled(text, finish="stop", usage=None, logprobs=None):
    choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": logprobs}
    return {"id": "x", "object": "text_completion", "choices": [choice], "usage": usage}


def stream(*bodies, tail=b"", **asked):
    texts = [each if isinstance(each, str) else json.dumps(each) for each in bodies]
    reads = (*(Read(number, sse.encode(sse.Event(text))) for number, text in enumerate(texts, 1)), Read(99, tail))
    return Exchange(
        "1",
        "chat.stream",
        sent({"stream": True, **asked}),
        status=200,
        headers=EVENTS,
        reads=reads,
        t_sent=0,
        t_closed=1,
    )


def delta(finish=None, usage=None, **members):
    return {
        "id": "x",
        "created": 1,
        "choices": [{"index": 0, "delta": members, "finish_reason": finish}],
        "usage": usage,
    }


def error(status=400, **members):
    return document(
        {"error": {"message": "no such thing", "type": "invalid", "code": "x"} | members}, status, {"fault": "x"}
    )


def counts(prompt=9, completion=5, **more):
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": 14, **more}


def spelt(*tokens):
    item = [{"token": each, "logprob": -0.1, "bytes": list(each.encode()), "top_logprobs": []} for each in tokens]
    return {"logprobs": {"content": item}}


def call(arguments):
    function = {"name": "run_order", "arguments": arguments}
    return {"message": {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": function}]}}


BETA = "/beta/completions"
ROWS = {
    "a suffix, and no counts": (
        "fim.suffix-counted",
        [document(filled("a", usage={}), path=BETA), document(filled("b", usage={}), path=BETA, id="2", suffix="z")],
        INCONCLUSIVE,
    ),
    "a suffix that is counted": (
        "fim.suffix-counted",
        [
            document(filled("a", usage=counts(5)), path=BETA),
            document(filled("b", usage=counts(9)), path=BETA, id="2", suffix="z"),
        ],
        PASS,
    ),
    "a suffix that is free": (
        "fim.suffix-counted",
        [
            document(filled("a", usage=counts(5)), path=BETA),
            document(filled("b", usage=counts(5)), path=BETA, id="2", suffix="z"),
        ],
        FAIL,
    ),
    "an end without reason or count, FIM": (
        "fim.length-finish",
        [document(filled("a", None), path=BETA)],
        INCONCLUSIVE,
    ),
    "code that no fence ended": ("prefix.stop", [document(said("Hello from a can."))], INCONCLUSIVE),
    "code that the fence ended": ("prefix.stop", [document(said('print("hello")\n'))], PASS),
    "one delta says nothing of roles": (
        "stream.role-once",
        [stream(delta(role="assistant", content="hi"), "[DONE]")],
        INCONCLUSIVE,
    ),
    "two deltas, one role": (
        "stream.role-once",
        [stream(delta(role="assistant"), delta(content="hi"), "[DONE]")],
        PASS,
    ),
    "one chunk is constant": ("stream.id-constant", [stream(delta(content="hi"), "[DONE]")], INCONCLUSIVE),
    "two chunks of one id": ("stream.id-constant", [stream(delta(content="hi"), delta(), "[DONE]")], PASS),
    "two chunks of two ids": (
        "stream.id-constant",
        [stream(delta(content="hi"), delta() | {"id": "y"}, "[DONE]")],
        FAIL,
    ),
    "totals in the first chunk": (
        "stream.usage-null-before",
        [stream(delta("stop", counts(), content="a"), "[DONE]")],
        INCONCLUSIVE,
    ),
    "a stream without an error": ("stream.error-not-done", [stream(delta(content="a"), "[DONE]")], INCONCLUSIVE),
    "a stream with an error, and done": (
        "stream.error-not-done",
        [stream(delta(content="a"), {"error": {"message": "x"}}, "[DONE]")],
        FAIL,
    ),
    "JSON that nothing cut": ("json.length-cut", [document(said("Hello from a can."))], INCONCLUSIVE),
    "JSON that took all its tokens": ("json.length-cut", [document(said('{"a', usage=counts(9, 8)))], FAIL),
    "JSON that was cut": ("json.length-cut", [document(said('{"a', "length"))], PASS),
    "tokens and the one that ends the text": (
        "logprobs.text-complete",
        [document(said("ab", **spelt("a", "b", "<end>")))],
        PASS,
    ),
    "tokens and a longer tail": ("logprobs.text-complete", [document(said("ab", **spelt("a", "b", "c", "d")))], FAIL),
    "a thought without an answer": ("logprobs.shape", [document(said(None, "length"))], INCONCLUSIVE),
    "no code": ("error.code-is-name", [document({"error": {"message": "no"}}, 400)], INCONCLUSIVE),
    "no param": ("error.envelope", [error()], PASS),
    "a fault that both modes served": (
        "error.stream-same-status",
        [document(said("a")), stream(delta(content="a"), "[DONE]")],
        INCONCLUSIVE,
    ),
    "a refusal that died": (
        "error.prompt-refusal",
        [replace(error(), status=None, end=End.RESET, reads=())],
        INCONCLUSIVE,
    ),
    "half a body": ("response.document-valid", [replace(document(b'{"id":'), end=End.TRUNCATED)], INCONCLUSIVE),
    "cut by no bound of the request": (
        "usage.completion-counted",
        [document(said("a", "length", counts()), max_tokens=None)],
        INCONCLUSIVE,
    ),
    "cut by the newer name of the bound": (
        "usage.completion-counted",
        [document(said("a", "length", counts(9, 4)), max_tokens=None, max_completion_tokens=4)],
        PASS,
    ),
    "reasoning of an unknown whole": (
        "usage.reasoning-within-completion",
        [document(said("a", usage={"completion_tokens_details": {"reasoning_tokens": 4}}))],
        INCONCLUSIVE,
    ),
    "a prompt that one answer does not count": (
        "usage.repeatable",
        [document(said("a", usage=counts(None))), document(said("a", usage=counts(9)), id="2")],
        INCONCLUSIVE,
    ),
    "a prompt that one mode does not count": (
        "usage.modes-agree",
        [document(said("a", usage=counts(9))), stream(delta("stop", counts(None)), "[DONE]")],
        INCONCLUSIVE,
    ),
    "a call was on offer": ("chat.no-tool-calls-key", [document(said("a"), tools=[{}])], INCONCLUSIVE),
    "thought and answer that do not count": ("thinking.length", [document(said("a"))], INCONCLUSIVE),
    "an error with status 200": (
        "chat.multi-turn",
        [document({"error": {"message": "overloaded"}}, step="second")],
        FAIL,
    ),
    "nulls that switch nothing on": ("chat.nulls-accepted", [document(said("a"))], PASS),
    "nulls that ask for probabilities": ("chat.nulls-accepted", [document(said("a", logprobs={"content": []}))], FAIL),
    "no model in the list": (
        "models.unique",
        [document({"object": "list", "data": []}, probe="models.list", path="/models")],
        INCONCLUSIVE,
    ),
    "a bound that zeros keep": (
        "limits.max-completion-tokens",
        [document(said("many words", usage=counts(9, 0)), max_completion_tokens=8)],
        INCONCLUSIVE,
    ),
    "a plain slash": ("transport.no-redirect", [document({"error": {"message": "no"}}, 404, step="//")], PASS),
    "a slash that crashes": ("transport.no-redirect", [document(b"boom", 500, step="//")], FAIL),
}


@pytest.mark.parametrize(("id", "exchanges", "verdict"), ROWS.values(), ids=ROWS)
def test_an_answer_that_could_not_have_shown_a_breach_proves_nothing(id, exchanges, verdict):
    row = specs.requirement(id)
    broken = {"MUST": FAIL, "SHOULD": Verdict.NONSTRICT, "MAY": Verdict.UNSUPPORTED}[row.level]
    assert judge(row, checks()[id], exchanges, Case(ASK)).verdict is (broken if verdict is FAIL else verdict)


def first(id, exchange, profile="2026-08", controls=Controls()):  # noqa: B008  (frozen)
    case = Case(Ask(profile, "deepseek-v4-flash"), controls=controls)
    found = judge(specs.requirement(id), checks()[id], [exchange], case)
    return found.findings[0] if found.findings else found


def test_a_number_and_the_text_of_its_digits_are_told_apart():
    answer = document(
        said(None, "tool_calls", **call(f'{{"order": "{ORDER}"}}')), tools=[{"function": {"name": "run_order"}}]
    )
    assert (
        first("transport.numbers-exact", answer).message
        == f'order is "{ORDER}", expected {ORDER}, the only value that the schema allows'
    )


@pytest.mark.parametrize(
    ("value", "says"),
    [(12.0, "prompt_tokens is 12.0, expected an integer"), ("9", 'prompt_tokens is "9", expected an integer')],
)
def test_a_count_that_is_there_is_not_called_missing(value, says):
    assert first("usage.total-is-sum", document(said("a", usage=counts(value)))).message == says


def test_a_marker_without_its_blank_line_is_said_to_be_there():
    cut = stream(delta(content="a"), tail=b"data: [DONE]\n")
    assert first("stream.ends-with-done", cut).message.startswith(
        "the line data: [DONE] is not followed by a blank line"
    )
    assert first("stream.ends-with-done", stream(delta(content="a"))).message.startswith("the last event is")


def test_a_refusal_with_another_status_is_not_called_none():
    assert (
        first("error.media-type", document(b"{}", 400, {"fault": "text/plain"})).cause
        == "chat.basic is refused with 400"
    )
    assert (
        first("error.media-type", document(said("a"), 200, {"fault": "text/plain"})).cause
        == "chat.basic is not refused"
    )


def test_an_event_that_is_no_chunk_is_shown():
    warned = stream(delta(content="a") | {"object": "chat.completion.chunk"}, {"warning": "slow"}, "[DONE]")
    found = first("stream.object", warned)
    assert (found.event, found.message) == (1, 'event 1 is not a chunk of the answer: {"warning":"slow"}')


ABSENT = Controls(absent=frozenset({"tool request"}))
REFUSED = document({"error": {"message": "tools are not supported"}}, 400, tools=[{}], step="second")


def test_what_is_built_on_an_absent_feature_is_excused():
    assert first("tools.count-128", REFUSED, controls=ABSENT).verdict is Verdict.UNSUPPORTED
    assert first("tools.count-128", REFUSED, controls=Controls(absent=frozenset())).requirement == "tools.count-128"


def test_a_prompt_that_does_not_fit_is_no_breach():
    long = document({"error": {"message": "maximum context length is 512 tokens"}}, 400, tools=["x" * 3000])
    assert first("tools.count-128", long).verdict is INCONCLUSIVE
    short = document({"error": {"message": "maximum context length is 512 tokens"}}, 400, tools=["x"])
    assert first("tools.count-128", short).requirement == "tools.count-128"


def test_authentication_that_is_not_there_is_one_statement():
    served = document(said("a"), notes={"fault": "unknown key"}, probe="errors.bad-key")
    assert first("error.status-401", served, controls=Controls(keyless=True)).verdict is INCONCLUSIVE
    assert first("error.client-fault-4xx", served, controls=Controls(keyless=True)).verdict is INCONCLUSIVE
    assert first("error.401-type", served, controls=Controls(keyless=True)).verdict is INCONCLUSIVE
    bare = document(said("a"), notes={"fault": "no key"}, probe="errors.no-auth")
    assert "status 200" in first("error.status-401", bare, controls=Controls(keyless=True)).message


LEGAL_AT_OPENAI = {
    "null refusals": ("stream.no-empty-members", stream(delta(role="assistant", content="", refusal=None), "[DONE]")),
    "what stands behind a deployment": ("chat.model-served", document(said("a") | {"model": "gpt-4o-2024-08-06"})),
    "an empty list": ("models.schema", document({"object": "list", "data": []}, probe="models.list", path="/models")),
    "the older word for a call": (
        "tools.finish-reason",
        document(said(None, "function_call", **call("{}")), tools=[{"function": {"name": "run_order"}}]),
    ),
}


@pytest.mark.parametrize(("id", "exchange"), LEGAL_AT_OPENAI.values(), ids=LEGAL_AT_OPENAI)
def test_what_official_servers_of_the_dialect_send_is_legal(id, exchange):
    assert first(id, exchange, profile="openai").verdict is PASS
