"""Generated requests and the bundled document test each other; the boundary table and the mock do too."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echosounder import specs
from echosounder.conformance.ask import CHAT, Ask
from echosounder.conformance.generate.boundaries import bounds
from echosounder.conformance.generate.legal import breaches
from echosounder.conformance.generate.requests import chat, corpus, fim, messages, tools, translated
from echosounder.conformance.generate.translated import as_messages, as_responses
from echosounder.conformance.http_sender import HttpSender
from echosounder.judgement.schema import value_mismatches
from echosounder.wire.formats import MESSAGES, RESPONSES, Question, Turn
from echosounder.wire.target import target

PROFILES = [(profile, model) for profile in specs.PROFILES for model in specs.models(profile)[-1:]]
quick = settings(max_examples=15, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize(("profile", "model"), PROFILES)
@quick
@given(data=st.data())
def test_generated_chats_are_legal(profile, model, data):
    body = data.draw(chat(Ask(profile, model)))
    assert list(value_mismatches(body, "ChatRequest", profile)) == []


FORMS = [(form, schema) for form, schema in ((RESPONSES, "ResponsesRequest"), (MESSAGES, "MessagesRequest"))]
SERVED = [
    (form, schema, at) for form, schema in FORMS for at in PROFILES if form.name in specs.behaviour(at[0]).formats
]


@pytest.mark.parametrize(("form", "schema", "place"), SERVED)
@quick
@given(data=st.data())
def test_generated_requests_of_other_formats_are_legal(form, schema, place, data):
    ask = Ask(*place)
    body = data.draw(translated(form, ask))
    assert list(value_mismatches(body, schema, ask.profile)) == []
    assert list(breaches(body, form.path)) == []
    assert form.bound(body) in range(1, 5)


WORDS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Light?", "name": "ada"},
    {
        "role": "assistant",
        "content": "Let me look.",
        "reasoning_content": "The log.",
        "tool_calls": [
            {"id": id, "type": "function", "function": {"name": "light", "arguments": '{"on":1}'}} for id in "ab"
        ],
    },
    {"role": "tool", "tool_call_id": "a", "content": "21"},
    {"role": "tool", "tool_call_id": "b", "content": "22"},
]
CHATTED = {
    "model": "m",
    "messages": WORDS,
    "max_tokens": 3,
    "tools": [{"type": "function", "function": {"name": "light"}}],
    "tool_choice": "auto",
    "stop": "HALT",
    "user_id": "u",
    "temperature": None,
    "stream": True,
    "stream_options": {"include_usage": True},
    "thinking": {"type": "enabled"},
}


def test_a_chat_is_said_in_items():
    call = {"type": "function_call", "name": "light", "arguments": '{"on":1}'}
    assert as_responses(CHATTED) == {
        "model": "m",
        "input": [
            {"type": "message", "role": "system", "content": "Be brief."},
            {"type": "message", "role": "user", "content": "Light?"},
            {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "The log."}], "summary": []},
            {"type": "message", "role": "assistant", "content": "Let me look."},
            {**call, "call_id": "a"},
            {**call, "call_id": "b"},
            {"type": "function_call_output", "call_id": "a", "output": "21"},
            {"type": "function_call_output", "call_id": "b", "output": "22"},
        ],
        "max_output_tokens": 3,
        "tools": [{"type": "function", "name": "light"}],
        "tool_choice": "auto",
        "user": "u",
        "stream": True,
        "reasoning": {"effort": "high"},
    }


def test_a_chat_is_said_in_blocks():
    use = {"type": "tool_use", "name": "light", "input": {"on": 1}}
    thought = {"type": "thinking", "thinking": "The log.", "signature": "echosounder"}
    results = [{"type": "tool_result", "tool_use_id": id, "content": said} for id, said in (("a", "21"), ("b", "22"))]
    assert as_messages(CHATTED) == {
        "model": "m",
        "system": "Be brief.",
        "messages": [
            {"role": "user", "content": "Light?"},
            {
                "role": "assistant",
                "content": [thought, {"type": "text", "text": "Let me look."}, use | {"id": "a"}, use | {"id": "b"}],
            },
            {"role": "user", "content": results},
        ],
        "max_tokens": 3,
        "tools": [{"name": "light", "input_schema": {"type": "object", "properties": {}}}],
        "tool_choice": {"type": "auto"},
        "stop_sequences": ["HALT"],
        "metadata": {"user_id": "u"},
        "stream": True,
        "thinking": {"type": "enabled"},
    }


@quick
@given(data=st.data())
def test_generated_fims_are_legal(data):
    body = data.draw(fim(Ask("2026-08", "deepseek-v4-flash")))
    assert list(value_mismatches(body, "FimRequest", "2026-08")) == []


@quick
@given(data=st.data())
def test_every_call_is_answered_once_and_at_once(data):
    turns = data.draw(messages(data.draw(tools())))
    assert turns[-1]["role"] in {"user", "tool"}
    for index, turn in enumerate(turns):
        called = [call["id"] for call in turn.get("tool_calls", ())]
        answered = [each["tool_call_id"] for each in turns[index + 1 : index + 1 + len(called)]]
        assert called == answered
    assert sum(turn["role"] == "tool" for turn in turns) == sum(len(turn.get("tool_calls", ())) for turn in turns)


def test_a_seed_always_asks_the_same():
    ask = Ask("2026-08", "deepseek-v4-flash")
    first, again, other = (corpus(chat(ask), 8, number) for number in (1, 1, 2))
    assert len(first) == 8
    assert first == again != other


BOUNDS = list(bounds(specs.document("2026-08"), "ChatRequest"))


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: f"{bound.member} {bound.rule}")
def test_a_bound_is_where_the_document_has_it(bound):
    body = bound.on(Ask("2026-08", "deepseek-v4-flash").body("Hi.", stream=True, logprobs=True))
    assert (list(value_mismatches(body, "ChatRequest", "2026-08")) == []) is bound.legal


def test_the_mock_refuses_what_is_out_of_bounds(mock):
    ask, wrong = Ask("2026-08", "deepseek-v4-flash"), []
    with HttpSender(target(mock.url), "sk-test-0123456789") as runner:
        for bound in BOUNDS:
            body = bound.on(ask.body("Hi.", max_tokens=1, stream=True, logprobs=True))
            if not bound.legal:
                exchange = runner.send(ask.post(CHAT, body), "1", "test")
                wrong += [] if exchange.status in {400, 422} else [(bound.member, bound.rule, exchange.status)]
    assert len(BOUNDS) > 40
    assert wrong == []


PLACE = ("2026-11", "deepseek-flash")
BEYOND = [(form, schema, bound) for form, schema in FORMS for bound in bounds(specs.document("2026-11"), schema)]


def asked_in(form):
    return form.ask(PLACE[1], Question((Turn("user", "Hi."),), 1, stream=True))


@pytest.mark.parametrize(
    ("form", "schema", "bound"), BEYOND, ids=[f"{form.name} {bound.member} {bound.rule}" for form, _, bound in BEYOND]
)
def test_a_bound_of_another_format_is_where_the_document_has_it(form, schema, bound):
    found = list(value_mismatches(bound.on(asked_in(form)), schema, PLACE[0])) == []
    assert found is bound.legal


def test_the_mock_refuses_what_is_out_of_bounds_in_other_formats(mock):
    ask, wrong = Ask(*PLACE), []
    with HttpSender(target(mock.url), "sk-test-0123456789") as runner:
        for form, _, bound in BEYOND:
            if not bound.legal:
                status = runner.send(ask.within(form, bound.on(asked_in(form))), "1", "test").status
                wrong += [] if status in {400, 422} else [(form.name, bound.member, bound.rule, status)]
    assert len(BEYOND) > 40
    assert wrong == []
