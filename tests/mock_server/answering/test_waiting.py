"""Waiting for a place: known when the request arrives, filled with keep-alives, and given up when the profile says so."""

import json
from typing import Any

import pytest

from echosounder.mock_server.admission.refusals import Refused
from echosounder.mock_server.answering.endpoints import Answers
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import Config
from echosounder.mock_server.inflight import InFlight
from echosounder.mock_server.net.http1 import BodyFraming, HttpRequest, Response

SECOND = 1_000_000_000


def ask(server: Answers, stream: bool, at: int = 0) -> Response:
    body: dict[str, Any] = {
        "model": server_model(server),
        "stream": stream,
        "messages": [{"role": "user", "content": "Write 5 words."}],
    }
    headers = {"authorization": "Bearer sk-12345678", "content-type": "application/json"}
    request = HttpRequest("POST", "/chat/completions", headers, json.dumps(body).encode(), at)
    return server.respond(request, InFlight(1, "", request))


def server_model(server: Answers) -> str:
    return "deepseek-chat" if server.config.profile < "2026" else "deepseek-v4-flash"


def busy(seconds: float, profile: str = "2026-08", **more: Any) -> Answers:
    """A server with one place, which is taken for so long."""
    server = Answers(
        Config(profile=profile, slots=1, ttft_ms=seconds * 1000, itl_ms=0, keepalive_ms=10_000, **more), Clock()
    )
    ask(server, stream=True)
    return server


def test_a_stream_waits_with_comments() -> None:
    response = ask(busy(35), stream=True)
    assert response.body[:3] == [b": keep-alive\n\n"] * 3
    assert response.due[:3] == [10 * SECOND, 20 * SECOND, 30 * SECOND]
    assert response.head_due == 0
    assert response.due[3] >= 35 * SECOND
    assert response.tokens[:3] == [0, 0, 0]


def test_a_document_waits_with_empty_lines_after_its_head() -> None:
    response = ask(busy(35), stream=False)
    assert response.body[:3] == [b"\n"] * 3
    assert response.head_due == 10 * SECOND
    assert json.loads(b"".join(response.body))["object"] == "chat.completion"


def test_who_need_not_wait_gets_none() -> None:
    assert ask(busy(35), stream=True, at=36 * SECOND).body[0].startswith(b"data: ")


@pytest.mark.parametrize(("profile", "patience"), [("2026-08", 600), ("2025-01", 1800)])
def test_a_request_that_does_not_start_in_time_is_closed(profile: str, patience: int) -> None:
    response = ask(busy(patience + 1, profile), stream=True)
    assert response.cut_at == patience * SECOND
    assert set(response.body) == {b": keep-alive\n\n"}
    assert max(response.due) < patience * SECOND
    assert response.framing is BodyFraming.CHUNKED


def test_a_full_queue_is_503() -> None:
    server = busy(35, queue=1)
    ask(server, stream=True)
    with pytest.raises(Refused, match="Service is too busy") as raised:
        ask(server, stream=True)
    assert raised.value.status == 503
