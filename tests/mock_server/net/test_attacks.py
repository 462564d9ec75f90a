"""Clients that mean harm: what they cost is bounded, and nobody else pays for it."""

import asyncio
import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from echosounder.mock_server.answering import schema
from echosounder.mock_server.answering.schema import ROOM, Hints
from echosounder.mock_server.config import Config
from echosounder.mock_server.control.journal import Journal, record
from echosounder.mock_server.inflight import InFlight
from echosounder.mock_server.mock import Mock
from echosounder.mock_server.net import server
from echosounder.mock_server.net.connection import ServerConnection
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.mock_server.net.process import RunningMock, spawn
from echosounder.mock_server.net.scheduler import UNSENT

KEY = {"authorization": "Bearer sk-test"}
MODEL = "deepseek-v4-flash"
MODELS = b"GET /models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\n\r\n"


@pytest.fixture(scope="module")
def target() -> Iterator[RunningMock]:
    with spawn(ttft_ms=0, itl_ms=0) as running:
        yield running


def ask(running: RunningMock, raw: bytes) -> httpx.Response:
    headers = {**KEY, "content-type": "application/json"}
    return httpx.post(f"{running.url}/chat/completions", content=raw, headers=headers, timeout=20)


def in_flight(running: RunningMock) -> int:
    return int(httpx.get(f"{running.url}/__mock/state").json()["in_flight"])


# --- schemas


def nested(depth: int, **inner: Any) -> dict[str, Any]:
    made = {"type": "array", **inner}
    for _ in range(depth):
        made = {"type": "array", "minItems": 1000, "items": made}
    return made


def doubling() -> dict[str, Any]:
    """Each object needs two of the next."""
    return {"type": "object", "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#"}}, "required": ["a", "b"]}


GREEDY = {
    "minItems": {"type": "array", "minItems": 10**9},
    "minItems of texts": {"type": "array", "minItems": 10**6, "items": {"type": "string", "minLength": 10**6}},
    "nested lists": nested(4, minItems=1000),
    "minLength": {"type": "string", "minLength": 10**10},
    "required": {"type": "object", "required": [f"name{number}" for number in range(10**5)]},
    "const": {"type": "array", "minItems": 10**6, "items": {"const": "x" * 1000}},
    "enum": {"type": "array", "minItems": 10**6, "items": {"enum": [{"x": "y" * 1000}]}},
    "long names": {"type": "object", "required": ["x" * 1000 + str(number) for number in range(10**4)]},
    "prefixItems": {"type": "array", "prefixItems": [{"type": "string", "minLength": 10**5}] * 1000},
    "recursive": doubling(),
    "pattern that counts": {"type": "string", "pattern": "^a{4000000000}$"},
    "pattern that counts counts": {"type": "string", "pattern": "^((a{1000}){1000}){1000}$"},
    "pattern that never ends": {"type": "string", "pattern": "^(a+)+$"},
    "pattern of many stars": {"type": "string", "pattern": "^" + "a*" * 40 + "b$"},
    "pattern of many brackets": {"type": "string", "pattern": "(" * 5000 + ")" * 5000},
}


@pytest.mark.parametrize("name", GREEDY)
def test_a_schema_gets_no_more_than_an_answer_has_room_for(name: str) -> None:
    begin = time.process_time()
    made = schema.value(GREEDY[name], Hints(quoted=["a" * 60 + "!", "a" * 200 + "c"]))
    assert len(json.dumps(made)) <= 20 * ROOM
    assert time.process_time() - begin < 2


NONSENSE = [
    {"type": "integer", "minimum": "x"},
    {"type": "array", "minItems": "many"},
    {"type": "string", "minLength": None, "maxLength": "x"},
    {"type": "object", "required": 7},
    {"type": "object", "properties": [1]},
    {"type": "number", "minimum": 1e308, "multipleOf": 1e-308},
    {"type": "array", "prefixItems": 3},
    {"type": "string", "pattern": 5},
    {"allOf": 1},
    {"enum": {}},
]


@pytest.mark.parametrize("parameters", NONSENSE, ids=str)
def test_a_schema_that_makes_no_sense_is_served(target: RunningMock, parameters: dict[str, Any]) -> None:
    wrapped = {"type": "object", "properties": {"a": parameters}, "required": ["a"]}
    tool = {"type": "function", "function": {"name": "f", "parameters": wrapped}}
    body = {"model": MODEL, "messages": [{"role": "user", "content": "f"}], "tools": [tool]}
    answer = ask(target, json.dumps(body | {"tool_choice": "required", "thinking": {"type": "disabled"}}).encode())
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["tool_calls"]


# --- requests


@pytest.mark.parametrize("count", [150, 2000])
def test_pipelined_requests_are_all_answered(target: RunningMock, count: int) -> None:
    host, port = target.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(MODELS * count)
        client.shutdown(socket.SHUT_WR)
        received = b""
        while data := client.recv(65536):
            received += data
    assert received.count(b"HTTP/1.1 200 OK") == count


HALVES = {
    "max_tokens": b'"\\ud800"',
    "temperature": b'"\\udfff"',
    "model": b'"\\ud800"',
    "messages": b'[{"role": "\\ud800", "content": "x"}]',
    "tools": b'[{"type": "function", "function": {"name": "\\ud800"}}]',
    "tool_choice": b'"\\ud800"',
    "response_format": b'{"type": "\\ud800"}',
    "reasoning_effort": b'"\\ud800"',
    "stop": b'["\\ud800"]',
    "user_id": b'"\\ud800"',
}


@pytest.mark.parametrize("member", HALVES)
def test_half_a_character_is_answered(target: RunningMock, member: str) -> None:
    members = {"model": f'"{MODEL}"'.encode(), "messages": b'[{"role": "user", "content": "hi"}]'} | {
        member: HALVES[member]
    }
    body = b"{" + b", ".join(b'"%b": %b' % (name.encode(), value) for name, value in members.items()) + b"}"
    assert ask(target, body).status_code in (200, 400)
    assert in_flight(target) == 0


# --- memory and files


def test_the_journal_keeps_no_more_than_its_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echosounder.mock_server.control.journal.KEPT", 1000)
    journal = Journal(100)
    flights = [InFlight(number, "", HttpRequest("POST", "/", {}, b"x" * 400, 0)) for number in range(10)]
    for flight in flights:
        journal.add(flight)
    assert [len(flight.request.body) for flight in flights] == [0] * 8 + [400] * 2
    giant = InFlight(11, "", HttpRequest("POST", "/", {}, b"x" * 5000, 0))
    journal.add(giant)
    assert [len(flight.request.body) for flight in (*flights, giant)] == [0] * 10 + [5000]
    assert record(flights[0])["number"] == 0


def test_a_disk_that_is_full_ends_the_journal_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(100, "/dev/full")
    for number in range(3):
        journal.add(InFlight(number, "", HttpRequest("POST", "/", {}, b"", 0)))
        journal.flush()
    journal.close()
    assert journal.total == 3
    assert capsys.readouterr().err.count("mock: the journal ends here, No space left on device") == 1


def test_no_descriptors_left_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        loop, complaints = asyncio.get_running_loop(), server.Complaints()
        for _ in range(500):
            complaints(loop, {"message": "accept", "exception": OSError(24, "Too many open files")})
        complaints(loop, {"message": "something else", "exception": ValueError("x")})

    asyncio.run(run())
    shown = capsys.readouterr().err
    assert shown.count("\n") == shown.count("mock: cannot accept connections: Too many open files; raise the limit")


def test_a_late_retry_of_accept_is_not_an_error_of_a_mock_that_stops(capsys: pytest.CaptureFixture[str]) -> None:
    """asyncio retries a failed accept a second later, once for each place in the backlog, on a listener that is closed by then."""

    async def run() -> str:
        loop, complaints = asyncio.get_running_loop(), server.Complaints()
        context = {"message": "accept", "exception": ValueError("Invalid file descriptor: -1")}
        complaints(loop, context)
        before, complaints.stopping = capsys.readouterr().err, True
        complaints(loop, context)
        return before

    logging.getLogger("asyncio").addHandler(handler := logging.StreamHandler(sys.stderr))
    try:
        assert "Invalid file descriptor" in asyncio.run(run())
    finally:
        logging.getLogger("asyncio").removeHandler(handler)
    assert capsys.readouterr().err == ""


def test_a_mock_out_of_descriptors_recovers() -> None:
    """64 descriptors, 200 clients: what was accepted is served, standard error stays short, and others are served afterwards."""
    command = [sys.executable, "-m", "echosounder.mock_server"]
    command = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *command]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
    try:
        url = process.stdout.readline().split()[-1]
        host, port = url.removeprefix("http://").split(":")
        clients = [socket.create_connection((host, int(port)), timeout=5) for _ in range(200)]
        time.sleep(0.5)
        for client in clients:
            client.close()
        assert httpx.get(f"{url}/models", headers=KEY, timeout=20).status_code == 200
    finally:
        process.terminate()
        errors = process.communicate()[1]
    assert len(errors) < 1000


# --- clients that do not read


def served(mock: Mock) -> Any:
    return asyncio.get_running_loop().create_server(lambda: ServerConnection(mock), "127.0.0.1", 0)


def long_stream(count: int = 1) -> bytes:
    body = json.dumps({"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "hi"}]}).encode()
    head = "POST /chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-test\r\nContent-Type: application/json\r\n"
    return (f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body) * count


async def unread(mock: Mock, count: int = 1) -> tuple[Any, socket.socket, ServerConnection]:
    """A server, and a client that has asked for streams of about 10 MB each and reads nothing of them."""
    listener = await served(mock)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the system would take it all
    client.connect(listener.sockets[0].getsockname())
    client.setblocking(False)
    await asyncio.get_running_loop().sock_sendall(client, long_stream(count))
    await until(lambda: any(each.transport.get_write_buffer_size() > UNSENT for each in mock.connections))
    (connection,) = mock.connections
    return listener, client, connection


async def until(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.005)
    assert condition()


def endless(itl_ms: float = 0.001) -> Config:
    return Config(ttft_ms=0, itl_ms=itl_ms, output_tokens=30_000)


def test_what_a_client_does_not_read_is_not_written_and_comes_when_it_does() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        mock = Mock(endless(), loop)
        listener, client, connection = await unread(mock)
        assert connection.stream is not None
        assert connection.stream.paused
        assert connection.transport.get_write_buffer_size() < 2 * UNSENT
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            received += await asyncio.wait_for(loop.sock_recv(client, 1 << 20), 20)
        await until(lambda: mock.in_flight == 0)
        (entry,) = mock.journal.since(0)
        assert entry["complete"]
        assert entry["blocked"]
        assert received.count(b"data: {") == entry["usage"]["completion_tokens"] + 2
        client.close()
        listener.close()
        mock.close()

    asyncio.run(run())


def test_a_client_that_takes_nothing_is_dropped_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        mock = Mock(endless(), asyncio.get_running_loop())
        listener, client, _ = await unread(mock)
        list(mock.sweep())
        await asyncio.sleep(0.05)
        list(mock.sweep())
        assert len(mock.connections) == 1
        monkeypatch.setattr("echosounder.mock_server.mock.STALL", 10_000_000)
        list(mock.sweep())
        await until(lambda: not mock.connections)
        (entry,) = mock.journal.since(0)
        assert not entry["complete"]
        client.close()
        listener.close()
        mock.close()

    asyncio.run(run())


def test_who_does_not_read_gets_no_further_answer() -> None:
    """A stream without pauses is one write; of four that were asked for at once only the first is made."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        mock = Mock(endless(itl_ms=0), loop)
        listener, client, connection = await unread(mock, 4)
        await asyncio.sleep(0.2)
        assert mock.number == 1
        received = 0
        while mock.number < 4 or connection.busy:
            received += len(await asyncio.wait_for(loop.sock_recv(client, 1 << 20), 20))
        client.close()
        listener.close()
        mock.close()

    asyncio.run(run())
