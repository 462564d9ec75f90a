"""A deviation copes with whatever is asked, and with whatever another deviation made of the answer."""

import json
from typing import Any

import pytest

from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.answering.endpoints import Answers
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.deviations import Armoury, all_deviations
from echosounder.mock_server.inflight import InFlight
from echosounder.mock_server.net.http1 import HttpRequest

MODEL = "deepseek-v4-flash"
HI = [{"role": "user", "content": "Call weather."}]
ODD: tuple[Any, ...] = ("x", {}, [None])
MEMBERS = ("messages", "tools", "response_format", "stream_options", "max_tokens", "n", "prompt")
BODIES = [{"model": MODEL, "messages": HI, "stream": True, name: value} for name in MEMBERS for value in ODD]
BODIES += [{"model": MODEL, "messages": [*HI, {"role": "assistant", "tool_calls": value}]} for value in ODD]
BODIES += [{"model": MODEL, "messages": HI, "tools": [{"type": "function", "function": value}]} for value in ODD]
RAW = [b"", b"{", b"[]", *(json.dumps(body).encode() for body in BODIES)]
# Each of them leaves documents or bytes behind that the next deviation does not expect.
BEFORE = ("choices-null-200", "tool-arguments-object", "jsonl-not-sse")
WEATHER: dict[str, Any] = {"tools": [{"type": "function", "function": {"name": "weather"}}]}
ANSWERED: tuple[dict[str, Any], ...] = (WEATHER, {**WEATHER, "stream": True}, {"logprobs": True, "max_tokens": 9})


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers(Config(seed=1), Clock(0.0))


def answered(answers: Answers, text: str, raw: bytes, path: str) -> bytes:
    """What would be written. No deviation may have failed."""
    headers = {
        "authorization": "Bearer sk-test-0000000000",
        "content-type": "application/json",
        "accept-encoding": "gzip",
    }
    request = HttpRequest("POST" if raw else "GET", path, headers, raw, 0)
    armed = Armoury((text,)).arm(request, 1)
    assert armed is not None
    try:
        request = armed.request(request)
        response = armed.admission(request) or answers.respond(request, InFlight(1, "", request, armed))
    except Refused as refused:
        response = refused.response()
    written = b"".join(frame.raw for frame in armed.wire(armed.reply(response), True))
    assert [each["reason"] for each in armed.record() if "reason" in each] == []
    return written


@pytest.mark.parametrize("each", all_deviations(), ids=lambda each: each.name)
def test_no_request_breaks_it(answers: Answers, each: Any) -> None:
    for raw in RAW:
        answered(answers, each.name, raw, "/beta/completions" if b"prompt" in raw else "/chat/completions")
    for path in ("/models", "/user/balance", "/nowhere"):
        answered(answers, each.name, b"", path)


@pytest.mark.parametrize("each", all_deviations(), ids=lambda each: each.name)
def test_no_other_deviation_breaks_it(answers: Answers, each: Any) -> None:
    for before in BEFORE:
        for more in ANSWERED:
            raw = json.dumps({"model": MODEL, "messages": HI, **more}).encode()
            answered(answers, f"{before};{each.name}", raw, "/chat/completions")
