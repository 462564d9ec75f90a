"""The client against a scripted server on a real socket: ends told apart, stamps held against the server's own writes."""

import gc
import itertools
import json
import socket
from typing import Any

import pytest

from echosounder.load.client.call import ActiveCall, Job, failure, sample
from echosounder.load.client.call import exchange as exchange_of
from echosounder.load.client.framing import Framing
from echosounder.load.client.stamps import Stamps
from echosounder.load.figures.latency import COMPLETED, outcome
from echosounder.load.sample import decoded, encoded
from echosounder.wire.stream import StreamEnd, stream_end, timeline

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(text: str, finish: str | None = None, **more: Any) -> bytes:
    """An event as DeepSeek writes it."""
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": finish}
    body = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


ROLE, FINISH, DONE = (
    event(""),
    event("", "stop", usage={"prompt_tokens": 3, "completion_tokens": 2}),
    b"data: [DONE]\n\n",
)
ERROR = b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'
A, B = event("a"), event("b")


def body(*events: bytes) -> bytes:
    return b"".join(chunk(each) for each in events)


ENDS: list[tuple[str, tuple[Any, ...], StreamEnd, str]] = [
    ("done", (HEAD, body(ROLE, A, B, FINISH, DONE), LAST), StreamEnd.DONE, ""),
    ("done, then silence instead of the last chunk", (HEAD, body(ROLE, A, FINISH, DONE), 3.0), StreamEnd.DONE, ""),
    ("done, then reset", (HEAD, body(A, FINISH, DONE), 0.1, "reset"), StreamEnd.DONE, ""),
    ("last chunk cut in two", (HEAD, body(A, FINISH, DONE), b"0\r\n", 0.05, b"\r\n"), StreamEnd.DONE, ""),
    ("last chunk with a trailer", (HEAD, body(A, FINISH, DONE), b"0\r\nX-T: 1\r\n\r\n"), StreamEnd.DONE, ""),
    (
        "an interim answer first",
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", HEAD, body(A, DONE), LAST),
        StreamEnd.DONE,
        "",
    ),
    ("done without a token", (HEAD, body(DONE), LAST), StreamEnd.DONE, "no-token"),
    ("finish without done", (HEAD, body(A, FINISH), LAST), StreamEnd.FINISH_WITHOUT_DONE, ""),
    ("end without finish", (HEAD, body(A, B), LAST), StreamEnd.EOF_WITHOUT_FINISH, "eof-without-finish"),
    (
        "until close",
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", A + DONE, "close"),
        StreamEnd.DONE,
        "",
    ),
    ("closed within the chunks", (HEAD, body(A, B), "close"), StreamEnd.CHUNK_TRUNCATED, "chunk-truncated"),
    ("reset within the chunks", (HEAD, body(A), 0.05, "reset"), StreamEnd.RESET, "reset"),
    ("closed before an answer", ("close",), StreamEnd.RESET, "reset"),
    ("error event", (HEAD, body(A, ERROR), LAST), StreamEnd.ERROR_EVENT, "error-event"),
    ("silence", (HEAD, body(A), 5.0), StreamEnd.IDLE_TIMEOUT, "idle-timeout"),
    (
        "refused",
        (b"HTTP/1.1 429 Too Many\r\nContent-Length: 2\r\nRetry-After: 7\r\n\r\n{}",),
        StreamEnd.REFUSED,
        "http-429",
    ),
    (
        "sent elsewhere",
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 25\r\n\r\n", b'{"error":{"message":"x"}}'),
        StreamEnd.REFUSED,
        "http-302",
    ),
    (
        "sent elsewhere without a word",
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",),
        StreamEnd.REFUSED,
        "http-302",
    ),
    ("no HTTP", (b"SSH-2.0-OpenSSH\r\n", "close"), StreamEnd.CHUNK_TRUNCATED, "protocol-error"),
    ("broken chunk size", (HEAD, b"zz\r\n"), StreamEnd.CHUNK_TRUNCATED, "protocol-error"),
]


@pytest.mark.parametrize(("steps", "end", "failure"), [row[1:] for row in ENDS], ids=[row[0] for row in ENDS])
def test_ends_of_streams_are_told_apart(
    scripted: Any, one: Any, steps: tuple[Any, ...], end: StreamEnd, failure: str
) -> None:
    call = one(scripted(*steps).address, idle_timeout=700_000_000)
    record = sample(call)
    assert (record.end, record.failure) == (end, failure)
    assert bool(record.failure) == (outcome(record) != COMPLETED), "one word on whether it went well"
    assert record.t_sent is not None
    assert record.t_closed is not None
    assert record.t_closed >= record.t_sent


@pytest.mark.parametrize(
    "steps", [row[1] for row in ENDS if row[2] is not StreamEnd.IDLE_TIMEOUT], ids=lambda steps: ""
)
def test_the_end_and_the_stamps_are_those_of_the_shared_rules(scripted: Any, one: Any, steps: tuple[Any, ...]) -> None:
    call: ActiveCall = one(scripted(*steps).address, idle_timeout=700_000_000)
    record, shared = sample(call), exchange_of(call, "", ())
    assert record.end == stream_end(shared)
    expected = timeline(shared)
    marks = ("t_first_byte", "t_first_event", "t_first_content", "t_first_token", "t_last_token", "t_usage", "t_done")
    assert {name: getattr(record, name) for name in marks} == {name: getattr(expected, name) for name in marks}


def test_a_refused_connection_is_an_end_too(one: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
    record = sample(one(address))
    assert (record.end, record.failure, record.t_sent) == (StreamEnd.CONNECT_FAILED, "connect-failed", None)


@pytest.mark.best_of(5)
def test_injected_pauses_come_back_as_gaps(scripted: Any, one: Any) -> None:
    """The truth is what the server wrote down just before each write."""
    pauses = (0.25, 0.4, 0.1, 0.4, 0.1)
    steps: list[Any] = [HEAD, chunk(ROLE)]
    for pause in pauses:
        steps += [pause, chunk(event("x"))]
    server = scripted(*steps, chunk(FINISH) + chunk(DONE) + LAST)
    record = sample(one(server.address))
    tokens = server.wrote[2 : 2 + len(pauses)]
    assert record.t_first_token is not None
    assert record.t_sent is not None
    assert record.t_first_token - tokens[0] < 2_000_000
    truth = [(b - a) / 1000 for a, b in itertools.pairwise(tokens)]
    assert record.gaps_us == pytest.approx(truth, abs=2000)
    assert (record.t_first_token - record.t_sent) / 1e6 == pytest.approx(250, abs=12)


def test_connections_are_kept_and_used_again(scripted: Any, many: Any) -> None:
    server = scripted(HEAD + body(A, FINISH, DONE) + LAST)
    calls = many(server.address, calls=3)
    assert [call.reused for call in calls] == [False, True, True]
    assert [call.t_connected is None for call in calls] == [False, True, True]
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + body(A, DONE) + LAST,
        HEAD + body(A, DONE) + LAST + b"surplus",
        HEAD.replace(b"1.1", b"1.0") + body(A, DONE) + LAST,
    ],
    ids=["asked to close", "surplus bytes", "HTTP/1.0"],
)
def test_connections_that_cannot_be_trusted_are_not_used_again(scripted: Any, many: Any, answer: bytes) -> None:
    server = scripted(answer)
    calls = many(server.address, calls=2)
    assert [sample(call).end for call in calls] == [StreamEnd.DONE] * 2
    assert server.connections == 2


def test_a_connection_that_closed_while_idle_is_noticed(scripted: Any, many: Any) -> None:
    server = scripted(HEAD + body(A, DONE) + LAST, 0.02, "close")
    calls = many(server.address, calls=2, between=0.2)
    assert [sample(call).failure for call in calls] == ["", ""]
    assert server.connections == 2


def test_a_connection_closed_under_a_new_request_has_a_name_of_its_own(scripted: Any, many: Any) -> None:
    server = scripted(HEAD + body(A, DONE) + LAST, 0.05, "close")
    calls = many(server.address, calls=2)
    assert [sample(call).failure for call in calls] == ["", "stale-connection"]


@pytest.mark.parametrize(
    ("reused", "status", "name"),
    [(True, None, "stale-connection"), (True, 200, "reset"), (False, None, "reset"), (False, 200, "reset")],
)
def test_only_a_used_connection_that_broke_before_a_status_was_stale(
    reused: bool, status: int | None, name: str
) -> None:
    call = ActiveCall("1", Job("chat", "/chat/completions", b"{}", True, 10, 10), 0, 0, reused=reused)
    call.framing.status = status
    assert failure(call, StreamEnd.RESET) == name


def test_an_answer_that_is_no_stream(scripted: Any, one: Any) -> None:
    answer = json.dumps(
        {"choices": [{"finish_reason": "stop"}], "usage": {"prompt_tokens": 7, "completion_tokens": 9}}
    ).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (len(answer) + 2)
    record = sample(
        one(scripted(head, b"\n\n", 0.05, answer).address, job=Job("chat", "/x", b"{}", stream=False, format="chat"))
    )
    assert (record.end, record.finish) == (StreamEnd.DONE, "stop")
    assert record.usage is not None
    assert (record.usage.prompt, record.usage.completion) == (7, 9)


def test_a_message_that_does_not_end_after_done_is_not_waited_for(scripted: Any, one: Any) -> None:
    record = sample(one(scripted(HEAD, body(A, FINISH, DONE), 20.0).address))
    assert (record.end, record.error) == (StreamEnd.DONE, "the message did not end after [DONE]")
    assert record.t_closed == record.t_done, "our patience is no part of the answer's time"


def test_the_end_is_known_by_the_read_that_brings_it(scripted: Any, one: Any) -> None:
    """Nothing sweeps here: a client that finds the end only on its rounds would never find it."""
    assert (
        sample(one(scripted(HEAD, body(ROLE, A), 0.05, body(FINISH, DONE) + LAST).address, sweep=False)).end
        is StreamEnd.DONE
    )


def test_a_body_of_one_byte_reads(scripted: Any, one: Any) -> None:
    """Cut anywhere: every byte its own segment."""
    raw = HEAD + body(ROLE, A, B, FINISH, DONE) + LAST
    steps = [step for byte in raw for step in (bytes([byte]), 0.0002)]
    record = sample(one(scripted(*steps).address))
    assert (record.end, record.token_events, record.events) == (StreamEnd.DONE, 2, 5)


def test_a_large_request_is_sent_whole_while_the_peer_reads_slowly(scripted: Any, one: Any) -> None:
    server = scripted(HEAD + body(A, DONE) + LAST)
    payload = b"x" * 8_000_000
    request = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(payload), payload)
    assert sample(one(server.address, request=request)).end is StreamEnd.DONE
    assert server.requests == [request]


def test_cancelled_streams_keep_what_they_had(scripted: Any, cancelled: Any) -> None:
    record = sample(cancelled(scripted(HEAD, body(ROLE, A, B), 5.0).address, after=0.3))
    assert (record.end, record.token_events) == (StreamEnd.CLIENT_CANCELLED, 2)
    assert record.t_first_token is not None


def test_kernel_stamps_do_not_age_while_the_client_is_busy(scripted: Any, busy: Any) -> None:
    """The event arrives at 0.1 s, the client reads at 0.4 s: the stamp must say 0.1 s."""
    server = scripted(HEAD + chunk(ROLE), 0.1, chunk(A) + chunk(DONE) + LAST)
    call, kernel = busy(server.address, seconds=0.4)
    if not kernel:
        pytest.skip("this kernel does not stamp TCP segments")
    first = sample(call).t_first_token
    assert first is not None
    assert abs(first - server.wrote[1]) < 5_000_000


def test_what_a_hostile_answer_holds_can_be_written_down_and_read_again(scripted: Any, one: Any) -> None:
    """Numbers of thirty digits, halves of characters, lists where names belong: the log must take any of it."""
    usage = {"prompt_tokens": 10**30, "completion_tokens": -1}
    odd = event("a", finish=["stop"], usage=usage).replace(b'"model":"m"', b'"model":"\\ud800"')  # type: ignore[arg-type]
    error = b'data: {"error":{"message":"half \\ud800"}}\n\n'
    for last in (DONE, error):
        record = sample(one(scripted(HEAD, body(odd, last), LAST).address))
        assert decoded(encoded(record)) == record
        assert record.finish == "['stop']"


def test_a_finished_call_needs_no_garbage_collector(scripted: Any, many: Any) -> None:
    """It is off while measuring: what only it could free would stay until the end of the run."""
    server = scripted(HEAD + body(A, DONE) + LAST)

    def parsers() -> int:
        return sum(isinstance(thing, Framing) for thing in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        others = parsers()  # of tests before this one, kept by what pytest keeps of them
        calls = many(server.address, calls=20)
        assert parsers() == others + 20
        calls.clear()
        assert parsers() == others
    finally:
        gc.enable()


def test_a_stamp_before_the_one_of_the_last_read_makes_no_negative_gap() -> None:
    """The kernel's stamps and ours are two clocks; a log with a gap below zero could not be read again."""
    call = ActiveCall("0-1", Job("n", "/chat/completions", b"{}", True, format="chat"), 0, 0)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    for at, data in (
        (9_000_000, head + chunk(event("a"))),
        (5_000_000, chunk(event("b"))),
        (9_500_000, chunk(event("c"))),
    ):
        call.take(data, at, [])
        call.digest(Stamps(False))
    assert sample(call).gaps_us == (0, 500)
