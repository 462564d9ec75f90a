"""What a cooperative model answers: repeats, counts, fills in, calls, stops."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder import specs
from echosounder.mock_server.answering import schema
from echosounder.mock_server.answering.pieces import estimate
from echosounder.mock_server.answering.plan import ModelOutput
from echosounder.mock_server.answering.planner import Planner
from echosounder.mock_server.answering.schema import Hints
from echosounder.mock_server.formats import FORMATS
from echosounder.wire import sse

MODEL = "deepseek-v4-flash"
PLAIN = {"thinking": {"type": "disabled"}}
Body = dict[str, Any]


def plan(prompt: str = "hi", profile: str = "2026-08", beta: bool = False, **more: Any) -> ModelOutput:
    body = {"model": specs.models(profile)[0], "messages": [{"role": "user", "content": prompt}], **PLAIN, **more}
    limits = specs.limits(profile, body["model"])
    return Planner(1, None, estimate).answer(FORMATS["chat"].read(body, limits, beta, estimate))


def said(made: ModelOutput) -> str:
    return "".join(made.content)


TEXTS = [
    "plain words",
    "你好，世界",
    "👩‍👩‍👧‍👦 and 🏳️‍🌈",
    "tabs\tand\nlines\n\nhere",
    "é é",
    "a" * 300,
    "\u2028\u2029 separators",
    '{"json": "text"}',
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "asked", ["Repeat exactly: ", "Repeat this text exactly:\n", "repeat the following exactly, nothing else: "]
)
def test_what_is_to_be_repeated_is_repeated(asked: str, text: str) -> None:
    assert said(plan(asked + text)) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.lstrip(" \t\n") == text))
def test_any_text_is_repeated_and_cut_between_characters(text: str) -> None:
    made = plan(f"Repeat exactly: {text}")
    assert said(made) == text
    assert all(made.content)


@pytest.mark.parametrize(("most", "finish"), [(1, "length"), (5, "length"), (40, "length"), (5000, "stop")])
def test_max_tokens_counts_to_the_token(most: int, finish: str) -> None:
    made = plan("Write 100 words.", max_tokens=most)
    assert made.finish == finish
    assert made.tokens == len(made.content) == min(most, 100)


def test_a_shorter_answer_is_the_beginning_of_a_longer_one() -> None:
    assert said(plan(max_tokens=200)).startswith(said(plan(max_tokens=3)))


@pytest.mark.parametrize("stop", ["three", ["never", "three"], ["five", "three", "four"]])
def test_a_stop_text_ends_the_answer_before_itself(stop: Any) -> None:
    made = plan("Repeat exactly: one two three four five", stop=stop)
    assert (said(made), made.finish) == ("one two ", "stop")


def test_a_stop_text_across_tokens() -> None:
    assert said(plan("Repeat exactly: one two three", stop="o thr")) == "one tw"


def test_sampling_and_streaming_do_not_change_what_is_said() -> None:
    assert said(plan(temperature=0)) == said(plan(temperature=2, stream=True, top_p=0.1, user_id="x"))
    assert said(plan("hi")) != said(plan("ho"))


THINKS = [
    ("2026-08", {}, True),
    ("2026-08", PLAIN, False),
    ("2026-08", {"thinking": None, "reasoning_effort": "none"}, False),
    ("2026-08", {"thinking": None, "model": "deepseek-chat"}, False),
    ("2025-12", {"thinking": None, "model": "deepseek-chat"}, False),
    ("2025-12", {"thinking": {"type": "enabled"}, "model": "deepseek-chat"}, True),
    ("2025-12", {"thinking": None, "model": "deepseek-reasoner"}, True),
    ("2025-01", {"thinking": {"type": "disabled"}, "model": "deepseek-reasoner"}, True),
    ("2024-07", {"thinking": {"type": "enabled"}}, False),
    ("openai", {"thinking": {"type": "enabled"}}, False),
]


@pytest.mark.parametrize(("profile", "more", "thinks"), THINKS)
def test_who_thinks(profile: str, more: Body, thinks: bool) -> None:
    made = plan(profile=profile, **{"thinking": None, **more})
    assert (made.reasoning is not None) == thinks
    assert made.tokens == len(made.content) + len(made.reasoning or ())


def test_a_small_budget_is_eaten_by_the_thought_but_not_by_that_of_r1() -> None:
    eaten = plan(thinking={"type": "enabled"}, max_tokens=3)
    assert (len(eaten.reasoning or ()), said(eaten), eaten.finish) == (3, "", "length")
    r1 = plan(profile="2025-01", model="deepseek-reasoner", max_tokens=3)
    assert len(r1.content) == 3
    assert len(r1.reasoning or ()) > 3


def test_json_has_the_keys_of_the_example() -> None:
    made = plan(
        'Return json like {"city": "X", "people": 5, "tags": ["a"]} about Paris.',
        response_format={"type": "json_object"},
    )
    assert json.loads(said(made)).keys() == {"city", "people", "tags"}
    assert "Paris" in said(made)


def test_json_without_an_example_is_an_object_and_can_be_cut() -> None:
    assert isinstance(json.loads(said(plan("json please", response_format={"type": "json_object"}))), dict)
    cut = plan("json please", response_format={"type": "json_object"}, max_tokens=2)
    assert cut.finish == "length"


def tool(name: str, description: str = "", **properties: Any) -> Body:
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


WEATHER = tool("get_weather", "Weather of a city", city={"type": "string"})
CLOCK = tool("get_time", "Time of day somewhere", city={"type": "string"})
CALLS = [
    ("What is the weather in Paris?", [WEATHER], {}, [("get_weather", {"city": "Paris"})]),
    (
        "What is the weather in Paris and in Tokyo?",
        [WEATHER],
        {},
        [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "Tokyo"})],
    ),
    (
        "Give me the weather in Paris and the time in Tokyo.",
        [CLOCK, WEATHER],
        {},
        [("get_weather", {"city": "Paris"}), ("get_time", {"city": "Tokyo"})],
    ),
    (
        "What is the weather in Paris and in Tokyo?",
        [WEATHER],
        {"parallel_tool_calls": False},
        [("get_weather", {"city": "Paris"})],
    ),
    (
        "What is the weather in New York?",
        [CLOCK, WEATHER],
        {"tool_choice": "required"},
        [("get_weather", {"city": "New York"})],
    ),
    (
        "Say hello.",
        [WEATHER],
        {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
        [("get_weather", {"city": "value"})],
    ),
    ("Say hello.", [WEATHER], {}, []),
    ("What is the weather in Paris?", [WEATHER], {"tool_choice": "none"}, []),
    (
        "Book table 12 for 4 people",
        [tool("book_table", people={"type": "integer", "maximum": 8})],
        {},
        [("book_table", {"people": 4})],
    ),
    (
        "Set the light to blue",
        [tool("light", "Colour of the light", colour={"enum": ["red", "blue"]})],
        {},
        [("light", {"colour": "blue"})],
    ),
]


@pytest.mark.parametrize(("prompt", "tools", "more", "expected"), CALLS)
def test_calls(prompt: str, tools: list[Body], more: Body, expected: list[tuple[str, Body]]) -> None:
    made = plan(prompt, tools=tools, **more)
    assert [(call.name, json.loads("".join(call.arguments))) for call in made.calls] == expected
    assert made.finish == ("tool_calls" if expected else "stop")


def test_a_cut_call_says_so() -> None:
    made = plan("What is the weather in Paris?", tools=[WEATHER], max_tokens=9)
    assert (made.finish, made.tokens) == ("length", 9)


def test_after_a_result_the_model_talks_about_it() -> None:
    messages = [
        {"role": "user", "content": "weather in Paris?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "24 degrees"},
    ]
    made = plan(messages=messages, tools=[WEATHER])
    assert "24 degrees" in said(made)
    assert not made.calls


leaf = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("string")}, optional={"minLength": st.integers(0, 4), "maxLength": st.integers(5, 9)}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("string"),
            "pattern": st.sampled_from([r"^[A-Z]{3}-\d+$", r"^\w+@x\.io$", "^(red|blue)?$", r"^[^a-z]\S$"]),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("string"), "format": st.sampled_from(["email", "ipv4", "ipv6", "uuid", "date", "hostname"])}
    ),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={"minimum": st.integers(-9, 0), "maximum": st.integers(1, 9)},
    ),
    st.fixed_dictionaries(
        {"type": st.just("integer"), "exclusiveMinimum": st.integers(-9, 9), "multipleOf": st.integers(1, 7)}
    ),
    st.fixed_dictionaries(
        {
            "enum": st.lists(
                st.one_of(st.integers(), st.text(max_size=3), st.none()), min_size=1, max_size=3, unique=True
            )
        }
    ),
    st.fixed_dictionaries({"const": st.one_of(st.booleans(), st.text(max_size=3))}),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {"$ref": "#/$defs/leaf"}]),
)


def nest(inner: st.SearchStrategy[Body]) -> st.SearchStrategy[Body]:
    properties = st.dictionaries(st.sampled_from("abcd"), inner, max_size=4)
    objects = properties.flatmap(
        lambda each: st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.just(each),
                "required": st.lists(st.sampled_from(sorted(each)), unique=True) if each else st.just([]),
            },
            optional={"additionalProperties": st.just(False)},
        )
    )
    arrays = st.fixed_dictionaries(
        {"type": st.just("array"), "items": inner},
        optional={"minItems": st.integers(0, 3), "maxItems": st.integers(3, 5)},
    )
    return st.one_of(objects, arrays, st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=3)}))


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(leaf, nest, max_leaves=8),
    st.lists(st.sampled_from(["Paris", "ABC-1", "x"]), max_size=2),
    st.lists(st.integers(-5, 20).map(float), max_size=3),
)
def test_arguments_are_valid_against_any_schema(wanted: Body, names: list[str], numbers: list[float]) -> None:
    whole = {**wanted, "$defs": {"leaf": {"type": "integer", "minimum": 3}}}
    made = schema.value(whole, Hints(names, numbers, " ".join(names)))
    jsonschema.Draft202012Validator(whole).validate(made)


def test_recursive_schemas_end() -> None:
    tree = {
        "type": "object",
        "properties": {"child": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        "required": ["child"],
    }
    jsonschema.validate(schema.value(tree, Hints()), tree)


# --- over the wire


def test_a_stream_and_a_document_agree_in_everything(client: httpx.Client) -> None:
    bodies = [
        {"messages": [{"role": "user", "content": "What is the weather in Paris and in Tokyo?"}], "tools": [WEATHER]},
        {"messages": [{"role": "user", "content": "Tell me more."}], "max_tokens": 30},
        {"messages": [{"role": "user", "content": "Tell me more."}], **PLAIN, "logprobs": True, "top_logprobs": 3},
    ]
    for body in bodies:
        whole = client.post("/chat/completions", json={"model": MODEL, **body}).json()
        raw = client.post("/chat/completions", json={"model": MODEL, **body, "stream": True}).content
        chunks = [
            json.loads(item.data) for item in sse.decode(raw) if isinstance(item, sse.Event) and item.data != "[DONE]"
        ]
        deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
        message, choice = whole["choices"][0]["message"], whole["choices"][0]
        assert "".join(delta.get("content") or "" for delta in deltas) == (message["content"] or "")
        assert "".join(delta.get("reasoning_content") or "" for delta in deltas) == (
            message.get("reasoning_content") or ""
        )
        assert chunks[-1]["choices"][0]["finish_reason"] == choice["finish_reason"]
        assert _without_cache(chunks[-1]["usage"]) == _without_cache(whole["usage"])
        if choice["logprobs"]:
            items = [item for chunk in chunks for item in (chunk["choices"][0]["logprobs"] or {}).get("content") or ()]
            assert items == choice["logprobs"]["content"]
            assert all(len(item["top_logprobs"]) == 3 for item in items)


def _without_cache(usage: Body) -> Body:
    return {name: value for name, value in usage.items() if "cache" not in name and name != "prompt_tokens_details"}


def test_key_order_of_the_captures(client: httpx.Client) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **PLAIN}
    whole = client.post("/chat/completions", json=body)
    assert list(whole.json()) == ["id", "object", "created", "model", "choices", "usage", "system_fingerprint"]
    assert list(whole.json()["choices"][0]) == ["index", "message", "logprobs", "finish_reason"]
    assert list(whole.json()["usage"])[:4] == [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
    ]
    first = client.post("/chat/completions", json={**body, "stream": True}).text.split("\n\n")[0]
    assert list(json.loads(first[6:])) == ["id", "object", "created", "model", "system_fingerprint", "choices"]
    assert whole.headers["transfer-encoding"] == "chunked"
    assert len(whole.headers["x-ds-trace-id"]) == 32


def test_where_the_usage_of_a_stream_stands(of_profile: Callable[[str], httpx.Client]) -> None:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": True, **PLAIN}

    def chunks(profile: str, **more: Any) -> list[Body]:
        raw = of_profile(profile).post("/chat/completions", json={**body, **more}).text
        return [json.loads(part[6:]) for part in raw.split("\n\n") if part.startswith("data: {")]

    asked = {"stream_options": {"include_usage": True}}
    assert [chunk.get("usage", "absent") for chunk in chunks("2026-08", **asked)[:-1]] == [None] * (
        len(chunks("2026-08")) - 1
    )
    assert "usage" not in chunks("2026-08")[0]
    assert chunks("2026-08")[-1]["usage"]["total_tokens"] > 0
    assert "usage" not in chunks("openai")[-1]
    assert chunks("openai", **asked)[-1]["choices"] == []
