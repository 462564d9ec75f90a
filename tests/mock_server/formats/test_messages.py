"""Messages: what a request may hold, what an answer says, and that a stream says the same."""

import json
from typing import Any

import pytest

MODEL = "deepseek-v4-flash"
WEATHER = {
    "name": "get_weather",
    "description": "Get weather of a location",
    "input_schema": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}
PLAIN = {"thinking": {"type": "disabled"}}
CITIES = "How's the weather in Paris and Tokyo?"
RIVERS = [{"role": "user", "content": "Tell me about rivers."}]
CASES: dict[str, dict[str, Any]] = {
    "text": {"messages": RIVERS},
    "no thinking": {"messages": RIVERS, **PLAIN},
    "calls": {"messages": [{"role": "user", "content": CITIES}], "tools": [WEATHER]},
    "cut thought": {"messages": RIVERS, "max_tokens": 3},
    "cut text": {"messages": [{"role": "user", "content": "Write a long essay."}], "max_tokens": 30, **PLAIN},
    "stop": {"messages": [{"role": "user", "content": "Say 'one two three'"}], "stop_sequences": ["four", " two"]},
    "stop at once": {"messages": [{"role": "user", "content": "Say 'one'"}], "stop_sequences": ["one"]},
}


def ask(server, body, profile="2026-08", path="/anthropic/v1/messages", **config):
    return server(profile, **config)(path, {"model": MODEL, "max_tokens": 1000, **body})


def without_ids(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_ids(each) for name, each in value.items() if name not in ("id", "signature")}
    return [without_ids(each) for each in value] if isinstance(value, list) else value


def put_together(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The message that a stream makes, by the rules of its inventor; what stands at the wrong place fails."""
    start, *middle, delta, stop = [each for each in events if each["type"] != "ping"]
    assert (start["type"], delta["type"], stop["type"]) == ("message_start", "message_delta", "message_stop")
    message, texts = start["message"], {}
    for each in middle:
        index, open_ = each["index"], len(texts) - 1
        if each["type"] == "content_block_start":
            assert index == len(message["content"])
            message["content"].append(each["content_block"])
            texts[index] = []
        elif each["type"] == "content_block_delta":
            assert index == open_
            part = each["delta"]
            kind = part["type"]
            if kind == "signature_delta":
                message["content"][index]["signature"] += part["signature"]
            else:
                texts[index].append(
                    part[{"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}[kind]]
                )
        else:
            assert (each["type"], index) == ("content_block_stop", open_)
            block, text = message["content"][index], "".join(texts[index])
            if block["type"] == "tool_use":
                block["input"] = json.loads(text)
            else:
                block[block["type"]] += text
    return message | delta["delta"] | {"usage": message["usage"] | delta["usage"]}


@pytest.mark.parametrize("case", CASES)
def test_a_stream_makes_the_message_that_a_document_is(server, case):
    whole = ask(server, CASES[case]).value
    events = ask(server, {**CASES[case], "stream": True}).value
    assert without_ids(put_together(events)) == without_ids(whole)
    assert sum(each["type"] == "ping" for each in events) == 1


@pytest.mark.parametrize("case", CASES)
def test_tokens_and_usage_add_up(server, case):
    got = ask(server, {**CASES[case], "stream": True}, ttft_ms=100, itl_ms=10)
    assert sum(got.response.tokens) == got.value[-2]["usage"]["output_tokens"]
    assert got.response.due == sorted(got.response.due)
    spoken = [at for at, tokens in zip(got.response.due, got.response.tokens, strict=True) if tokens]
    assert spoken[:2] == [100_000_000, 110_000_000][: len(spoken)]


@pytest.mark.parametrize(
    ("case", "reason", "sequence", "blocks"),
    [
        ("text", "end_turn", None, ["thinking", "text"]),
        ("no thinking", "end_turn", None, ["text"]),
        ("calls", "tool_use", None, ["thinking", "tool_use", "tool_use"]),
        ("cut thought", "max_tokens", None, ["thinking"]),
        ("cut text", "max_tokens", None, ["text"]),
        ("stop", "stop_sequence", " two", ["thinking", "text"]),
    ],
)
def test_why_it_stopped(server, case, reason, sequence, blocks):
    message = ask(server, CASES[case]).value
    assert (message["stop_reason"], message["stop_sequence"]) == (reason, sequence)
    assert [each["type"] for each in message["content"]] == blocks


def test_the_signature_of_a_thought_is_the_id_of_its_message(server):
    message = ask(server, CASES["text"]).value
    assert message["content"][0]["signature"] == message["id"]


@pytest.mark.parametrize(
    ("profile", "name", "model"),
    [
        ("2025-08", "claude-sonnet-4", "deepseek-chat"),
        ("2025-08", "deepseek-reasoner", "deepseek-reasoner"),
        ("2026-08", "claude-opus-4-1", "deepseek-v4-pro"),
        ("2026-08", "claude-haiku-4", "deepseek-v4-flash"),
        ("2026-08", "anything", "deepseek-v4-flash"),
        ("2026-09", "deepseek-v4-flash", "deepseek-flash"),
        ("2026-11", "claude-opus-5", "deepseek-v4-pro"),
        ("2026-11", "claude-fable", "deepseek-flash"),
        ("2026-11", "anything", None),
        ("2026-11", "opus", None),
    ],
)
def test_which_model_answers(server, profile, name, model):
    got = ask(server, {"messages": RIVERS, "model": name}, profile)
    assert (got.status, got.value.get("model")) == ((200, model) if model else (400, None))


def test_other_formats_know_no_names_of_others(server):
    assert ask(server, {"messages": RIVERS, "model": "claude-opus-4"}, path="/chat/completions").status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": "sk-test-1"}, 200),
        ({"authorization": "Bearer sk-test-1"}, 200),
        ({"x-api-key": "sk-test-1", "authorization": "Bearer sk-invalid-1"}, 401),
        ({"x-api-key": "sk-invalid-1", "authorization": "Bearer sk-test-1"}, 200),
        ({}, 401),
    ],
)
def test_where_the_key_stands(server, headers, status):
    sent = {"anthropic-version": "2023-06-01", **headers}
    body = {"model": MODEL, "max_tokens": 10, "messages": RIVERS}
    assert server()("/anthropic/v1/messages", body, sent).status == status


@pytest.mark.parametrize(
    "member",
    [
        "container",
        "mcp_servers",
        "service_tier",
        "top_k",
        "context_management",
        "inference_geo",
        "cache_control",
        "unheard_of",
    ],
)
def test_what_is_not_supported_is_not_looked_at(server, member):
    assert ask(server, {"messages": RIVERS, member: {"of": "any shape"}}).status == 200


def test_what_is_ignored_within_members(server):
    said = {"type": "text", "text": "Say 'hi'", "cache_control": {"type": "ephemeral"}, "citations": 1}
    tools = [WEATHER | {"cache_control": {}}, {"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]
    body = {
        "messages": [{"role": "user", "content": [said]}],
        "tools": tools,
        "metadata": {"user_id": "u", "more": 1},
        **PLAIN,
    }
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert ask(server, {**body, "tool_choice": choice}).value["content"] == [{"type": "text", "text": "hi"}]


def test_the_bill_is_that_of_the_same_chat(server):
    mock = server()
    said = [{"role": "system", "content": "Be kind."}, *RIVERS]
    chat = mock("/chat/completions", {"model": MODEL, "messages": said, "max_tokens": 1000})
    got = mock("/anthropic/v1/messages", {"model": MODEL, "system": "Be kind.", "messages": RIVERS, "max_tokens": 1000})
    assert got.flight.facts.price == chat.flight.facts.price > 0
    assert got.value["usage"]["input_tokens"] == chat.value["usage"]["prompt_tokens"]
    assert got.value["usage"]["output_tokens"] == chat.value["usage"]["completion_tokens"]
    assert got.value["content"][-1]["text"] == chat.value["choices"][0]["message"]["content"]


def test_input_tokens_are_those_that_missed_the_cache(server):
    mock, body = server(), {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": "word " * 400}]}
    first, second = (mock("/anthropic/v1/messages", body).value["usage"] for _ in range(2))
    assert first["cache_read_input_tokens"] == second["cache_creation_input_tokens"] == 0
    assert second["cache_read_input_tokens"] >= 128
    assert second["input_tokens"] + second["cache_read_input_tokens"] == first["input_tokens"]


def turn(*messages, **more):
    asked = {"role": "user", "content": "How's the weather in Paris?"}
    return {"messages": [asked, *messages], "tools": [WEATHER], **PLAIN, **more}


def calls(*ids, before=()):
    made = [{"type": "tool_use", "id": each, "name": "get_weather", "input": {"location": "Paris"}} for each in ids]
    return {"role": "assistant", "content": [*before, *made]}


def results(*ids):
    return {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": each, "content": "24 degrees"} for each in ids],
    }


THINKS = {"thinking": {"type": "enabled", "budget_tokens": 1}}
THOUGHT = {"type": "thinking", "thinking": "Paris.", "signature": "91cfbb94-554b-4136-8e21-fa02280d56ed"}
PASSED_BACK = "The `content[].thinking` in the thinking mode must be passed back to the API."
TOO_FEW = "messages.1:`tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"messages": []}, "Empty input messages"),
        (
            {"messages": RIVERS, "temperature": 2.1},
            "Invalid temperature value, the valid range of temperature is [0, 2]",
        ),
        (
            {"messages": RIVERS, "max_tokens": 0},
            "Invalid max_tokens value, the valid range of max_tokens is [1, 393216]",
        ),
        ({"messages": RIVERS, "stop_sequences": ["x"] * 17}, "Stop string array too long: 17"),
        ({"messages": RIVERS, "metadata": {"user_id": "x" * 513}}, "Invalid 'user_id': string too long."),
        ({"messages": RIVERS, "tools": [WEATHER, WEATHER]}, "Tool names must be unique"),
        ({"messages": RIVERS, "tools": [WEATHER | {"name": "a b"}]}, "Invalid 'tools[0].name': string does not match"),
        (
            {"messages": RIVERS, "tools": [WEATHER], "tool_choice": {"type": "any"}},
            "Thinking mode does not support this tool_choice",
        ),
        (
            {"messages": RIVERS, "tools": [WEATHER], "tool_choice": {"type": "tool", "name": "x"}},
            "Tool 'x' of tool_choice is not in",
        ),
        (turn(calls("a", "b")), TOO_FEW.format("a, b")),
        (turn(calls("a", "b"), results("a")), TOO_FEW.format("b")),
        (turn(calls("a"), {"role": "user", "content": "Well?"}), TOO_FEW.format("a")),
        (turn(results("a")), "messages.1.content.0: unexpected `tool_use_id` found in `tool_result` blocks: a. Each"),
        (turn(calls("a"), results("a"), **THINKS), PASSED_BACK),
        (turn(calls("a", before=[THOUGHT | {"signature": ""}]), results("a"), **THINKS), PASSED_BACK),
    ],
)
def test_refusals_of_meaning_have_the_shape_of_chat(server, body, text):
    got = ask(server, body)
    assert got.status == 400
    assert got.error.startswith(text)
    error = {"type": "invalid_request_error", "param": None, "code": "invalid_request_error"}
    assert got.value == {"error": {"message": got.error, **error}}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"messages": RIVERS, "max_tokens": "x"}, 'max_tokens: invalid type: string "x", expected u32'),
        ({"messages": "Hi"}, 'messages: invalid type: string "Hi", expected a sequence'),
        (
            {"messages": [{"role": "tool", "content": "x"}]},
            "messages[0].role: unknown variant `tool`, expected `user` or `assistant`",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "document"}]}]},
            "messages[0].content[0].type: unknown variant `document`",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
            "messages[0].content[0].type: unknown variant `image`",
        ),
        ({"messages": RIVERS, "tools": [{"name": "x"}]}, "tools[0]: missing field `input_schema`"),
        ({"messages": RIVERS, "tool_choice": {"type": "maybe"}}, "tool_choice.type: unknown variant `maybe`"),
        ({"messages": RIVERS, "output_config": {"effort": "huge"}}, "output_config.effort: unknown variant `huge`"),
        ({"messages": RIVERS, "thinking": {"type": "on"}}, "thinking.type: unknown variant `on`"),
    ],
)
def test_refusals_of_types(server, body, text):
    assert ask(server, body).error.startswith(f"Failed to deserialize the JSON body into the target type: {text}")


def test_a_round_trip_with_tools(server):
    mock = server()
    body = {"model": MODEL, "max_tokens": 1000, "messages": [{"role": "user", "content": CITIES}], "tools": [WEATHER]}
    first = mock("/anthropic/v1/messages", body).value
    made = [each for each in first["content"] if each["type"] == "tool_use"]
    assert [each["input"] for each in made] == [{"location": "Paris"}, {"location": "Tokyo"}]
    body["messages"] += [{"role": "assistant", "content": first["content"]}, results(*(each["id"] for each in made))]
    second = mock("/anthropic/v1/messages", body).value
    assert second["stop_reason"] == "end_turn"
    assert "24 degrees" in second["content"][-1]["text"]


def test_a_forced_call_without_thinking(server):
    body = {"messages": RIVERS, "tools": [WEATHER], "tool_choice": {"type": "any"}, **PLAIN}
    assert ask(server, body).value["stop_reason"] == "tool_use"


def test_an_image_is_counted_where_the_model_sees_it(server):
    def counted(*content):
        said = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, *content]}]
        return ask(server, {"messages": said}, "2026-09").value["usage"]["input_tokens"]

    assert counted({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}) - counted() == 1024


def test_the_old_names_and_paths(server):
    assert ask(server, {"messages": RIVERS}, "2026-11", "/anthropic/messages").status == 200
    assert ask(server, {"messages": RIVERS}, "2026-08", "/anthropic/messages").status == 404
    assert ask(server, {"messages": RIVERS, "model": "deepseek-chat"}, "2025-01").status == 404


def test_the_same_seed_says_the_same_bytes(server):
    bodies = [ask(server, {"messages": RIVERS, "stream": True}).response.body for _ in range(2)]
    assert bodies[0] == bodies[1]
