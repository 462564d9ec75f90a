"""Responses: what a request may hold, what an answer says, and that a stream says the same."""

import json
from collections import Counter
from itertools import groupby
from typing import Any

import pytest

MODEL = "deepseek-v4-flash"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get weather of a location",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
PLAIN = {"reasoning": {"effort": "none"}}
CITIES = "How's the weather in Paris and Tokyo?"
CASES: dict[str, dict[str, Any]] = {
    "text": {"input": "Tell me about rivers."},
    "no thinking": {"input": "Tell me about rivers.", **PLAIN},
    "calls": {"input": CITIES, "tools": [WEATHER]},
    "cut thought": {"input": "Tell me about rivers.", "max_output_tokens": 3},
    "cut text": {"input": "Write a long essay.", "max_output_tokens": 30, **PLAIN},
    "cut call": {"input": CITIES, "tools": [WEATHER], "max_output_tokens": 12, **PLAIN},
    "log probabilities": {"input": "Tell me about rivers.", "top_logprobs": 2},
    "instructions alone": {"instructions": "Tell me about rivers."},
}


def ask(server, body, profile="2026-08", path="/responses", **config):
    return server(profile, **config)(path, {"model": MODEL, **body})


def without_ids(value: Any) -> Any:
    """Without what differs between two answers to the same request."""
    if isinstance(value, dict):
        return {k: without_ids(v) for k, v in value.items() if k not in ("id", "call_id", "encrypted_content")}
    return [without_ids(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", CASES)
def test_a_stream_ends_with_what_a_document_says(server, case):
    whole = ask(server, CASES[case]).value
    events = ask(server, {**CASES[case], "stream": True}).value
    assert without_ids(events[-1]["response"]) == without_ids(whole)
    assert events[-1]["type"] == f"response.{whole['status']}"
    assert [each["type"] for each in events[:2]] == ["response.created", "response.in_progress"]
    assert events[0]["response"] == events[1]["response"]
    assert events[0]["response"]["usage"] is None
    assert {each["response"]["id"] for each in (events[0], events[-1])} == {events[-1]["response"]["id"]}


@pytest.mark.parametrize("case", CASES)
def test_events_are_numbered_and_what_opens_is_closed(server, case):
    events = ask(server, {**CASES[case], "stream": True}).value
    assert [each["sequence_number"] for each in events] == list(range(len(events)))
    kinds = Counter(each["type"] for each in events)
    assert (
        kinds["response.output_item.added"]
        == kinds["response.output_item.done"]
        == len(events[-1]["response"]["output"])
    )
    assert kinds["response.content_part.added"] == kinds["response.content_part.done"]
    items = [list(each) for _, each in groupby(events[2:-1], lambda each: each["output_index"])]
    assert [each[0]["output_index"] for each in items] == list(range(len(items)))
    for index, item in enumerate(items):
        added, done = item[0]["item"], item[-1]["item"]
        assert (added["status"], added["id"], done) == (
            "in_progress",
            done["id"],
            events[-1]["response"]["output"][index],
        )
        assert {each["item_id"] for each in item[1:-1]} == {done["id"]}
        deltas = "".join(each["delta"] for each in item if each["type"].endswith(".delta"))
        said = next(each for each in item if each["type"].endswith((".text.done", "_text.done", "arguments.done")))
        assert said.get("text", said.get("arguments")) == deltas
        assert deltas == (done["arguments"] if "arguments" in done else done["content"][0]["text"])


@pytest.mark.parametrize("case", CASES)
def test_tokens_and_usage_add_up(server, case):
    got = ask(server, {**CASES[case], "stream": True}, ttft_ms=100, itl_ms=10)
    usage = got.value[-1]["response"]["usage"]
    assert sum(got.response.tokens) == usage["output_tokens"] == got.flight.facts.usage["output_tokens"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert got.response.due == sorted(got.response.due)
    first = next(at for at, tokens in zip(got.response.due, got.response.tokens, strict=True) if tokens)
    assert first == 100_000_000


@pytest.mark.parametrize(
    ("body", "status", "reason", "items"),
    [
        ({"input": "Tell me about rivers."}, "completed", None, ["reasoning", "message"]),
        ({"input": "Tell me about rivers.", **PLAIN}, "completed", None, ["message"]),
        ({"input": "Tell me about rivers.", "max_output_tokens": 3}, "incomplete", "max_output_tokens", ["reasoning"]),
        ({"input": CITIES, "tools": [WEATHER]}, "completed", None, ["reasoning", "function_call", "function_call"]),
    ],
)
def test_status_and_items(server, body, status, reason, items):
    response = ask(server, body).value
    assert response["status"] == status
    assert (response["incomplete_details"] or {}).get("reason") == reason
    assert [each["type"] for each in response["output"]] == items
    assert response["output"][-1]["status"] == status
    assert {each["status"] for each in response["output"][:-1]} <= {"completed"}


def test_what_is_fixed_and_what_is_told_again(server):
    told = {"instructions": "Be kind.", "max_output_tokens": 500, "temperature": 0.5, "top_p": 0.9, "user": "u"}
    wanted = {
        "store": True,
        "previous_response_id": "resp_1",
        "parallel_tool_calls": False,
        "background": True,
        "metadata": {"a": "b"},
    }
    response = ask(server, {"input": "Hi", **told, **wanted, "reasoning": {"effort": "low", "summary": "auto"}}).value
    assert {name: response[name] for name in told} == told
    fixed = {
        "store": False,
        "previous_response_id": None,
        "parallel_tool_calls": True,
        "background": False,
        "metadata": {},
    }
    assert {name: response[name] for name in fixed} == fixed
    assert response["reasoning"] == {"effort": "low", "summary": None}


@pytest.mark.parametrize(
    "member",
    [
        "max_tool_calls",
        "conversation",
        "background",
        "metadata",
        "include",
        "prompt",
        "truncation",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "context_management",
        "stream_options",
        "store",
        "previous_response_id",
        "parallel_tool_calls",
        "unheard_of",
    ],
)
def test_what_is_not_supported_is_not_looked_at(server, member):
    assert ask(server, {"input": "Hi", member: {"of": "any shape"}}).status == 200


def test_the_bill_is_that_of_the_same_chat(server):
    mock = server()
    chat = mock(
        "/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": "Tell me about rivers."}]}
    )
    got = mock("/responses", {"model": MODEL, "input": "Tell me about rivers."})
    assert got.flight.facts.price == chat.flight.facts.price > 0
    assert got.value["usage"]["input_tokens"] == chat.value["usage"]["prompt_tokens"]
    assert got.value["usage"]["output_tokens"] == chat.value["usage"]["completion_tokens"]
    assert got.value["output"][-1]["content"][0]["text"] == chat.value["choices"][0]["message"]["content"]


def test_the_cache_is_shared_with_chat(server):
    mock, text = server(), "word " * 400
    mock("/chat/completions", {"model": MODEL, "messages": [{"role": "user", "content": text}]})
    usage = mock("/responses", {"model": MODEL, "input": text}).value["usage"]
    assert usage["input_tokens_details"]["cached_tokens"] >= 128


def turn(*items, **more):
    return {
        "input": [{"role": "user", "content": "How's the weather in Paris?"}, *items],
        "tools": [WEATHER],
        **PLAIN,
        **more,
    }


def call(call_id):
    return {"type": "function_call", "call_id": call_id, "name": "get_weather", "arguments": '{"location": "Paris"}'}


def output(call_id, text="24 degrees"):
    return {"type": "function_call_output", "call_id": call_id, "output": text}


THOUGHT = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Paris."}], "summary": []}
PASSED_BACK = "The `reasoning_text` in the thinking mode must be passed back to the API."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "At least one of `input` and `instructions` is required"),
        ({"input": []}, "Empty input messages"),
        (
            {"input": "Hi", "model": "nobody"},
            "The supported API model names are deepseek-v4-pro or deepseek-v4-flash, but you passed nobody.",
        ),
        ({"input": "Hi", "temperature": 2.1}, "Invalid temperature value, the valid range of temperature is [0, 2]"),
        (
            {"input": "Hi", "max_output_tokens": 0},
            "Invalid max_output_tokens value, the valid range of max_output_tokens is [1, 393216]",
        ),
        (
            {"input": "Hi", "top_logprobs": 21},
            "Invalid top_logprobs value, the valid range of top_logprobs is [0, 20].",
        ),
        ({"input": "Hi", "tools": [{"type": "custom", "name": "other"}]}, "Invalid 'tools[0]': the only custom tool"),
        ({"input": "Hi", "tools": [WEATHER, WEATHER]}, "Tool names must be unique"),
        (
            {"input": "Hi", "tools": [{"type": "function", "name": "a b"}]},
            "Invalid 'tools[0].name': string does not match",
        ),
        (
            {"input": "Hi", "tools": [WEATHER], "tool_choice": "required"},
            "Thinking mode does not support this tool_choice",
        ),
        ({"input": "Hi", "text": {"format": {"type": "json_object"}}}, "Prompt must contain the word 'json'"),
        (turn(call("a")), "No tool output found for tool call a."),
        (turn(call("a"), call("b"), output("a")), "No tool output found for tool call b."),
        (
            turn(call("a"), call("b"), output("a"), {"role": "developer", "content": "note"}, output("b")),
            "No tool output found for tool call b.",
        ),
        (turn(output("a")), "No tool call found for function call output with call_id a."),
        (turn(call("a"), output("a"), call("a"), output("a")), "Duplicate call_id a"),
        (turn(call(""), output("")), "call_id must not be empty"),
        (turn(call("a"), output("a"), reasoning={"effort": "high"}), PASSED_BACK),
        # An output between two calls makes two turns of them; the second has no thought of its own.
        (turn(THOUGHT, call("a"), output("a"), call("b"), output("b"), reasoning={"effort": "high"}), PASSED_BACK),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input_image must have image_url or file_id",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x", "file_id": "y"}]}]},
            "input_image cannot have both image_url and file_id",
        ),
        (
            {"input": [{"role": "system", "content": [{"type": "input_image", "image_url": "x"}]}]},
            "Images are not allowed",
        ),
    ],
)
def test_refusals_of_meaning(server, body, text):
    got = ask(server, body)
    assert (got.status, got.value["error"]["type"]) == (400, "invalid_request_error")
    assert got.error.startswith(text)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"input": 1}, "input: data did not match any variant of untagged enum ResponseInput"),
        (
            {"input": [{"role": "tool", "content": "x"}]},
            "input[0].role: unknown variant `tool`, expected one of `user`",
        ),
        ({"input": [{"role": "user"}]}, "input[0]: missing field `content`"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0]: missing field `call_id`"),
        (
            {"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
            "input[0].content[0].type: unknown variant `text`",
        ),
        ({"input": "Hi", "max_output_tokens": "lots"}, "max_output_tokens: invalid type: string"),
        ({"input": "Hi", "reasoning": {"effort": "huge"}}, "reasoning.effort: unknown variant `huge`"),
        ({"input": "Hi", "text": {"format": {"type": "xml"}}}, "text.format.type: unknown variant `xml`"),
        (
            {"input": "Hi", "text": {"format": {"type": "json_schema", "name": "n"}}},
            "text.format: missing field `schema`",
        ),
        (
            {"input": "Hi", "tool_choice": "perhaps"},
            "tool_choice: expected one of `none`, `auto`, `required` or a tool",
        ),
        ({"input": "Hi", "tools": [{"type": "function"}]}, "tools[0]: missing field `name`"),
    ],
)
def test_refusals_of_types(server, body, text):
    got = ask(server, body)
    assert got.status == 400
    assert got.error.startswith(f"Failed to deserialize the JSON body into the target type: {text}")


def test_what_is_ignored_among_items_and_tools(server):
    items = [
        {"type": "item_reference", "id": "x"},
        {"type": "web_search_call", "id": "y"},
        {"role": "user", "content": "Say 'hi'"},
    ]
    tools = [{"type": "web_search"}, {"type": "code_interpreter"}, {"type": "custom", "name": "apply_patch"}]
    got = ask(server, {"input": items, "tools": tools, **PLAIN})
    assert got.value["output"][0]["content"][0]["text"] == "hi"


def test_a_round_trip_with_a_tool(server):
    mock = server()
    body = {"model": MODEL, "input": [{"role": "user", "content": CITIES}], "tools": [WEATHER]}
    first = mock("/responses", body).value["output"]
    calls = [each for each in first if each["type"] == "function_call"]
    assert [json.loads(each["arguments"]) for each in calls] == [{"location": "Paris"}, {"location": "Tokyo"}]
    body["input"] += [*first, *(output(each["call_id"]) for each in calls)]
    second = mock("/responses", body).value
    assert second["status"] == "completed"
    assert "24 degrees" in second["output"][-1]["content"][0]["text"]


def test_a_schema_is_obeyed(server):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
        "required": ["name", "age"],
    }
    got = ask(server, {"input": "Ann is 7", "text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}})
    assert json.loads(got.value["output"][-1]["content"][0]["text"]) == {"name": "Ann", "age": 7}
    assert got.value["text"]["format"]["schema"] == schema


@pytest.mark.parametrize(("profile", "tokens"), [("2026-08", range(1, 10)), ("2026-09", range(1024, 1025))])
def test_an_image_is_counted_where_the_model_sees_it(server, profile, tokens):
    def counted(content):
        return ask(server, {"input": [{"role": "user", "content": content}]}, profile).value["usage"]["input_tokens"]

    text = {"type": "input_text", "text": "What is this?"}
    image = {"type": "input_image", "image_url": "https://example.com/image.png"}
    assert counted([text, image]) - counted([text]) in tokens


def test_the_old_model_name_is_answered_by_the_new_model(server):
    assert ask(server, {"input": "Hi"}, "2026-09").value["model"] == "deepseek-flash"


def test_under_v1_too_and_not_before_its_time(server):
    assert ask(server, {"input": "Hi"}, path="/v1/responses").status == 200
    assert ask(server, {"input": "Hi"}, "2026-04").status == 404


def test_the_same_seed_says_the_same_bytes(server):
    bodies = [ask(server, {"input": "Tell me about rivers.", "stream": True}).response.body for _ in range(2)]
    assert bodies[0] == bodies[1]
