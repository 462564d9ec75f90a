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
