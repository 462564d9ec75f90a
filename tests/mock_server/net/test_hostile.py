"""Bytes that no SDK sends: a clean answer or a closed connection, never a traceback, a hang or a place that stays taken."""

import json
import socket
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from echosounder.mock_server.net.process import RunningMock, spawn

Connect = Callable[..., httpx.Client]
BODY = json.dumps(
    {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": "Repeat exactly: one two"}]}
).encode()
HEAD = "POST /chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-12345678\r\nContent-Type: application/json\r\n"
MODELS = b"GET /models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-12345678\r\n\r\n"


@pytest.fixture(scope="module")
def target() -> Iterator[RunningMock]:
    with spawn(ttft_ms=0, itl_ms=0, max_body=100_000, request_timeout_s=0.5) as running:
        yield running


def talk(running: RunningMock, *parts: bytes, end: bool = True, seconds: float = 5) -> bytes:
    """Send the parts a little apart, read until the server closes or says nothing more."""
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as client:
        received = b""
        try:
            for part in parts:
                client.sendall(part)
                time.sleep(0.002)
            if end:
                client.shutdown(socket.SHUT_WR)
            while data := client.recv(65536):
                received += data
        except OSError:
            pass
        return received


def request(body: bytes = BODY, extra: str = "") -> bytes:
    return f"{HEAD}Content-Length: {len(body)}\r\n{extra}\r\n".encode() + body


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([b"hello\r\n\r\n"], 400),
        ([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], 400),  # a TLS hello
        ([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"], 400),
        ([b"GET /models HTTP/9.9\r\n\r\n"], 400),
        ([b"GET /models HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"], 431),
        ([b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n"], 431),
        ([HEAD.encode() + b"Content-Length: 100001\r\n\r\n"], 413),
        ([HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + b"fff0\r\n" + b"x" * 0xFFF0 + b"\r\nfff0\r\n" + b"x" * 0xFFF0], 413),
        ([HEAD.encode() + b"Content-Length: -1\r\n\r\n"], 400),
        ([HEAD.encode() + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n"], 400),
        ([HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], 400),
        ([b"GET /models HTTP/1.1\r\nAuthorization: Bearer sk-12345678\r\nX-Mock-Deviate: nonsense\r\n\r\n"], 400),
        ([b"BREW /models HTTP/1.1\r\nHost: x\r\n\r\n"], 400),
        ([b"DELETE /models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-12345678\r\n\r\n"], 405),
        ([b"GET /%ff%00%zz HTTP/1.1\r\nHost: x\r\n\r\n"], 404),
        ([request()], 200),
        ([HEAD.encode() + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)], 200),
        ([bytes([byte]) for byte in MODELS], 200),
        ([request(extra="Upgrade: h2c\r\nConnection: Upgrade\r\n")], 200),
    ],
)  # fmt: skip
def test_one_clean_answer(target: RunningMock, parts: list[bytes], status: int) -> None:
    answer = talk(target, *parts)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Traceback" not in answer


def test_requests_in_a_row_are_answered_in_order(target: RunningMock) -> None:
    answer = talk(target, MODELS + request() + MODELS)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    first, second, third = (answer.find(mark) for mark in (b'"list"', b'"chat.completion"', b'"list"'))
    assert first < second
    assert third >= 0
    assert answer.rfind(b'"list"') > second


def test_forty_pipelined_requests(target: RunningMock) -> None:
    assert talk(target, MODELS * 40).count(b"HTTP/1.1 200 OK") == 40


def test_100_continue(target: RunningMock) -> None:
    answer = talk(target, f"{HEAD}Content-Length: {len(BODY)}\r\nExpect: 100-continue\r\n\r\n".encode(), BODY)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_a_request_that_never_ends_is_a_408(target: RunningMock) -> None:
    assert talk(target, request()[:-5], end=False).startswith(b"HTTP/1.1 408 ")


def test_http_1_0_gets_no_chunks(target: RunningMock) -> None:
    answer = talk(target, request().replace(b"HTTP/1.1", b"HTTP/1.0"), end=False)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert json.loads(body)["object"] == "chat.completion"


def test_head_has_no_body(target: RunningMock) -> None:
    answer = talk(target, MODELS.replace(b"GET", b"HEAD"))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b"\r\n\r\n")


def test_a_broken_request_does_not_take_the_one_before_it_along(target: RunningMock) -> None:
    answer = talk(target, MODELS + b"\x00\x01\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 400 Bad Request" in answer


def idle(client: httpx.Client) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = client.get("/__mock/state").json()
        if state["in_flight"] == 0 and state["connections"] <= 1:
            return True
        time.sleep(0.05)
    return False


def test_two_thousand_connections_that_are_dropped_leave_nothing(connect: Connect) -> None:
    """In every state: silent, in the head, in the body, waiting for the answer, in the middle of the stream."""
    stream = BODY[:-1] + b',"stream":true}'
    long = stream.replace(b"Repeat exactly: one two", b"Write 100 words.")
    states = [b"", HEAD.encode()[:40], request()[:-5], request(), request(long), request(long)]
    with spawn(ttft_ms=5, itl_ms=5, limit=("concurrency:count=100000",)) as running, connect(running) as client:
        address = running.url.removeprefix("http://").split(":")
        for batch in range(20):
            sockets = []
            for number in range(100):
                opened = socket.create_connection((address[0], int(address[1])))
                opened.sendall(states[(batch + number) % len(states)])
                sockets.append(opened)
            for number, opened in enumerate(sockets):
                if number % 3 == 0:
                    opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
                opened.close()
        assert idle(client)
        state = client.get("/__mock/state").json()
    assert state["scheduled"] <= 2000


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), place=st.integers(0, 300), cut=st.integers(0, 50))
def test_any_bytes_in_a_request(client: httpx.Client, mock: RunningMock, data: bytes, place: int, cut: int) -> None:
    """Noise spliced into a good request: the server answers or closes, and goes on serving."""
    good = request()
    answer = talk(mock, good[:place] + data + good[place + cut :], seconds=2)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b"Traceback" not in answer
    assert b" 500 " not in answer[:20]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = """messages model stream stream_options temperature top_p max_tokens stop n tools tool_choice response_format logprobs
top_logprobs thinking reasoning_effort user_id prompt suffix echo frequency_penalty parallel_tool_calls"""
fields = st.sampled_from(FIELDS.split())
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool", "latest_reminder"])},
        optional={
            "content": json_values,
            "prefix": json_values,
            "tool_calls": json_values,
            "tool_call_id": json_values,
            "name": json_values,
        },
    ),
    max_size=3,
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/chat/completions", "/beta/chat/completions", "/beta/completions", "/v1/chat/completions"]),
    body=st.dictionaries(fields, json_values, max_size=6),
    said=st.none() | messages,
)
@example(path="/chat/completions", body={}, said=[{"role": "system", "content": "", "tool_calls": [None]}])
def test_any_json_in_a_body(
    client: httpx.Client, path: str, body: dict[str, object], said: list[object] | None
) -> None:
    """Every JSON object is answered or refused, and never with 500."""
    sane = {
        "model": "deepseek-v4-flash",
        "prompt": "x",
        "messages": [{"role": "user", "content": "json, hi"}],
        "max_tokens": 5,
    }
    whole = {**sane, **({} if said is None else {"messages": said}), **body}
    answer = client.post(
        path, content=json.dumps(whole).encode("utf-8", "surrogatepass"), headers={"content-type": "application/json"}
    )
    assert answer.status_code in (200, 400)
