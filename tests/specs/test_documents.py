"""The documents: clean, with examples that hold, and different from profile to profile as the API was."""

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from echosounder import specs

USER = {"role": "user", "content": "hi"}
JSON_MODE = {"response_format": {"type": "json_object"}}
R1 = {"model": "deepseek-reasoner"}
THOUGHT = [USER, {"role": "assistant", "content": "x", "reasoning_content": "hm"}, USER]
FORCED = {"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
CALLED = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT_PARTS = [CALLED, {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "7"}]}]
COUNTS = {
    "prompt_tokens": 1,
    "completion_tokens": 1,
    "total_tokens": 2,
    "prompt_cache_hit_tokens": 0,
    "prompt_cache_miss_tokens": 1,
}
MODEL = {"id": "a", "object": "model", "owned_by": "b"}
CHUNK = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "system_fingerprint": "f"}
CHAT, BETA, FIM = "/chat/completions", "/beta/chat/completions", "/completions"
# path, body, profiles where it is legal, profiles where it is not
DIFFERENCES = [
    (CHAT, {"max_tokens": 8192}, ["2024-12", "2025-01", "2026-08"], ["2024-07"]),
    (BETA, {"max_tokens": 8192}, ["2024-07"], []),
    (BETA, {"max_tokens": 8193}, ["2026-04", "2026-08"], ["2024-07", "2024-12", "2025-01", "2025-08"]),
    (CHAT, {**R1, "max_tokens": 65536}, ["2025-08", "2025-12", "2026-08"], ["2024-12", "2025-01"]),
    (CHAT, {"max_tokens": 393216}, ["2026-04", "2026-08", "openai"], ["2025-12"]),
    (CHAT, {"max_tokens": 393217}, ["openai"], ["2026-04", "2026-08"]),
    (CHAT, {"stop": ["x"] * 9}, ["2024-12", "2026-08"], ["2024-07", "openai"]),
    (CHAT, {"stop": ["x"] * 17}, [], ["2024-12", "2026-08"]),
    (CHAT, JSON_MODE, ["2024-07", "2024-12"], ["2025-01", "2025-12", "2026-08"]),
    (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, ["2025-01", "2026-08"], ["2024-12"]),
    (CHAT, {"messages": THOUGHT, **R1}, ["2025-08", "2025-12", "2026-08"], ["2025-01"]),
    (CHAT, {"logprobs": True, **R1}, ["2026-04", "2026-08"], ["2025-01", "2025-08", "2025-12"]),
    (CHAT, {"thinking": True}, ["2024-07", "2025-01", "2025-08", "openai"], ["2025-12", "2026-04", "2026-08"]),
    (CHAT, {"thinking": {"type": "adaptive"}}, ["2026-08"], ["2025-12"]),
    (CHAT, {"reasoning_effort": "extreme"}, ["2024-07", "2025-12"], ["2026-04", "2026-08"]),
    (CHAT, {"reasoning_effort": "minimal"}, ["2026-08", "openai"], ["2026-04"]),
    (CHAT, {"reasoning_effort": "max", "thinking": {"type": "disabled"}}, ["2026-08"], ["2026-04"]),
    (CHAT, {"user_id": "u" * 513}, ["2024-07", "2025-12", "openai"], ["2026-04", "2026-08"]),
    (CHAT, {"presence_penalty": 3}, ["2026-04", "2026-08"], ["2024-07", "2025-12", "openai"]),
    (FIM, {"prompt": "x", "presence_penalty": 3}, ["2026-08"], ["2024-07", "2025-12"]),
    (CHAT, FORCED, ["2024-07", "2025-08", "2025-12", "openai"], ["2026-04", "2026-08"]),
    (CHAT, {**FORCED, **R1}, ["2025-08"], ["2025-01", "2025-12"]),
    (CHAT, {"n": 2}, ["2024-07", "openai"], ["2025-01", "2026-08"]),
    (CHAT, {"messages": [{"role": "developer", "content": "x"}]}, ["openai"], ["2024-07", "2026-08"]),
    (CHAT, {"messages": [{**USER, "content": "json"}], "response_format": {"type": "json_schema"}}, ["openai"], ["2026-08"]),
    (CHAT, {"top_p": 0}, ["openai"], ["2026-08"]),
    (CHAT, {"messages": [USER, {"role": "assistant", "content": "x", "prefix": True}]}, [], ["2024-07", "2026-08"]),
    (BETA, {"messages": [USER, {"role": "assistant", "content": "x", "prefix": True}]}, ["2024-07", "2026-08"], []),
    (CHAT, {"reasoning_effort": "ultra"}, ["2026-09", "2026-11"], ["2026-08"]),
    (CHAT, {"tools": [{"type": "function", "function": {"name": "f" * 128}}]}, ["2026-09", "2026-11"], ["2026-08", "openai"]),
    (CHAT, {"tools": [{"type": "function", "function": {"name": "f" * 129}}]}, [], ["2026-09", "2026-11"]),
    (CHAT, {"messages": [{"role": "user", "content": [IMAGE]}]}, ["2026-09", "2026-11"], ["2026-08"]),
    (CHAT, {"messages": [USER, *RESULT_PARTS]}, ["2026-09", "2026-11", "openai"], ["2026-08"]),
]  # fmt: skip


def accepts(profile, path, body):
    document = specs.document(profile)
    schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    whole = {"model": specs.models(profile)[0], "messages": [USER]} | body
    return jsonschema.Draft202012Validator({"components": document["components"], "allOf": [schema]}).is_valid(whole)


@pytest.mark.parametrize("profile", specs.PROFILES)
def test_lints_clean(profile):
    errors = OpenAPIV31SpecValidator(specs.document(profile)).iter_errors()
    assert [(error.message, list(error.path)) for error in errors] == []


@pytest.mark.parametrize(("path", "body", "legal", "illegal"), DIFFERENCES)
def test_profiles_differ(path, body, legal, illegal):
    assert {profile: accepts(profile, path, body) for profile in (*legal, *illegal)} == {
        **dict.fromkeys(legal, True),
        **dict.fromkeys(illegal, False),
    }


@pytest.mark.parametrize("profile", specs.PROFILES)
def test_each_profile_has_three_requests_that_another_refuses(profile):
    mine = [row for row in DIFFERENCES if profile in row[2] and row[3]]
    assert len(mine) >= 3, (
        f"name {profile} in three rows of DIFFERENCES whose requests it takes and another profile refuses"
    )


@pytest.mark.parametrize("profile", specs.PROFILES)
def test_examples_hold(profile):
    document = specs.document(profile)
    checked = 0
    for media in bodies(document):
        schema = {"components": document["components"], "allOf": [media["schema"]]}
        for example in media.get("examples", {}).values():
            value = document["components"]["examples"][example["$ref"].rpartition("/")[2]]["value"]
            jsonschema.Draft202012Validator(schema).validate(value)
            checked += 1
    assert checked >= 14


def bodies(node):
    """Every media type object of a document."""
    if isinstance(node, dict):
        if "schema" in node and "name" not in node:
            yield node
        for child in node.values():
            yield from bodies(child)
    elif isinstance(node, list):
        for child in node:
            yield from bodies(child)


@pytest.mark.parametrize("profile", specs.PROFILES)
def test_every_operation_and_every_part_is_used(profile):
    document = specs.document(profile)
    ids = {
        operation["operationId"]
        for item in document["paths"].values()
        for operation in item.values()
        if "operationId" in operation
    }
    everything = {"createChatCompletion", "createBetaChatCompletion", "createFimCompletion", "listModels", "getBalance"}
    everything |= {"getModel"} if specs.behaviour(profile).single_models else set()
    everything |= {"createFile", "listFiles", "getFile", "deleteFile"} if specs.attachments(profile) else set()
    everything |= {"search", "fetch"} if specs.behaviour(profile).web_tools else set()
    everything |= {"createMessage"} if profile >= "2025-08" else set()
    everything |= {"createResponse"} if profile >= "2026-08" else set()
    assert ids == ({"createChatCompletion", "listModels"} if profile == "openai" else everything)
    text = repr(document)
    named = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "responses", "examples")
        for name in document["components"][kind]
    }
    assert sorted(name for name in named if f"'{name}'" not in text) == []


def test_bearer_keys_are_opaque():
    assert specs.document()["components"]["securitySchemes"]["bearer"].keys() == {"type", "scheme", "description"}


def test_profiles_come_in_the_order_of_their_dates():
    dated = [specs.profile(name) for name in specs.PROFILES]
    assert [(p.vendor, p.date) for p in dated] == sorted((p.vendor, p.date) for p in dated)
    assert specs.DEFAULT_PROFILE in specs.PROFILES


@pytest.mark.parametrize(
    "call", [specs.profile, specs.behaviour, specs.document, specs.limits, specs.models, specs.requirements]
)
def test_unknown_profiles_are_named_in_one_line(call):
    with pytest.raises(
        specs.SpecError, match=r"unknown profile '2026-8': known are 2024-07, .*; did you mean 2026-08"
    ) as error:
        call("2026-8")
    assert "\n" not in str(error.value)


ANSWERS = [  # schema, value, profiles that it is legal in, others
    ("FinishReason", "aborted", ["2026-09", "2026-11"], ["2026-08", "openai"]),
    ("Usage", {**COUNTS, "prompt_tokens_details": {"cached_tokens": 0}}, ["2026-08", "2026-11"], []),
    ("Usage", {**COUNTS, "prompt_tokens_details": None}, ["2026-08"], ["2026-09", "2026-11"]),
    ("Usage", COUNTS, ["2024-07", "2026-08"], ["2026-09", "2026-11"]),
    ("ChatCompletionChunk", {**CHUNK, "choices": [{"index": 0, "finish_reason": "stop"}]}, ["2026-08", "2026-11", "openai"], []),
    ("ChatCompletionChunk", {**CHUNK, "choices": [{"index": 0, "finish_reason": None}]}, [], ["2026-08", "2026-11", "openai"]),
    ("ModelList", {"object": "list", "data": [{**MODEL, "context_window": 0}]}, ["2026-08"], ["2026-09"]),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "value", "legal", "illegal"), ANSWERS)
def test_answers_differ(schema, value, legal, illegal):
    def valid(profile):
        components = specs.document(profile)["components"]
        whole = {"components": components, "$ref": f"#/components/schemas/{schema}"}
        return jsonschema.Draft202012Validator(whole).is_valid(value)

    assert {name: valid(name) for name in (*legal, *illegal)} == dict.fromkeys(legal, True) | dict.fromkeys(
        illegal, False
    )
