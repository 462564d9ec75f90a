"""openapi-core, which the harness judges with, tells good bodies from bad for every operation of the document."""

import copy
import functools
import json
from types import SimpleNamespace

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from werkzeug.datastructures import Headers, ImmutableMultiDict

from echosounder import specs

HOST = "https://api.deepseek.com"
JSON, EVENTS = "application/json", "text/event-stream"
EXAMPLES = specs.document()["components"]["examples"]
CHAT, BETA, FIM = "/chat/completions", "/beta/chat/completions", "/beta/completions"
MODELS, BALANCE = "/models", "/user/balance"


def example(name, **changes):
    """An example of the document with members replaced; a path like ``choices.0.text`` reaches inside, ... removes."""
    value = copy.deepcopy(EXAMPLES[name]["value"])
    for path, new in changes.items():
        *way, last = [int(key) if key.isdigit() else key for key in path.split("__")]
        node = functools.reduce(lambda node, key: node[key], way, value)
        if new is ...:
            del node[last]
        else:
            node[last] = new
    return value


REQUESTS = [
    (CHAT, example("ChatRequest"), True),
    (CHAT, example("ToolsChatRequest"), True),
    (CHAT, example("ChatRequest", temperature=2.1), False),
    (CHAT, example("ChatRequest", messages=...), False),
    (CHAT, example("PrefixChatRequest"), False),
    (BETA, example("PrefixChatRequest"), True),
    (BETA, example("PrefixChatRequest", top_p=0), False),
    (FIM, example("FimRequest"), True),
    (FIM, example("FimRequest", suffix=None), True),
    (FIM, example("FimRequest", stop={"any": "object"}), False),
    (FIM, example("FimRequest", max_tokens=4097), False),
    ("/completions", example("FimRequest"), False),
]
USAGE_LOST = {"choices": [], "usage": None}
RESPONSES = [
    (CHAT, 200, JSON, example("ChatCompletion"), True),
    (CHAT, 200, JSON, example("ToolsChatCompletion"), True),
    (CHAT, 200, JSON, example("ThinkingChatCompletion"), True),
    (CHAT, 200, JSON, example("ChatCompletion", x_vendor={"any": 1}), True),
    (CHAT, 200, JSON, example("ChatCompletion", choices__0__finish_reason=None), False),
    (CHAT, 200, JSON, example("ChatCompletion", choices__0__logprobs=...), False),
    (CHAT, 200, JSON, example("ChatCompletion", choices=[]), False),
    (CHAT, 200, JSON, example("ChatCompletion", choices=None), False),
    (CHAT, 200, JSON, example("ChatCompletion", created="1785542400"), False),
    (CHAT, 200, JSON, example("ChatCompletion", created=1785542400000), False),
    (CHAT, 200, JSON, example("ChatCompletion", usage__prompt_cache_hit_tokens=...), False),
    (CHAT, 200, JSON, example("ToolsChatCompletion", choices__0__message__tool_calls__0__id=""), False),
    (
        CHAT,
        200,
        JSON,
        example("ToolsChatCompletion", choices__0__message__tool_calls__0__function__arguments={}),
        False,
    ),
    (CHAT, 200, EVENTS, example("ChatStream"), True),
    (CHAT, 200, EVENTS, [], False),
    (CHAT, 200, EVENTS, example("ChatStream", **{"1__choices__0__finish_reason": ""}), False),
    (CHAT, 200, EVENTS, example("ChatStream", **{"1__choices__0__finish_reason": ...}), False),
    (CHAT, 200, EVENTS, example("ChatStream", **{"1__choices": None}), False),
    (CHAT, 200, EVENTS, [*example("ChatStream"), example("ChatStream")[0] | USAGE_LOST], False),
    (CHAT, 200, EVENTS, example("ChatStream", **{"0__object": "chat.completion"}), False),
    (BETA, 200, JSON, example("ChatCompletion", id=""), False),
    (FIM, 200, JSON, example("FimCompletion"), True),
    (FIM, 200, JSON, example("FimCompletion", system_fingerprint=...), True),
    (FIM, 200, JSON, example("FimCompletion", object="chat.completion"), False),
    (FIM, 200, JSON, example("FimCompletion", choices__0__text=...), False),
    (FIM, 200, JSON, example("FimCompletion", choices__0__finish_reason="tool_calls"), False),
    (FIM, 200, EVENTS, example("FimStream"), True),
    (FIM, 200, EVENTS, example("FimStream", **{"0__choices__0__text": ...}), False),
    (MODELS, 200, JSON, example("ModelList"), True),
    (MODELS, 200, JSON, example("ModelList", data=[]), False),
    (MODELS, 200, JSON, example("ModelList", data__0__owned_by=...), False),
    (MODELS, 200, JSON, example("ModelList")["data"], False),
    (BALANCE, 200, JSON, example("Balance"), True),
    (BALANCE, 200, JSON, example("Balance", balance_infos__0__total_balance=110.0), False),
    (BALANCE, 200, JSON, example("Balance", balance_infos__0__currency="EUR"), False),
    (CHAT, 400, JSON, example("BadRequest"), True),
    (CHAT, 400, JSON, {"error": "a string"}, False),
    (CHAT, 400, JSON, example("BadRequest")["error"], False),
    (CHAT, 400, JSON, example("BadRequest", error__code=400), False),
    (CHAT, 400, JSON, example("BadRequest", error__param={"temperature": 3}), False),
    (CHAT, 400, "application/octet-stream", example("BadRequest"), True),
    (CHAT, 400, "text/plain", "Failed to parse the request body as JSON", True),
    (CHAT, 400, "text/html", "<html>", False),
    (CHAT, 401, JSON, example("Unauthorized"), True),
    (CHAT, 402, JSON, example("InsufficientBalance"), True),
    (CHAT, 429, JSON, example("TooManyRequests"), True),
    (CHAT, 503, JSON, example("Overloaded"), True),
    (CHAT, 503, JSON, {}, False),
    (CHAT, 418, JSON, example("BadRequest"), False),
]


@functools.cache
def api():
    # The documents are linted elsewhere; a stream is shown as the array that x-sse speaks of.
    config = Config(spec_validator_cls=None, extra_media_type_deserializers={EVENTS: json.loads})
    return OpenAPI.from_dict(specs.document(), config=config)


def request(path, body=None):
    return SimpleNamespace(
        host_url=HOST,
        path=path,
        method="post" if path.endswith("completions") else "get",
        body=None if body is None else json.dumps(body).encode(),
        content_type=JSON,
        parameters=RequestParameters(header=Headers({"Authorization": "Bearer sk-x"}), query=ImmutableMultiDict()),
    )


@pytest.mark.parametrize(("path", "body", "good"), REQUESTS)
def test_requests(path, body, good):
    assert (list(api().iter_request_errors(request(path, body))) == []) == good


@pytest.mark.parametrize(("path", "status", "media", "body", "good"), RESPONSES)
def test_responses(path, status, media, body, good):
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    response = SimpleNamespace(status_code=status, content_type=media, headers=Headers(), data=data)
    assert (list(api().iter_response_errors(request(path), response)) == []) == good
