"""The proxy position: byte-faithful and unbuffered when honest, and the same deviations over bytes that still come."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from echosounder.mock_server.deviations.armed import Armed
from echosounder.mock_server.net.frames import Frame
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.mock_server.net.process import RunningMock, spawn
from echosounder.mock_server.net.relay import Passage, Relay

Connect = Callable[..., httpx.Client]
HI = {
    "model": "deepseek-v4-flash",
    "messages": [{"role": "user", "content": "Repeat exactly: 你好, world"}],
    "thinking": {"type": "disabled"},
}
STREAM = {**HI, "stream": True}


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[RunningMock, RunningMock]]:
    with ExitStack() as stack:
        behind = stack.enter_context(spawn(seed=1, ttft_ms=30, itl_ms=30))
        yield behind, stack.enter_context(spawn(upstream=behind.url))


def test_an_honest_relay_changes_nothing(connect: Connect, pair: tuple[RunningMock, RunningMock]) -> None:
    behind, front = pair
    requests = [
        ("POST", "/chat/completions", HI),
        ("POST", "/chat/completions", STREAM),
        ("POST", "/chat/completions", {**HI, "temperature": 9}),
        ("GET", "/models", None),
        ("GET", "/nowhere", None),
    ]
    with connect(behind) as direct, connect(front) as relayed:
        for method, path, body in requests:
            one, two = (client.request(method, path, json=body) for client in (direct, relayed))
            assert one.status_code == two.status_code
            assert _timeless(one.content) == _timeless(two.content)
            assert one.headers.get("content-type") == two.headers.get("content-type")


def _timeless(body: bytes) -> bytes:
    return re.sub(rb'"(id|created)":("[^"]*"|\d+)', b"", body)


@pytest.mark.best_of(5)
def test_events_pass_at_once(connect: Connect, pair: tuple[RunningMock, RunningMock]) -> None:
    behind, front = pair
    with connect(front) as client, client.stream("POST", "/chat/completions", json=STREAM) as answer:
        stamps = [(time.monotonic_ns(), data) for data in answer.iter_raw()]
    with connect(behind) as client:
        entry = client.get("/__mock/journal").json()["entries"][-1]
    spread = entry["written"][-1] - entry["written"][0]
    assert stamps[-1][0] - stamps[0][0] > spread * 0.6
    assert len(stamps) > 4


def test_documents_and_events_are_deviated_from(connect: Connect, pair: tuple[RunningMock, RunningMock]) -> None:
    behind, _ = pair
    with spawn(upstream=behind.url) as front, connect(front) as client:
        whole = client.post("/chat/completions", json=HI, headers={"x-mock-deviate": "usage-sum-mismatch"}).json()
        usage = whole["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] + 7
        streamed = client.post(
            "/chat/completions", json=STREAM, headers={"x-mock-deviate": "missing-done; id-changes-between-chunks"}
        )
        events = [json.loads(line[6:]) for line in streamed.text.splitlines() if line]
        assert len({event["id"] for event in events}) == len(events)
        account = {each["name"]: each["applied"] for each in client.get("/__mock/deviations").json()["deviations"]}
    assert account == {"usage-sum-mismatch": 1, "missing-done": 1, "id-changes-between-chunks": 1}


@pytest.mark.best_of(5)
def test_deviated_events_still_pass_one_by_one(connect: Connect, pair: tuple[RunningMock, RunningMock]) -> None:
    _, front = pair
    with (
        connect(front) as client,
        client.stream("POST", "/chat/completions", json=STREAM, headers={"x-mock-deviate": "extra-members"}) as answer,
    ):
        stamps = [time.monotonic() for _ in answer.iter_raw()]
    assert stamps[-1] - stamps[0] > 0.06
    assert len(stamps) > 4


@pytest.mark.best_of(5)
def test_cutting_and_buffering_work_on_what_passes(connect: Connect, pair: tuple[RunningMock, RunningMock]) -> None:
    _, front = pair
    with connect(front) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/chat/completions", json=STREAM, headers={"x-mock-deviate": "stream-cut:after=2"})
        held = {"x-mock-deviate": "stream-buffered-by-proxy"}
        with client.stream("POST", "/chat/completions", json=STREAM, headers=held) as answer:
            stamps = [time.monotonic() for _ in answer.iter_raw()]
    assert stamps[-1] - stamps[0] < 0.03


def test_an_upstream_that_is_not_there_is_a_502(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with spawn(upstream=f"http://127.0.0.1:{port}") as front, connect(front) as client:
        answer = client.post("/chat/completions", json=HI)
    assert answer.status_code == 502
    assert answer.json()["error"]["message"].startswith("upstream: ")


def test_an_upstream_that_breaks_off_is_passed_on_as_broken(connect: Connect) -> None:
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n"
            )

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        upstream = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with (
            spawn(upstream=upstream) as front,
            connect(front) as client,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            client.post("/chat/completions", json=STREAM)
        thread.join()


def test_hanging_up_reaches_the_upstream(connect: Connect, pair: tuple[RunningMock, RunningMock]) -> None:
    behind, front = pair
    body = {**STREAM, "messages": [{"role": "user", "content": "Tell a long story."}], "max_tokens": 5000}
    with connect(behind) as client:
        seen = client.get("/__mock/journal").json()["total"]
    with connect(front) as client, client.stream("POST", "/chat/completions", json=body) as answer:
        next(answer.iter_raw())
    with connect(behind) as client:
        deadline = time.monotonic() + 20  # a whole story takes longer
        while (journal := client.get("/__mock/journal").json())["total"] == seen and time.monotonic() < deadline:
            time.sleep(0.02)
    assert journal["entries"][-1]["complete"] is False


# --- threads


def full() -> tuple[socket.socket, list[socket.socket]]:
    """A listener that accepts nothing any more, and the clients that fill its queue."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    clients = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        clients.append(client)
    time.sleep(0.1)
    return listener, clients


def passages(relay: Relay, gone: bool) -> tuple[list[Frame | None], float]:
    """What a passage emits, and how long its thread was busy."""
    emitted: list[Frame | None] = []
    passage = Passage(
        HttpRequest("GET", "/models", {}, b"", time.monotonic_ns()), Armed(), emitted.append, lambda: 0, True
    )
    passage.gone = gone
    begin = time.monotonic()
    relay._run(passage)
    return emitted, time.monotonic() - begin


class Loop:
    def call_soon_threadsafe(self, callback: Callable[..., None], *arguments: object) -> None:
        callback(*arguments)


def test_a_thread_is_not_held_by_an_upstream_that_accepts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echosounder.mock_server.net.relay.CONNECT_S", 0.2)
    listener, clients = full()
    relay = Relay(f"http://127.0.0.1:{listener.getsockname()[1]}", Loop())  # type: ignore[arg-type]
    emitted, busy = passages(relay, gone=False)
    assert emitted[0].raw.startswith(b"HTTP/1.1 502")
    assert busy < 5
    for each in (listener, *clients):
        each.close()


def test_nothing_is_asked_for_a_client_that_left_while_all_threads_were_busy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        relay = Relay(f"http://127.0.0.1:{listener.getsockname()[1]}", Loop())  # type: ignore[arg-type]
        assert passages(relay, gone=True)[0] == []
        with pytest.raises(TimeoutError):
            listener.accept()
