"""A deviation that fails is journalled and lets the bytes through; one for HEAD sends no body."""

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from echosounder.mock_server.deviations import Armoury, all_deviations
from echosounder.mock_server.deviations.applied import One
from echosounder.mock_server.deviations.armed import BELOW_PLAN, Armed
from echosounder.mock_server.deviations.registry import Context, Deviation, Layer
from echosounder.mock_server.deviations.selection import Selection
from echosounder.mock_server.net.frames import Frame, Reply, honest_writes
from echosounder.mock_server.net.http1 import BodyFraming, HttpRequest, Response
from echosounder.mock_server.net.process import spawn
from echosounder.mock_server.net.scheduler import Act

Connect = Callable[..., httpx.Client]
Frames = Iterator[Frame]
BELOW = [each for each in all_deviations() if each.layer in BELOW_PLAN]
HEADERS = {"authorization": "Bearer sk-test-0000000000"}
ASKED = {"model": "m", "stream": True, "n": 2, "tools": [{"type": "function", "function": {"name": "weather"}}]}
REQUEST = HttpRequest("POST", "/chat/completions", HEADERS, json.dumps(ASKED).encode(), 0)
HEADS = re.compile(rb"(HTTP/1\.[01] \d{3}[^\n]*\n([^\r\n]+\r?\n)*\r?\n)*")  # also none, or several with 103
# What no deviation was written for: some of them fail on it.
ODD = (
    b"[]",
    b"{}",
    b'{"choices": null, "usage": 5, "error": "text", "data": 1, "balance_infos": {}}',
    b'{"choices": [null]}',
    b'{"choices": [{"delta": {"tool_calls": [null]}, "logprobs": 7, "index": "x"}], "usage": {}}',
    b'{"choices": [{"message": {"tool_calls": [{"function": null}]}}], "usage": {"prompt_tokens": "x"}}',
    b'{"choices": {"0": {}}, "id": 5, "model": null, "created": "x"}',
    b"\xff\xfe{",
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
)


def stream_of(*documents: bytes) -> Response:
    events = [*(b"data: %b\n\n" % document for document in documents), b": comment\n\n", b"data: [DONE]\n\n"]
    headers = [("content-type", "text/event-stream")]
    return Response(200, headers, events, [0] * len(events), BodyFraming.CHUNKED)


def body_of(document: bytes) -> Response:
    return Response(200, [("content-type", "application/json")], [document], [0], BodyFraming.CHUNKED)


def written(armed: Armed, request: HttpRequest, response: Response) -> bytes:
    writes, _ = armed.writes(request, response, True)
    return b"".join(part for part in writes.data if isinstance(part, bytes))


# --- deviations that fail, each at another point


def at_once(frames: Frames, context: Context) -> Frames:
    raise ZeroDivisionError("at once")


def at_the_first(frames: Frames, context: Context) -> Frames:
    frame = next(frames)
    frame.raw, frame.json = b"spoilt", {"spoilt": True}
    raise ZeroDivisionError("at the first")
    yield frame


def after_two(frames: Frames, context: Context) -> Frames:
    yield next(frames)
    yield next(frames)
    next(frames).raw = b"spoilt"
    raise ZeroDivisionError("after two")


def holding_all(frames: Frames, context: Context) -> Frames:
    held = list(frames)
    raise ZeroDivisionError(str(len(held)))
    yield held[0]


def reply_at_once(reply: Reply, context: Context) -> Reply:
    reply.status, reply.framing = 500, BodyFraming.CLOSE
    reply.set_header("content-type", "text/spoilt")
    raise ZeroDivisionError("at once")


def reply_holding_all(reply: Reply, context: Context) -> Reply:
    reply.frames = iter([Frame(0, b"".join(frame.raw for frame in reply.frames)[1:])])
    raise ZeroDivisionError("holding")


def reply_later(reply: Reply, context: Context) -> Reply:
    reply.frames = after_two(reply.frames, context)
    return reply


FAILING = [
    *((layer, apply) for layer in (Layer.JSON, Layer.SSE, Layer.TCP) for apply in (at_once, at_the_first, holding_all)),
    *((layer, after_two) for layer in (Layer.JSON, Layer.SSE)),
    (Layer.HTTP, reply_at_once),
    (Layer.HTTP, reply_holding_all),
    (Layer.HTTP, reply_later),
]


@pytest.mark.parametrize(("layer", "apply"), FAILING, ids=lambda value: getattr(value, "__name__", str(value)))
def test_what_a_failing_deviation_held_goes_on_as_it_came(layer: Layer, apply: Callable[..., Any]) -> None:
    response = stream_of(b'{"a": 1}', b'{"b": 2}', b'{"c": 3}')
    honest = b"".join(part for part in honest_writes(response, 0, True).data if isinstance(part, bytes))
    one = One(Selection(Deviation("failing", layer, apply, frozenset(), {}), {}), Context(REQUEST, {}, None, 1))  # type: ignore[arg-type]
    armed = Armed([one])
    assert written(armed, REQUEST, response) == honest
    (record,) = armed.record()
    assert record["applied"] is False
    assert record["reason"].startswith("ZeroDivisionError: ")
    assert one.selection.applied == 0


def test_one_that_works_still_works_beside_one_that_fails() -> None:
    failing = One(
        Selection(Deviation("failing", Layer.JSON, at_the_first, frozenset(), {}), {}),
        Context(REQUEST, {}, None, 1),  # type: ignore[arg-type]
    )
    armed = Armoury(("missing-done",)).arm(REQUEST, 1)
    assert armed is not None
    armed.ones.insert(0, failing)
    raw = written(armed, REQUEST, stream_of(b'{"a": 1}'))
    assert b'data: {"a": 1}\n\n' in raw
    assert b"[DONE]" not in raw
    assert [record["applied"] for record in armed.record()] == [False, True]


@pytest.mark.parametrize("document", ODD, ids=lambda document: document[:60].decode("utf-8", "replace"))
def test_no_answer_of_an_upstream_escapes_the_guard(document: bytes) -> None:
    for each in BELOW:
        for response in (stream_of(document, document), body_of(document)):
            armed = Armoury((each.name,)).arm(REQUEST, 1)
            assert armed is not None
            written(armed, REQUEST, response)
            assert not any(record["applied"] and "reason" in record for record in armed.record())


def test_head_gets_no_body() -> None:
    request = HttpRequest("HEAD", "/models", HEADERS, b"", 0)
    for each in BELOW:
        armed = Armoury((each.name,)).arm(request, 1)
        assert armed is not None
        raw = written(armed, request, body_of(b'{"object": "list", "data": [{"id": "m", "object": "model"}]}'))
        assert HEADS.fullmatch(raw), (each.name, raw)


def test_an_odd_upstream_is_passed_on_and_said_in_the_journal(connect: Connect) -> None:
    body = b'{"choices": [null]}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)

    def serve(listener: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head + body)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        upstream = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with spawn(upstream=upstream, deviate=("content-null",)) as front, connect(front) as client:
            assert [client.post("/chat/completions", json=ASKED).content for _ in range(2)] == [body, body]
            entries = client.get("/__mock/journal").json()["entries"]
            state = client.get("/__mock/state").json()
        thread.join()
    assert state["in_flight"] == 0
    assert state["connections"] == 1, "the second request came on the same connection"
    for entry in entries:
        assert entry["deviations"][0]["applied"] is False
        assert "NoneType" in entry["deviations"][0]["reason"]


def test_a_fault_of_the_relay_itself_closes_the_connection(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the rest of an answer that will not come."""
    from echosounder.mock_server.net.relay import Passage, Relay

    class Loop:
        def call_soon_threadsafe(self, call: Callable[..., None], *arguments: Any) -> None:
            call(*arguments)

    def broken(self: Passage, upstream: Any) -> Iterator[Frame]:
        yield Frame(0, b"HTTP/1.1 200 OK\r\n")
        raise ZeroDivisionError

    emitted: list[Frame | None] = []
    monkeypatch.setattr(Passage, "frames", broken)
    passage = Passage(REQUEST, Armed(), emitted.append, lambda: 0, True)
    Relay("http://127.0.0.1:1", Loop())._run(passage)  # type: ignore[arg-type]
    assert [frame and frame.act for frame in emitted] == [None, Act.CLOSE, None]
    assert passage.keep_alive is False
