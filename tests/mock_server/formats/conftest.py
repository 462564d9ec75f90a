"""Requests in each format to a mock without sockets, and streams read back."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.answering.endpoints import Answers
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.inflight import InFlight
from echosounder.mock_server.net.http1 import HttpRequest, Response
from echosounder.wire import sse

KEY = "sk-test-0000000000"
MODELS = {"2026-08": "deepseek-v4-flash", "2026-09": "deepseek-flash", "2026-11": "deepseek-flash"}


@dataclass
class Told:
    """What came of a request."""

    status: int
    value: Any  # the document, or the documents of the events
    response: Response
    flight: InFlight

    @property
    def error(self) -> str:
        assert self.status >= 400, self.value
        return self.value["error"]["message"] if isinstance(self.value, dict) else str(self.value)


Ask = Callable[..., Told]


@pytest.fixture
def server() -> Callable[..., Ask]:
    """``server(profile, …)`` makes a mock; the mock takes a path and a body and tells what came of it."""

    def make(profile: str = "2026-08", **config: Any) -> Ask:
        answers = Answers(
            Config(**{"seed": 1, "profile": profile, "ttft_ms": 0, "itl_ms": 0, **config}), Clock(1_790_000_000.0)
        )
        number = 0

        def ask(path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Told:
            nonlocal number
            number += 1
            sent = {"content-type": "application/json", **(headers or {"authorization": f"Bearer {KEY}"})}
            request = HttpRequest("POST", path, sent, json.dumps(body).encode(), 0)
            flight = InFlight(number, "", request)
            try:
                response = answers.respond(request, flight)
            except Refused as refused:
                response = refused.response()
            flight.complete = True
            answers.completions.settle(flight)
            return Told(response.status, _read(b"".join(response.body), bool(body.get("stream"))), response, flight)

        return ask

    return make


def _read(body: bytes, stream: bool) -> Any:
    if stream and body.startswith(b"event:"):
        return [json.loads(each.data) for each in sse.Decoder().feed(body) if isinstance(each, sse.Event)]
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()
