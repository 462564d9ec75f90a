"""Requests in Responses and Messages, and the bytes that a deviation makes of the answer."""

import json
from typing import Any

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


def sent(form: str, body: dict[str, Any], deviation: str = "") -> tuple[bytes, bool]:
    """The bytes of the body that is written, and whether the deviation says that it changed them."""
    whole = {"model": "deepseek-flash", **body}
    text = json.dumps({name: value for name, value in whole.items() if value is not ...}).encode()
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    request = HttpRequest("POST", PATHS[form], headers, text, 0)
    answers = Answers(Config(seed=1, ttft_ms=0, itl_ms=0), Clock(0.0))
    armed = Armoury((deviation,) if deviation else ("resource-interruption:when.nth=99",)).arm(request, 1)
    assert armed is not None
    request = armed.request(request)
    try:
        response = armed.admission(request) or answers.respond(request, InFlight(1, "", request, armed))
    except Exception as refused:  # a refusal is an answer
        response = refused.response()  # type: ignore[attr-defined]
    written = b"".join(frame.raw for frame in armed.reply(response).frames)
    assert [each["reason"] for each in armed.record() if "reason" in each] == []
    return written, any(each["applied"] for each in armed.record())


def cases(form: str) -> list[dict[str, Any]]:
    return [body | {"stream": stream} for body in OF[form].values() for stream in (True, False)]


def names(module: str) -> list[str]:
    return [each.name for each in all_deviations() if each.apply.__module__.endswith(module)]


def applies_only_to(form: str, name: str) -> None:
    """It changes some answer of its format, says so where it does, and changes none of another."""
    changes = [sent(form, body)[0] != sent(form, body, name)[0] for body in cases(form)]
    assert any(changes)
    assert changes == [sent(form, body, name)[1] for body in cases(form)]
    other = "messages" if form == "responses" else "responses"
    assert not any(sent(other, body, name)[1] for body in cases(other))
    assert not any(sent("chat", {**CHAT, "stream": stream}, name)[1] for stream in (True, False))


def leaves_documents(form: str, name: str) -> None:
    """What is a stream is still one of documents."""
    for body in OF[form].values():
        written, _ = sent(form, {**body, "stream": True}, name)
        if written.startswith(b"{"):
            continue
        events = [each for each in sse.Decoder().feed(written) if isinstance(each, sse.Event)]
        assert all(each.data == "[DONE]" or isinstance(json.loads(each.data), dict) for each in events)


# --- what requests are made of

HI = {"role": "user", "content": "Hi"}
PARAMETERS = {"type": "object", "properties": {"location": {"type": "string"}}, "required": ["location"]}
TOOL = {"type": "function", "name": "get_weather", "parameters": PARAMETERS}
BLANK, LONG, APPLY = (
    TOOL | {"name": "get weather"},
    TOOL | {"name": "w" * 65},
    {"type": "custom", "name": "apply_patch"},
)
FUNCTION = {"name": "get_weather", "input_schema": PARAMETERS}
CALM, QUIET = {"reasoning": {"effort": "none"}}, {"thinking": {"type": "disabled"}}
CITY = "How's the weather in Paris?"


def item(kind: str, id: str = "call_0", **more: Any) -> dict[str, Any]:
    return {"type": kind, "call_id": id, **more}


CALL, OUTPUT = item("function_call", name="get_weather", arguments="{}"), item("function_call_output", output="21")
USE = {"type": "tool_use", "id": "call_0", "name": "get_weather", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "call_0", "content": "21"}
THOUGHT = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "Hm."}]}
SIGNED = {"type": "thinking", "thinking": "Hm.", "signature": "s"}


def turns(*contents: Any) -> dict[str, Any]:
    """A conversation of blocks, the user first."""
    roles = ["user", "assistant"] * len(contents)
    return {"messages": [{"role": role, "content": each} for role, each in zip(roles, contents, strict=False)]}


def outcome(name: str, body: dict[str, Any], form: str = "") -> tuple[bytes, bytes, bool]:
    """What an honest server answers, what the deviation makes of it, and whether that says it was applied."""
    form = form or name.partition("-")[0]
    honest, (changed, applied) = sent(form, body)[0], sent(form, body, name)
    return honest, changed, applied


def refused(written: bytes) -> bool:
    return b'"error"' in written and b"invalid_request_error" in written


def touches_no_other_format(name: str, body: dict[str, Any]) -> None:
    for form in {"chat", "responses", "messages"} - {name.partition("-")[0]}:
        honest, changed, applied = outcome(name, body, form)
        assert not applied
        assert changed.count(b'"error"') == honest.count(b'"error"')
