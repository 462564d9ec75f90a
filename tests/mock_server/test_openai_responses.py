"""The official Python SDK reads the Responses of the mock, streamed and not."""

import json
from collections.abc import Iterator

import openai
import pytest
from pydantic import BaseModel

from echosounder.mock_server.net.process import RunningMock

MODEL = "deepseek-flash"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Get weather of a location",
    "parameters": {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]},
}


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module")
def sdk(mock: RunningMock) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=mock.url, api_key="sk-test-0000000000", max_retries=0) as client:
        yield client


def test_a_stream_is_gathered_to_what_a_response_is(sdk: openai.OpenAI) -> None:
    asked = {"model": MODEL, "input": "Tell me about rivers.", "instructions": "Be brief."}
    whole = sdk.responses.create(**asked)
    with sdk.responses.stream(**asked) as stream:
        kinds = [event.type for event in stream]
        gathered = stream.get_final_response()
    assert gathered.output_text == whole.output_text != ""
    assert gathered.usage == whole.usage
    assert [item.type for item in gathered.output] == ["reasoning", "message"]
    assert gathered.output[0].content[0].text == whole.output[0].content[0].text
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert (whole.status, whole.store, whole.previous_response_id) == ("completed", False, None)


def test_calls_and_their_outputs(sdk: openai.OpenAI) -> None:
    asked = [{"role": "user", "content": "How's the weather in Paris and Tokyo?"}]
    with sdk.responses.stream(model=MODEL, input=asked, tools=[WEATHER]) as stream:
        said = [event.delta for event in stream if event.type == "response.function_call_arguments.delta"]
        first = stream.get_final_response()
    calls = [item for item in first.output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == [{"location": "Paris"}, {"location": "Tokyo"}]
    assert "".join(said) == "".join(call.arguments for call in calls)
    outputs = [{"type": "function_call_output", "call_id": call.call_id, "output": "24 degrees"} for call in calls]
    second = sdk.responses.create(model=MODEL, input=[*asked, *first.output, *outputs], tools=[WEATHER])
    assert "24 degrees" in second.output_text


def test_a_schema_becomes_an_object(sdk: openai.OpenAI) -> None:
    parsed = sdk.responses.parse(model=MODEL, input="Ann is 7", text_format=Person)
    assert parsed.output_parsed == Person(name="Ann", age=7)


def test_an_answer_that_is_cut(sdk: openai.OpenAI) -> None:
    plain = {"model": MODEL, "input": "Write a long essay.", "max_output_tokens": 20, "reasoning": {"effort": "none"}}
    with sdk.responses.stream(**plain) as stream:
        kinds = [event.type for event in stream]
    whole = sdk.responses.create(**plain)
    assert kinds[-1] == "response.incomplete"
    assert (whole.status, whole.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert whole.usage.output_tokens == 20


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"temperature": 3}, openai.BadRequestError),
        ({"model": "nobody"}, openai.BadRequestError),
        ({"extra_headers": {"authorization": "Bearer sk-invalid-1234"}}, openai.AuthenticationError),
    ],
)
def test_errors(sdk: openai.OpenAI, more: dict[str, object], error: type[openai.APIStatusError]) -> None:
    with pytest.raises(error):
        sdk.responses.create(**{"model": MODEL, "input": "Hi", **more})


PLAIN = {"model": MODEL, "reasoning": {"effort": "none"}}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_a_call_that_is_forced(sdk: openai.OpenAI) -> None:
    forced = sdk.responses.create(**PLAIN, input="Hi", tools=[WEATHER], tool_choice="required")
    assert [item.name for item in forced.output if item.type == "function_call"] == ["get_weather"]
    none = sdk.responses.create(**PLAIN, input="How's the weather in Paris?", tools=[WEATHER], tool_choice="none")
    assert [item.type for item in none.output] == ["message"]


def test_a_json_object(sdk: openai.OpenAI) -> None:
    asked = {"input": 'Answer in json like {"river": "Nile"}. Which is the longest river?'}
    made = sdk.responses.create(**PLAIN, **asked, text={"format": {"type": "json_object"}})
    assert list(json.loads(made.output_text)) == ["river"]


def test_thoughts_are_streamed_and_counted(sdk: openai.OpenAI) -> None:
    with sdk.responses.stream(model=MODEL, input="Is 97 prime?", reasoning={"effort": "high"}) as stream:
        thought = "".join(event.delta for event in stream if event.type == "response.reasoning_text.delta")
        made = stream.get_final_response()
    assert made.output[0].content[0].text == thought != ""
    assert made.usage.output_tokens_details.reasoning_tokens > 0
    off = sdk.responses.create(**PLAIN, input="Is 97 prime?")
    assert [item.type for item in off.output] == ["message"]


def test_an_image_costs_tokens(sdk: openai.OpenAI) -> None:
    image = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "low"}
    text = {"type": "input_text", "text": "What is it?"}
    seen = sdk.responses.create(**PLAIN, input=[{"role": "user", "content": [text, image]}])
    blind = sdk.responses.create(**PLAIN, input=[{"role": "user", "content": [text]}])
    assert seen.usage.input_tokens > blind.usage.input_tokens


def test_members_that_have_no_effect(sdk: openai.OpenAI) -> None:
    more = {"store": True, "metadata": {"run": "1"}, "truncation": "auto", "service_tier": "auto", "max_tool_calls": 3}
    made = sdk.responses.create(**PLAIN, input="Say 'hi'", **more)
    assert (made.output_text, made.store) == ("hi", False)


def test_a_stream_that_is_hung_up_on(sdk: openai.OpenAI) -> None:
    with sdk.responses.create(**PLAIN, input="Write a long essay.", stream=True) as stream:
        kinds = [event.type for event, _ in zip(stream, range(5), strict=False)]
    assert kinds[-1] == "response.output_text.delta"
    assert sdk.responses.create(**PLAIN, input="Say 'hi'").output_text == "hi"
