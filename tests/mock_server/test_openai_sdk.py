"""The official Python SDK cannot tell the mock from the real thing."""

import json
from collections.abc import Iterator

import openai
import pytest

from echosounder.mock_server.net.process import RunningMock

MODEL = "deepseek-v4-flash"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get weather of a location",
        "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
    },
}
PLAIN = {"thinking": {"type": "disabled"}}


@pytest.fixture(scope="module")
def sdk(mock: RunningMock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=mock.url, api_key="sk-test-0000000000", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def beta(mock: RunningMock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{mock.url}/beta", api_key="sk-test-0000000000", max_retries=0) as client:
        yield client


def test_chat_and_stream_say_the_same(sdk: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "Tell me about rivers."}]
    whole = sdk.chat.completions.create(model=MODEL, messages=messages)
    chunks = list(sdk.chat.completions.create(model=MODEL, messages=messages, stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert reasoning == whole.choices[0].message.reasoning_content != ""
    assert chunks[-1].usage == whole.usage
    assert len({chunk.id for chunk in chunks}) == 1


def test_tool_round_trip_ends_in_text(sdk: openai.OpenAI) -> None:
    messages = [{"role": "user", "content": "How's the weather in Hangzhou?"}]
    first = sdk.chat.completions.create(model=MODEL, messages=messages, tools=[WEATHER])
    message = first.choices[0].message
    (call,) = message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"location": "Hangzhou"})
    assert first.choices[0].finish_reason == "tool_calls"
    history = [*messages, message, {"role": "tool", "tool_call_id": call.id, "content": "24℃"}]
    second = sdk.chat.completions.create(model=MODEL, messages=history, tools=[WEATHER])
    assert second.choices[0].finish_reason == "stop"
    assert "24℃" in second.choices[0].message.content


def test_streamed_parallel_calls_are_put_together(sdk: openai.OpenAI) -> None:
    question = [{"role": "user", "content": "What is the weather in Paris and in Tokyo?"}]
    with sdk.chat.completions.stream(model=MODEL, messages=question, tools=[WEATHER], extra_body=PLAIN) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert [json.loads(call.function.arguments) for call in calls] == [{"location": "Paris"}, {"location": "Tokyo"}]
    assert [call.index for call in calls] == [0, 1]


def test_json_output_follows_the_example(sdk: openai.OpenAI) -> None:
    answer = sdk.chat.completions.create(
        model=MODEL,
        messages=[
            {"role": "system", "content": 'Answer in json like {"question": "Which is highest?", "answer": "Everest"}'},
            {"role": "user", "content": "Which is the longest river? The Nile River."},
        ],
        response_format={"type": "json_object"},
    )
    assert json.loads(answer.choices[0].message.content).keys() == {"question", "answer"}


def test_fim_with_suffix(beta: openai.OpenAI) -> None:
    arguments = {"model": "deepseek-v4-pro", "prompt": "def fib(a):", "suffix": "    return fib(a-1) + fib(a-2)"}
    answer = beta.completions.create(**arguments, max_tokens=12)
    assert answer.object == "text_completion"
    assert answer.usage.completion_tokens == 12
    assert answer.choices[0].finish_reason == "length"
    streamed = list(beta.completions.create(**arguments, max_tokens=12, stream=True))
    assert "".join(chunk.choices[0].text for chunk in streamed) == answer.choices[0].text


def test_prefix_completion_only_continues(beta: openai.OpenAI) -> None:
    opening = "Once upon a time,"
    messages = [
        {"role": "user", "content": "Tell a tale."},
        {"role": "assistant", "content": opening, "prefix": True},
    ]
    answer = beta.chat.completions.create(model=MODEL, messages=messages, extra_body=PLAIN)
    assert answer.choices[0].message.content
    assert opening not in answer.choices[0].message.content


def test_models(sdk: openai.OpenAI) -> None:
    assert [model.id for model in sdk.models.list()] == ["deepseek-flash", "deepseek-v4-pro"]


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (openai.BadRequestError, {"model": "gpt-9"}),
        (openai.BadRequestError, {"temperature": 3}),
        (openai.BadRequestError, {"messages": []}),
    ],
)
def test_refusals_are_typed_errors(sdk: openai.OpenAI, error: type[openai.APIStatusError], arguments: dict) -> None:
    with pytest.raises(error) as raised:
        sdk.chat.completions.create(**{"model": MODEL, "messages": [{"role": "user", "content": "hi"}], **arguments})
    assert raised.value.code == "invalid_request_error"


def test_wrong_key_is_an_authentication_error(mock: RunningMock) -> None:
    with (
        openai.OpenAI(base_url=mock.url, api_key="sk-invalid-1234", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match=r"\*\*\*\*1234 is invalid"),
    ):
        client.models.list()


def test_fim_off_the_beta_address_is_refused(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="only available when using beta api"):
        sdk.completions.create(model=MODEL, prompt="x")
