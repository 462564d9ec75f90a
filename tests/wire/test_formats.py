"""How to ask in the Responses and the Messages format, and what their answers say: tables, one row per fact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.wire.answer import NOTHING, Answer
from echosounder.wire.formats import FORMATS, MESSAGES, RESPONSES, Question, Tool, Turn
from echosounder.wire.usage import Usage

TURNS = (Turn("system", "Be short."), Turn("user", "Hi."), Turn("assistant", "Yes?"), Turn("user", "Go on."))
TOOL = Tool("f", "Does it.", {"type": "object"})
ASKED = [
    (
        RESPONSES,
        Question(TURNS[1:2], 5, True, thinking=False, temperature=0, json=True),
        {
            "model": "m",
            "input": [{"type": "message", "role": "user", "content": "Hi."}],
            "text": {"format": {"type": "json_object"}},
            "max_output_tokens": 5,
            "temperature": 0,
            "stream": True,
            "reasoning": {"effort": "none"},
        },
    ),
    (
        RESPONSES,
        Question(TURNS[:2], tools=(TOOL,)),
        {
            "model": "m",
            "input": [
                {"type": "message", "role": "system", "content": "Be short."},
                {"type": "message", "role": "user", "content": "Hi."},
            ],
            "tools": [{"type": "function", "name": "f", "description": "Does it.", "parameters": {"type": "object"}}],
        },
    ),
    (
        MESSAGES,
        Question(TURNS, 5, True, thinking=True, temperature=0, tools=(TOOL,), user="u"),
        {
            "model": "m",
            "system": "Be short.",
            "messages": [
                {"role": "user", "content": "Hi."},
                {"role": "assistant", "content": "Yes?"},
                {"role": "user", "content": "Go on."},
            ],
            "tools": [{"name": "f", "description": "Does it.", "input_schema": {"type": "object"}}],
            "max_tokens": 5,
            "temperature": 0,
            "stream": True,
            "thinking": {"type": "enabled"},
            "metadata": {"user_id": "u"},
        },
    ),
    (MESSAGES, Question(TURNS[1:2]), {"model": "m", "messages": [{"role": "user", "content": "Hi."}]}),
]


@pytest.mark.parametrize(("form", "question", "body"), ASKED)
def test_a_question_as_a_body(form, question, body):
    assert form.ask("m", question) == body


def test_the_key_goes_where_the_format_has_it():
    assert MESSAGES.headers("sk-1") == {"x-api-key": "sk-1", "anthropic-version": "2023-06-01"}
    assert MESSAGES.headers(None) == {"anthropic-version": "2023-06-01"}
    assert RESPONSES.headers("sk-1") == {"Authorization": "Bearer sk-1"}


def item(kind, **members):
    return {"type": kind, **members}


def words(kind, said):
    return {"type": kind, "text": said}


RESPONSE = {
    "model": "m",
    "status": "completed",
    "output": [
        item("reasoning", content=[words("reasoning_text", "hm"), words("summary_text", "no")]),
        item("message", role="assistant", content=[words("output_text", "a"), words("output_text", "b")]),
        item("function_call", call_id="c", name="f", arguments='{"x":1}'),
        item("custom_tool_call", call_id="d", name="apply_patch", input="***"),
    ],
    "usage": {"input_tokens": 7, "output_tokens": 4, "total_tokens": 11, "input_tokens_details": {"cached_tokens": 3}},
}
MESSAGE = {
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [
        item("thinking", thinking="hm", signature="s"),
        words("text", "a"),
        words("text", "b"),
        item("tool_use", id="c", name="f", input={"x": 1}),
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 4, "cache_read_input_tokens": 3, "output_tokens": 4},
}


def test_a_response_as_a_whole():
    answer = RESPONSES.answer(RESPONSE)
    assert (answer.content, answer.reasoning, answer.finish) == ("ab", "hm", "function_call")
    assert [(call.id, call.name, call.arguments) for call in answer.calls] == [
        ("c", "f", '{"x":1}'),
        ("d", "apply_patch", "***"),
    ]
    assert answer.usage == Usage(prompt=7, completion=4, total=11, cached=3)


def test_a_message_as_a_whole():
    answer = MESSAGES.answer(MESSAGE)
    assert (answer.content, answer.reasoning, answer.finish) == ("ab", "hm", "tool_use")
    assert [(call.id, call.name, call.arguments) for call in answer.calls] == [("c", "f", '{"x":1}')]
    assert answer.usage == Usage(prompt=7, completion=4, hit=3, miss=4)


@pytest.mark.parametrize(
    ("response", "finish", "meaning"),
    [
        ({"status": "completed"}, "completed", "ended"),
        ({"status": "completed", "output": [item("message")]}, "completed", "ended"),
        ({"status": "completed", "output": [item("function_call")]}, "function_call", "called"),
        (
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "max_output_tokens",
            "bounded",
        ),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter", "filtered"),
        ({"status": "failed", "error": {"message": "No."}}, "failed", "interrupted"),
        ({"status": "failed", "incomplete_details": "nonsense"}, "failed", "interrupted"),
    ],
)
def test_why_a_response_ended(response, finish, meaning):
    ended = RESPONSES.mark("", {"type": "response.completed", "response": response})
    assert ended.finish == RESPONSES.whole(response).finish == finish
    assert RESPONSES.grammar.meaning(finish) == meaning


def start(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index, **part):
    return {"type": "content_block_delta", "index": index, "delta": part}


# The events of a stream, and the answer that they make.
STREAMS = [
    (
        RESPONSES,
        [
            {"type": "response.reasoning_text.delta", "delta": "hm"},
            {"type": "response.output_text.delta", "delta": "a"},
            {"type": "response.output_text.delta", "delta": "b"},
            {"type": "response.output_text.done", "text": "ab"},
            {"type": "response.output_item.added", "output_index": 2, "item": item("function_call", call_id="c", name="f")},
            {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"x"'},
            {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": ":1}"},
            {"type": "response.output_item.done", "output_index": 2, "item": RESPONSE["output"][2]},
            {"type": "response.output_item.added", "output_index": 3, "item": {**RESPONSE["output"][3], "input": ""}},
            {"type": "response.custom_tool_call_input.delta", "output_index": 3, "delta": "***"},
            {"type": "response.completed", "response": RESPONSE},
        ],
    ),
    (
        MESSAGES,
        [
            {"type": "message_start", "message": {**MESSAGE, "content": [], "usage": {**MESSAGE["usage"], "output_tokens": 0}}},
            start(0, type="thinking", thinking=""),
            delta(0, type="thinking_delta", thinking="hm"),
            delta(0, type="signature_delta", signature="s"),
            start(1, **words("text", "a")),
            delta(1, **words("text_delta", "b")),
            start(2, type="tool_use", id="c", name="f", input={}),
            delta(2, type="input_json_delta", partial_json=""),
            delta(2, type="input_json_delta", partial_json='{"x":1}'),
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 4}},
            {"type": "message_stop"},
        ],
    ),
]  # fmt: skip


def outline(answer: Answer):
    calls = [(call.id, call.name, call.arguments) for call in answer.calls]
    return answer.content, answer.reasoning, calls, answer.finish, answer.usage


@pytest.mark.parametrize(("form", "events"), STREAMS)
def test_a_stream_makes_the_same_answer_as_the_whole(form, events):
    whole = {RESPONSES: RESPONSE, MESSAGES: MESSAGE}[form]
    marks = [(index, form.mark(event["type"], event)) for index, event in enumerate(events)]
    assert outline(form.joined(marks)) == outline(form.answer(whole))
    assert [mark.end for _, mark in marks] == [False] * (len(events) - 1) + [True]


@pytest.mark.parametrize(("form", "events"), STREAMS)
def test_the_name_of_an_event_stands_in_for_a_type_that_is_missing(form, events):
    bare = [{name: value for name, value in event.items() if name != "type"} for event in events]
    marks = [form.mark(event["type"], rest) for event, rest in zip(events, bare, strict=True)]
    assert marks == [form.mark("", event) for event in events]


@pytest.mark.parametrize("form", [RESPONSES, MESSAGES])
def test_an_error_in_a_stream_is_one(form):
    inside = {"type": "error", "error": {"message": "No."}}
    assert form.message(form.mark("error", inside).error)
    assert form.mark("error", {"type": "error", "message": "No."}).error
    assert not form.mark("ping", {"type": "ping"}).error


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "output", "content", "delta", "item", "response", "message", "usage", "content_block"]),
            inner | st.sampled_from(["message", "function_call", "tool_use", "text", "response.completed", "message_delta"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from(sorted(FORMATS)), st.text(max_size=3), ANYTHING)
def test_whatever_a_target_sends_is_read_without_an_exception(name, event, value):
    form = FORMATS[name]
    form.joined([(0, form.mark(event, value))])
    form.answer(value)


def test_what_is_no_object_brings_nothing():
    assert {form.mark("", [1]) for form in (RESPONSES, MESSAGES)} == {NOTHING}


@pytest.mark.parametrize("value", [{"type": ["x"]}, {"type": {}, "error": None}, {"type": 7}])
def test_a_type_that_is_no_text_is_none(value):
    for form in (RESPONSES, MESSAGES):
        assert form.mark("", value) == NOTHING
        assert form.whole({"output": [value], "content": [value]}).calls == ()
