"""Deviations of Responses and Messages: each changes what its format says where it can, and no other format."""

import json
from typing import Any

import pytest

from echosounder.mock_server.answering.endpoints import Answers
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.deviations import Armoury, all_deviations
from echosounder.mock_server.inflight import InFlight
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.wire import sse

KEY = "sk-test-0000000000"
CITIES = "How's the weather in Paris and Tokyo?"
PARAMETERS = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
OF = {
    "responses": {
        "plain": {"input": "Say 'one two'"},
        "calls": {"input": CITIES, "tools": [{"type": "function", "name": "get_weather", "parameters": PARAMETERS}]},
        "cut": {"input": "Write a long essay.", "max_output_tokens": 20},
        "bad": {"input": "Hi", "temperature": 3},
    },
    "messages": {
        "plain": {"messages": [{"role": "user", "content": "Say 'one two'"}]},
        "calls": {
            "messages": [{"role": "user", "content": CITIES}],
            "tools": [{"name": "get_weather", "input_schema": PARAMETERS}],
        },
        "cut": {"messages": [{"role": "user", "content": "Write a long essay."}], "max_tokens": 20},
        "stopped": {"messages": [{"role": "user", "content": "Say 'one two'"}], "stop_sequences": [" two"]},
        "bad": {"messages": [{"role": "user", "content": "Hi"}], "temperature": 3},
    },
}
CHAT = {"messages": [{"role": "user", "content": "Say 'one two'"}]}
PATHS = {"responses": "/responses", "messages": "/anthropic/v1/messages", "chat": "/chat/completions"}
HERE = (".named", ".at_json_responses", ".at_json_messages")
NAMES = [each.name for each in all_deviations() if each.apply.__module__.endswith(HERE)]


def sent(form: str, body: dict[str, Any], deviation: str = "") -> tuple[bytes, bool]:
    """The bytes of the body that is written, and whether the deviation says that it changed them."""
    text = json.dumps({"model": "deepseek-flash", **body}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    request = HttpRequest("POST", PATHS[form], headers, text, 0)
    answers = Answers(Config(seed=1, ttft_ms=0, itl_ms=0), Clock(0.0))
    armed = Armoury((deviation,) if deviation else ("resource-interruption:when.nth=99",)).arm(request, 1)
    assert armed is not None
    try:
        response = answers.respond(request, InFlight(1, "", request, armed))
    except Exception as refused:  # a refusal is an answer
        response = refused.response()  # type: ignore[attr-defined]
    written = b"".join(frame.raw for frame in armed.reply(response).frames)
    assert [each["reason"] for each in armed.record() if "reason" in each] == []
    return written, any(each["applied"] for each in armed.record())


def cases(form: str) -> list[dict[str, Any]]:
    return [body | {"stream": stream} for body in OF[form].values() for stream in (True, False)]


def test_there_are_enough():
    found = [each for each in all_deviations() if each.name in NAMES]
    assert sum(not each.legal for each in found) >= 40
    assert sum(each.legal for each in found) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_each_applies_to_its_format_and_only_there(name):
    form = name.partition("-")[0]
    changes = [sent(form, body)[0] != sent(form, body, name)[0] for body in cases(form)]
    assert any(changes)
    assert changes == [sent(form, body, name)[1] for body in cases(form)]
    other = "messages" if form == "responses" else "responses"
    assert not any(sent(other, body, name)[1] for body in cases(other))
    assert not any(sent("chat", {**CHAT, "stream": stream}, name)[1] for stream in (True, False))


@pytest.mark.parametrize("name", NAMES)
def test_streams_stay_streams_of_documents(name):
    form = name.partition("-")[0]
    for body in OF[form].values():
        written, _ = sent(form, {**body, "stream": True}, name)
        if written.startswith(b"{"):
            continue
        events = [each for each in sse.Decoder().feed(written) if isinstance(each, sse.Event)]
        assert all(each.data == "[DONE]" or isinstance(json.loads(each.data), dict) for each in events)
