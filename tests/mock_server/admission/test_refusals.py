"""Every refusal of the fact sheet: status, content type and text, by profile."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from echosounder.mock_server.admission.admission import admit
from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.formats import FORMATS
from echosounder.specs import bounds

OfProfile = Callable[[str], httpx.Client]
USER = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
JSON, OCTETS, TEXT = "application/json", "application/octet-stream", "text/plain; charset=utf-8"


def chat(**more: Any) -> dict[str, Any]:
    return {"messages": USER, **more}


def calls(*ids: str) -> dict[str, Any]:
    made = [{"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}} for name in ids]
    return {"role": "assistant", "content": "", "tool_calls": made, "reasoning_content": "x"}


def result(name: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": name, "content": "ok"}


# profile, body (the model is the profile's first unless given), status, content type, part of the text
# ruff: noqa: E501  # one refusal, one row
CASES: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("2026-08", {}, 400, JSON, "missing field `messages`"),
    ("2026-08", {"messages": {}}, 400, JSON, "messages: invalid type: map, expected a sequence"),
    ("2026-08", {"messages": [{"role": "developer", "content": "x"}]}, 400, JSON, "messages[0].role: unknown variant `developer`, expected one of"),
    ("2026-08", {"messages": [{"role": "tool", "content": "x"}]}, 400, JSON, "messages[0]: missing field `tool_call_id`"),
    ("2026-08", chat(model=7), 400, JSON, "model: invalid type: integer `7`, expected a string"),
    ("2026-08", chat(stream="yes"), 400, JSON, 'stream: invalid type: string "yes", expected a boolean'),
    ("2026-08", chat(thinking=True), 400, JSON, "thinking: invalid type: boolean `true`, expected struct ThinkingOptions"),
    ("2026-08", chat(thinking={}), 400, JSON, "thinking: missing field `type`"),
    ("2026-08", chat(top_logprobs=-1, logprobs=True), 400, JSON, "top_logprobs: invalid value: integer `-1`, expected u8"),
    ("2026-08", chat(tool_choice="perhaps", tools=[TOOL]), 400, JSON, "expected one of `none`, `auto`, `required` or a tool"),
    ("2026-08", chat(reasoning_effort="huge"), 400, JSON, "unknown variant `huge`"),
    ("2024-07", {"messages": {}}, 422, TEXT, "Failed to deserialize the JSON body into the target type: messages: invalid type: map"),
    ("2025-01", {"messages": [{"role": "user", "content": 5}]}, 422, TEXT, "untagged enum ChatCompletionRequestContent"),
    ("2025-01", chat(response_format={"type": "json_schema"}), 422, TEXT, "`json_schema` is unavailable now"),
    ("2025-12", {"messages": {}}, 400, JSON, "messages: invalid type: map"),
    ("2026-08", {"messages": []}, 400, OCTETS, "Empty input messages"),
    ("2026-08", chat(model="gpt-9"), 400, OCTETS, "are deepseek-v4-pro or deepseek-v4-flash, but you passed gpt-9."),
    ("2025-01", chat(model="gpt-9"), 400, JSON, "Model Not Exist"),
    ("2026-08", chat(temperature=2.1), 400, OCTETS, "the valid range of temperature is [0, 2]"),
    ("2024-07", chat(temperature=2.1), 422, JSON, "the valid range of temperature is [0, 2]"),
    ("2026-08", chat(temperature=-0.1), 400, OCTETS, "the valid range of temperature is [0, 2]"),
    ("2026-08", chat(top_p=0), 400, OCTETS, "the valid range of top_p is (0, 1.0]"),
    ("2025-01", chat(presence_penalty=3), 400, JSON, "the valid range of presence_penalty is [-2, 2]"),
    ("2026-08", chat(max_tokens=0), 400, OCTETS, "the valid range of max_tokens is [1, 393216]"),
    ("2025-01", chat(max_tokens=8193), 400, JSON, "the valid range of max_tokens is [1, 8192]"),
    ("2025-12", chat(max_tokens=65537, model="deepseek-reasoner"), 400, JSON, "[1, 65536]"),
    ("2026-08", chat(top_logprobs=21, logprobs=True), 400, OCTETS, "the valid range of top_logprobs is [0, 20]."),
    ("2026-08", chat(top_logprobs=1), 400, OCTETS, "logprobs must be set to true if top_logprobs is used."),
    ("2026-08", chat(stop=["x"] * 17), 400, OCTETS, "Stop string array too long: 17"),
    ("2024-07", chat(stop=["x"] * 9), 422, JSON, "Stop string array too long: 9"),
    ("2026-08", chat(n=2), 400, OCTETS, "currently only n = 1 is supported"),
    ("2026-08", chat(stream_options={"include_usage": True}), 400, OCTETS, "should be set along with stream = true"),
    ("2026-08", chat(response_format={"type": "json_object"}), 400, OCTETS, "must contain the word 'json'"),
    ("2026-08", chat(response_format={"type": "json_schema"}), 400, OCTETS, "This response_format type is unavailable now"),
    ("2026-08", chat(user_id="x" * 513), 400, OCTETS, "but got a string with length 513 instead"),
    ("2026-08", chat(tools=[TOOL] * 2), 400, OCTETS, "Tool names must be unique"),
    ("2026-08", chat(tools=[TOOL] * 129), 400, OCTETS, "maximum length 128, but got an array with length 129"),
    ("2026-08", chat(tools=[{"type": "function", "function": {"name": "a b"}}]), 400, OCTETS, "'tools[0].function.name': string does not match"),
    ("2026-08", chat(tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]), 400, OCTETS, "got 'type: null'"),
    ("2026-08", chat(tools=[TOOL], tool_choice="required"), 400, OCTETS, "Thinking mode does not support this tool_choice"),
    ("2026-08", chat(thinking={"type": "disabled"}, reasoning_effort="high"), 400, OCTETS, "cannot be disabled when reasoning_effort is set"),
    ("2026-08", {"messages": [*USER, calls("a", "b"), result("a")]}, 400, OCTETS, "insufficient tool messages"),
    ("2026-08", {"messages": [*USER, result("a")]}, 400, OCTETS, "must be a response to a preceding message with 'tool_calls'"),
    ("2026-08", {"messages": [*USER, {**calls("a"), "reasoning_content": None}, result("a")]}, 400, OCTETS, "must be passed back"),
    ("2025-12", {"model": "deepseek-reasoner", "messages": [*USER, {**calls("a"), "reasoning_content": None}, result("a")]}, 400, JSON, "Missing `reasoning_content` field in the assistant message at message index 1"),
    ("2025-01", {"model": "deepseek-reasoner", "messages": [*USER, {"role": "assistant", "content": "x", "reasoning_content": "y"}, *USER]}, 400, JSON, "reasoning_content"),
    ("2025-01", {"model": "deepseek-reasoner", "messages": USER * 2}, 400, JSON, "successive user or assistant messages (messages[0] and messages[1]"),
    ("2025-01", {"model": "deepseek-reasoner", "messages": USER, "tools": [TOOL]}, 400, JSON, "does not support Function Calling"),
    ("2026-08", {"messages": [*USER, {"role": "assistant", "content": "x", "prefix": True}]}, 400, OCTETS, "prefix is only available when using beta api"),
    ("2026-08", chat(max_tokens=393216, messages=[{"role": "user", "content": "a " * 660_000}]), 400, OCTETS, "maximum context length is 1048565 tokens"),
    ("openai", {"messages": {}}, 400, JSON, "invalid type: map"),
    ("openai", chat(model="gpt-9"), 404, JSON, "does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "body", "status", "kind", "text"), CASES, ids=lambda value: str(value)[:40])
def test_bodies(of_profile: OfProfile, profile: str, body: dict[str, Any], status: int, kind: str, text: str) -> None:
    client = of_profile(profile)
    model = client.get("/models").json()["data"][0]["id"]
    answer = client.post("/chat/completions", json={"model": model, **body})
    assert (answer.status_code, answer.headers.get("content-type")) == (status, kind)
    if status == 422 and kind == TEXT:
        assert text in answer.text
    else:
        assert text in answer.json()["error"]["message"]


ENVELOPE = [
    (
        "2026-08",
        {"authorization": "Bearer sk-invalid-0000"},
        401,
        JSON,
        "Your api key: ****0000 is invalid",
        "authentication_error",
    ),
    (
        "2025-01",
        {"authorization": "Bearer sk-invalid-0000"},
        401,
        JSON,
        "Authentication Fails (no such user)",
        "authentication_error",
    ),
    ("2026-08", {"authorization": ""}, 401, None, "Authentication Fails (governor)", None),
    ("2026-08", {"authorization": "Basic abc"}, 401, None, "Authentication Fails (governor)", None),
    ("2025-01", {"authorization": "Bearer"}, 401, None, "(auth header format should be Bearer sk-...)", None),
    (
        "openai",
        {"authorization": "Bearer sk-wrong-0000"},
        401,
        JSON,
        "Incorrect API key provided",
        "invalid_request_error",
    ),
    (
        "2026-08",
        {"content-type": "text/plain"},
        415,
        TEXT,
        "Expected request with `Content-Type: application/json`",
        None,
    ),
    (
        "2026-08",
        {"content-type": "application/json; charset=utf-8", "authorization": "bearer sk-12345678"},
        200,
        JSON,
        "",
        None,
    ),
]


@pytest.mark.parametrize(("profile", "headers", "status", "kind", "text", "type_"), ENVELOPE)
def test_headers(
    of_profile: OfProfile,
    profile: str,
    headers: dict[str, str],
    status: int,
    kind: str | None,
    text: str,
    type_: str | None,
) -> None:
    client = of_profile(profile)
    answer = client.post("/chat/completions", json=chat(model="deepseek-v4-flash"), headers=headers)
    assert (answer.status_code, answer.headers.get("content-type")) == (status, kind)
    assert text in answer.text
    if type_:
        error = answer.json()["error"]
        assert list(error) == ["message", "type", "param", "code"]
        assert (error["type"], error["param"]) == (type_, None)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "EOF while parsing a value at line 1 column 0"),
        (b'{"model":', "EOF while parsing a value at line 1 column 9"),
        (b"{'model':1}", "expected value at line 1 column 2"),
        (b'{"temperature":NaN}', "expected value"),
        (b'{"messages":"\xff"}', "invalid unicode code point"),
        (b"[" * 100_000, "recursion limit exceeded"),
        (b'{"max_tokens":' + b"9" * 5000 + b"}", "expected value"),
    ],
    ids=["empty", "cut", "quotes", "nan", "utf8", "deep", "digits"],
)
def test_what_is_not_json(of_profile: OfProfile, body: bytes, text: str) -> None:
    answer = of_profile("2026-08").post("/chat/completions", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, OCTETS)
    assert answer.text.startswith("Failed to parse the request body as JSON: ")
    assert text in answer.text


@pytest.mark.parametrize(
    ("profile", "method", "path", "status"),
    [
        ("2026-08", "GET", "/chat/completions", 405),
        ("2026-08", "POST", "/models", 405),
        ("2026-08", "POST", "/embeddings", 404),
        ("2026-08", "GET", "/beta", 404),
        ("2026-08", "POST", "/completions", 400),
        ("2026-08", "POST", "/v1/completions", 400),
        ("2026-08", "GET", "/v1/models", 200),
        ("2026-08", "GET", "/v1/user/balance", 200),
        ("2026-08", "GET", "/models/deepseek-v4-flash", 404),
        ("openai", "GET", "/models/deepseek-v4-flash", 200),
        ("openai", "GET", "/v1/models/deepseek%2Dv4-pro", 200),
        ("openai", "GET", "/models/gpt-9", 404),
        ("openai", "POST", "/models/deepseek-v4-flash", 405),
        ("openai", "GET", "/user/balance", 404),
        ("openai", "POST", "/beta/chat/completions", 404),
    ],
)
def test_routes(of_profile: OfProfile, profile: str, method: str, path: str, status: int) -> None:
    body = {"model": "deepseek-v4-flash", "prompt": "x"} if method == "POST" else None
    answer = of_profile(profile).request(method, path, json=body)
    assert answer.status_code == status
    if status in (404, 405) and profile != "openai":
        assert answer.content == b""
        assert "content-type" not in answer.headers
    if status == 200 and "/models/" in path:
        listed = {each["id"]: each for each in of_profile(profile).get("/models").json()["data"]}
        assert answer.json() == listed[answer.json()["id"]]


def test_models_that_nobody_knows_are_not_remembered() -> None:
    def names() -> int:
        return bounds._limits.cache_info().currsize

    body = chat(model="deepseek-v4-flash")
    admit(FORMATS["chat"], json.dumps(body).encode(), "2026-08", beta=False)
    known = names()
    for number in range(50):
        with pytest.raises(Refused, match="API model names"):
            admit(FORMATS["chat"], json.dumps({**body, "model": f"none-{number}"}).encode(), "2026-08", beta=False)
    assert names() == known


def test_max_tokens_beyond_4k_needs_the_beta_address_in_2024(of_profile: OfProfile) -> None:
    client, body = of_profile("2024-07"), chat(model="deepseek-chat", max_tokens=8192)
    assert client.post("/chat/completions", json=body).status_code == 422
    assert client.post("/beta/chat/completions", json=body).status_code == 200


def test_strict_tools_must_require_every_property_on_beta(of_profile: OfProfile) -> None:
    function = {"name": "f", "strict": True, "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}
    body = chat(model="deepseek-v4-flash", tools=[{"type": "function", "function": function}])
    client = of_profile("2026-08")
    assert client.post("/beta/chat/completions", json=body).status_code == 400
    assert client.post("/chat/completions", json=body).status_code == 200
    function["parameters"]["required"] = ["a"]
    assert client.post("/beta/chat/completions", json=body).status_code == 200


def test_no_money(connect: Callable[..., httpx.Client]) -> None:
    from echosounder.mock_server.net.process import spawn

    with spawn(granted="0.00", topped_up="0.00") as running, connect(running) as client:
        answer = client.post("/chat/completions", json=chat(model="deepseek-v4-flash"))
        balance = client.get("/user/balance").json()
    assert answer.status_code == 402
    assert answer.json() == {
        "error": {
            "message": "Insufficient Balance",
            "type": "unknown_error",
            "param": None,
            "code": "invalid_request_error",
        }
    }
    assert balance["is_available"] is False
