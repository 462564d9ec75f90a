"""What the mock answers in Responses and Messages is valid by the OpenAPI document, which was written apart from it."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from echosounder import specs

DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
WEATHER = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
CITIES = "How's the weather in Paris and Tokyo?"
LONG = "Write a long essay."
RESPONSES: list[dict[str, Any]] = [
    {"input": "Hi"},
    {"input": "Hi", "reasoning": {"effort": "none"}, "top_logprobs": 2},
    {"input": CITIES, "tools": [{"type": "function", "name": "get_weather", "parameters": WEATHER}]},
    {"input": LONG, "max_output_tokens": 3},
    {"input": LONG, "max_output_tokens": 20, "reasoning": {"effort": "none"}},
]
MESSAGES: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "Hi"}]},
    {"messages": [{"role": "user", "content": "Say 'one two'"}], "stop_sequences": [" two"]},
    {"messages": [{"role": "user", "content": CITIES}], "tools": [{"name": "get_weather", "input_schema": WEATHER}]},
    {"messages": [{"role": "user", "content": LONG}], "max_tokens": 3},
]
PATHS = {"/responses": RESPONSES, "/anthropic/v1/messages": MESSAGES}
SERVED = [
    (profile, path)
    for profile in specs.PROFILES
    for path in PATHS
    if specs.behaviour(profile).format_of(path) is not None
]


def validator(profile: str, path: str, media: str) -> Draft202012Validator:
    document = dict(specs.document(profile))
    name = document["paths"][path]["post"]["responses"]["200"]["$ref"].rpartition("/")[2]
    at = f"urn:api#/components/responses/{name}/content/{media.replace('/', '~1')}/schema"
    known = Registry().with_resource("urn:api", Resource.from_contents(document | DIALECT))
    return Draft202012Validator({"$ref": at}, registry=known)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("profile", "path"), SERVED)
def test_answers_are_valid(server, profile, path, stream):
    mock, model = server(profile), specs.limits(profile).models[0]
    valid = validator(profile, path, "text/event-stream" if stream else "application/json")
    for body in PATHS[path]:
        told = mock(path, {"model": model, **body, "stream": stream})
        assert told.status == 200, told.value
        assert [error.message for error in valid.iter_errors(told.value)] == []
        assert list(valid.iter_errors([{"type": told.value[0]["type"]}] if stream else {"id": 1})) != []
