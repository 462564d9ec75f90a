"""What one answer may have for reasons of its model or its way, and all answers have for those of the server: tables of both."""

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

PASS, INCONCLUSIVE, FAIL = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL
JSON, EVENTS = (("content-type", "application/json"),), (("content-type", "text/event-stream"),)
FLASH, OPENAI = Ask("2026-11", "deepseek-flash"), Ask("openai", "gpt-4o-mini")
MS = 1_000_000


def verdict(id, *exchanges, ask=FLASH, controls=Controls()):  # noqa: B008  (frozen)
    return judge(specs.requirement(id), checks()[id], exchanges, Case(ask, controls=controls)).verdict


def sent(asked, path="/chat/completions", method="POST"):
    return Request(method, path, f"http://h{path}", body=json.dumps({"max_tokens": 64, **asked}).encode())


def document(body, status=200, step="", notes=None, path="/chat/completions", method="POST", end=End.COMPLETE, **asked):
    reads = () if status is None else (Read(1, json.dumps(body).encode()),)
    return Exchange(
        step or "1", "chat.basic", sent(asked, path, method), step, status=status, headers=JSON, reads=reads, end=end,
        notes=notes or {}, t_sent=0, t_closed=1,
    )  # fmt: skip


def stream(*chunks, gap_ms=0.0, wait_ms=1.0, **asked):
    texts = [*map(json.dumps, chunks), "[DONE]"]
    reads = tuple(
        Read(round((wait_ms + at * gap_ms) * MS), sse.encode(sse.Event(text))) for at, text in enumerate(texts)
    )
    closed = reads[-1].at + 1
    return Exchange(
        "1", "chat.stream", sent({"stream": True, **asked}), status=200, headers=EVENTS, reads=reads, end=End.COMPLETE,
        t_sent=0, t_headers=0, t_closed=closed,
    )  # fmt: skip


def chat(question):
    return {"messages": [{"role": "user", "content": question}]}


def said(text, finish="stop", usage=None):
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}, "logprobs": None}
    return {"id": "x", "object": "chat.completion", "choices": [choice], "usage": usage}


def counts(prompt):
    return {"prompt_tokens": prompt, "completion_tokens": 1, "total_tokens": prompt + 1}


# --- JSON output


def answers(*texts, questions=("river", "mountain", "river")):
    shape = {"response_format": {"type": "json_object"}}
    pairs = zip(texts, questions, strict=False)
    return [document(said(text), step=str(at), **shape, **chat(ask)) for at, (text, ask) in enumerate(pairs)]


FLOOD = '{"a"' + " " * 60 + ': "b"}'
USABLE = {
    "objects": (answers('{"a": 1}', "{}", '{"b": []}'), PASS),
    "one is empty": (answers("", '{"a": 1}', '{"a": 1}'), PASS),
    "two are arrays": (answers("[1]", "[2]", '{"a": 1}'), PASS),
    "each in its own way": (answers("[1]", "", "[2]"), PASS),
    "all empty": (answers("", "\n", ""), FAIL),
    "all arrays": (answers("[1]", '["a"]', "[]"), FAIL),
    "all blank": (answers(" " * 60, "\n" * 60, " " * 30), FAIL),
    "two answers": (answers("[1]", "[1]"), INCONCLUSIVE),
    "one question": (answers("[1]", "[1]", "[1]", questions=("river",) * 3), INCONCLUSIVE),
    "text is another requirement's": (answers("a", "b", "c"), PASS),
    "space between members is no flood": (answers(FLOOD, '{"a": 1}', FLOOD), PASS),
}


@pytest.mark.parametrize(("exchanges", "expected"), USABLE.values(), ids=USABLE)
def test_all_json_answers_or_one(exchanges, expected):
    assert verdict("json.usable", *exchanges) is expected


# --- counts


def prompts(*pairs):
    return [document(said("ok", usage=counts(count)), **chat("x" * size)) for size, count in pairs]


BYTES = {
    "a usual tokenizer": (prompts((20, 12), (2000, 512)), PASS),
    "a token per byte": (prompts((20, 60), (2000, 2040)), PASS),
    "a token more per two bytes": (prompts((20, 12), (2000, 5000)), FAIL),
    "a long prompt that nobody sees": (prompts((20, 3012), (2000, 3512)), PASS),
    "prompts alike": (prompts((20, 12), (60, 900)), INCONCLUSIVE),
    "one prompt": (prompts((2000, 9000)), INCONCLUSIVE),
    "nothing counted": ([document(said("ok", usage={}), **chat("x" * 2000))], INCONCLUSIVE),
}


@pytest.mark.parametrize(("exchanges", "expected"), BYTES.values(), ids=BYTES)
def test_no_tokenizer_makes_more_tokens_than_bytes(exchanges, expected):
    assert verdict("usage.prompt-within-bytes", *exchanges) is expected


def cached(step, hit):
    usage = {**counts(4000), "prompt_cache_hit_tokens": hit, "prompt_cache_miss_tokens": 4000 - hit}
    return document(said("ok", usage=usage), step=step, **chat("x"))


def test_a_template_that_stands_before_each_prompt_may_hit():
    assert verdict("cache.first-misses", cached("first", 0)) is PASS
    assert verdict("cache.first-misses", cached("first", 48)) is PASS
    assert verdict("cache.first-misses", cached("first", 128)) is FAIL
    before = cached("first", 128)
    assert verdict("cache.middle-misses", before, cached("changed", 48)) is PASS
    assert verdict("cache.middle-misses", before, cached("changed", 128)) is FAIL


# --- streams


def pieces(count, gap_ms=0.0, wait_ms=1.0, question="q"):
    chunk = {"id": "x", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]}
    return stream(*[chunk] * count, gap_ms=gap_ms, wait_ms=wait_ms, **chat(question))


def lumps(reads=8, every_ms=80):
    """A stream of eight events a read."""
    whole = pieces(8 * reads, every_ms / 8)
    *held, last = [
        replace(read, at=whole.reads[number // 8 * 8 + 7].at) for number, read in enumerate(whole.reads[:-1])
    ]
    return replace(whole, reads=(*held, last, replace(whole.reads[-1], at=last.at)))


FLOWS = {
    "flowing": ([pieces(40, 10), pieces(60, 10), pieces(60, 5)], PASS),
    "one of three flows": ([pieces(40, wait_ms=400), pieces(60, wait_ms=600), pieces(60, 10)], PASS),
    "all at once": ([pieces(40, wait_ms=400), pieces(60, wait_ms=600), pieces(50, wait_ms=500)], FAIL),
    "all in lumps": ([lumps(), lumps(), lumps()], FAIL),
    "lumps that a starved reader sees": ([lumps(24, 10)] * 3, PASS),
    "two at once, and no third": ([pieces(40, wait_ms=400), pieces(60, wait_ms=600)], INCONCLUSIVE),
    "two at once, and a third too quick to tell": (
        [pieces(40, wait_ms=400), pieces(60, wait_ms=600), pieces(40, wait_ms=30)],
        INCONCLUSIVE,
    ),
    "too quick to tell": ([pieces(40, wait_ms=30), pieces(60, wait_ms=40), pieces(40, wait_ms=30)], INCONCLUSIVE),
    "a slow start": ([pieces(40, wait_ms=400)] * 3 + [pieces(60, wait_ms=410), pieces(8, wait_ms=390)], PASS),
}


@pytest.mark.parametrize(("exchanges", "expected"), FLOWS.values(), ids=FLOWS)
def test_all_streams_are_held_back_or_one(exchanges, expected):
    assert verdict("stream.flows", *exchanges) is expected


def marked(*fingerprints):
    return stream(*[{"id": "x", "choices": [], "system_fingerprint": each} for each in fingerprints])


def test_a_fingerprint_that_is_there_stays_the_same():
    one = "stream.fingerprint-one"
    assert verdict(one, marked("fp_a", "fp_a", "fp_a")) is PASS
    assert verdict(one, marked("fp_a", "fp_b")) is FAIL
    assert verdict(one, marked(None, "", "fp_a", "fp_a")) is PASS
    assert verdict(one, marked(None, None)) is INCONCLUSIVE


def ended(*more, **asked):
    text = {"id": "x", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}], "usage": None}
    return stream(text, *more, **asked)


def test_a_chunk_of_usage_is_asked_for():
    unasked = "stream.usage-chunk-asked-for"
    filters = {"id": "x", "choices": [], "prompt_filter_results": []}
    assert verdict(unasked, ended()) is INCONCLUSIVE
    on_finish = {"id": "x", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": counts(9)}
    assert verdict(unasked, ended(on_finish)) is PASS
    assert verdict(unasked, ended(filters, on_finish)) is PASS
    assert verdict(unasked, ended({"id": "x", "choices": [], "usage": counts(9)})) is FAIL


# --- the rest


def listing(*created):
    rows = [
        {"id": str(at), "object": "model", **({} if each is ... else {"created": each})}
        for at, each in enumerate(created)
    ]
    return document({"object": "list", "data": rows}, path="/models", method="GET")


CREATED = [
    ((1_722_000_000,), PASS),
    ((1_722_000_000_000,), FAIL),
    (("2024",), FAIL),
    ((1.5,), FAIL),
    ((...,), INCONCLUSIVE),
    ((None, 1), PASS),
]


@pytest.mark.parametrize(("created", "expected"), CREATED)
def test_what_is_dated_is_dated_in_seconds(created, expected):
    assert verdict("models.created-seconds", listing(*created), ask=OPENAI) is expected


OPEN = {
    "served": (document(said("ok"), notes={"open": "x"}), PASS),
    "refused": (document({"error": {"message": "no"}}, 400, notes={"open": "x"}), PASS),
    "crashed": (document({"error": {"message": "no"}}, 500, notes={"open": "x"}), FAIL),
    "broken off": (document(None, None, notes={"open": "x"}, end=End.RESET), FAIL),
    "no room": (document({"error": {"message": "no"}}, 503, notes={"open": "x"}), INCONCLUSIVE),
    "never answered": (document(None, None, notes={"open": "x"}, end=End.IDLE_TIMEOUT), INCONCLUSIVE),
    "another request": (document({"error": {"message": "no"}}, 500), INCONCLUSIVE),
}


@pytest.mark.parametrize(("exchange", "expected"), OPEN.values(), ids=OPEN)
def test_what_may_be_refused_is_not_a_crash(exchange, expected):
    assert verdict("request.open-answered", exchange) is expected


def ordered(number):
    function = {"name": "run_order", "arguments": json.dumps({"order": number, "note": "n"})}
    body = said(None, "tool_calls")
    body["choices"][0]["message"]["tool_calls"] = [{"id": "a", "type": "function", "function": function}]
    return document(body, tools=[{"type": "function", "function": {"name": "run_order"}}], **chat("q"))


NUMBERS = [
    (ORDER, PASS),
    (int(float(ORDER)), FAIL),
    (float(ORDER), FAIL),
    (str(ORDER), FAIL),
    (ORDER + 7, INCONCLUSIVE),
    (1, INCONCLUSIVE),
]


@pytest.mark.parametrize(("number", "expected"), NUMBERS)
def test_another_number_is_the_models_and_the_nearest_float_is_not(number, expected):
    assert verdict("transport.numbers-exact", ordered(number)) is expected


def test_two_keys_prove_nothing_where_none_is_asked_for():
    right = document(said("ok"), step="right", path="/anthropic/v1/messages")
    wrong = document(said("ok"), step="unknown", path="/anthropic/v1/messages")
    assert verdict("messages.two-keys", right, wrong) is FAIL
    assert verdict("messages.two-keys", right, wrong, controls=Controls(keyless=True)) is INCONCLUSIVE


# --- begun texts

BEGUN = {"one two three": " four five", "Monday Tuesday": " Wednesday", "a b": " c d"}


def begun(beginning, text):
    turns = [{"role": "user", "content": "Go on."}, {"role": "assistant", "content": beginning, "prefix": True}]
    return document(said(text), path="/beta/chat/completions", messages=turns)


def all_begun(change):
    return [begun(beginning, change(beginning, text)) for beginning, text in BEGUN.items()]


GOES_ON = {
    "goes on": (all_begun(lambda beginning, text: text), PASS),
    "no blank": (all_begun(lambda beginning, text: text.strip()), FAIL),
    "all begin again": (all_begun(lambda beginning, text: beginning + text), FAIL),
    "all begin again, in capitals": (all_begun(lambda beginning, text: beginning.upper() + text), FAIL),
    "all begin again after a blank": (all_begun(lambda beginning, text: f"\n{beginning}{text}"), FAIL),
    "one begins again": ([begun("a b", "a b c"), *all_begun(lambda beginning, text: text)], PASS),
    "one begins again, the others lack the blank": (
        [begun("a b", "a b c"), *all_begun(lambda beginning, text: text.strip())],
        PASS,
    ),
    "with a comma": (all_begun(lambda beginning, text: f",{text}"), PASS),
    "two alone": (all_begun(lambda beginning, text: text.strip())[1:], INCONCLUSIVE),
}


@pytest.mark.parametrize(("exchanges", "expected"), GOES_ON.values(), ids=GOES_ON)
def test_begun_texts_go_on_or_do_not(exchanges, expected):
    assert verdict("prefix.goes-on", *exchanges) is expected
