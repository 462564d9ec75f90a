"""What an exchange says about itself, and that its record survives the log."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.wire.exchange import End, Exchange, Read, Request
from echosounder.wire.runlog import exchange_from, exchange_record
from echosounder.wire.stream import StreamEnd, stream_end, timeline

REQUEST = Request(
    "POST", "/chat/completions", "http://h/v1/chat/completions", (("authorization", "Bearer [redacted]"),), b"{}"
)
SSE = (("Content-Type", "text/event-stream; charset=utf-8"),)


def stream(*parts: bytes, end: End = End.COMPLETE, headers=SSE, status=200, **more) -> Exchange:
    """An exchange whose n-th read came n microseconds after it was sent."""
    reads = tuple(Read(1000 * n, part) for n, part in enumerate(parts, 1))
    return Exchange("1", "p", REQUEST, status=status, headers=headers, reads=reads, end=end, t_sent=0, **more)


ROLE = b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
THINK = b'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}\n\n'
TEXT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
TOOL = b'data: {"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}\n\n'
FINISH = b'data: {"choices":[{"delta":{"content":""},"finish_reason":"stop"}],"usage":{"total_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
ERROR = b'data: {"error":{"message":"no"}}\n\n'


@pytest.mark.parametrize(
    ("exchange", "end"),
    [
        (stream(ROLE, TEXT, FINISH, DONE), StreamEnd.DONE),
        (stream(ROLE, TEXT, FINISH, DONE, end=End.RESET), StreamEnd.DONE),
        (stream(ROLE, TEXT, FINISH), StreamEnd.FINISH_WITHOUT_DONE),
        (stream(ROLE, TEXT), StreamEnd.EOF_WITHOUT_FINISH),
        (stream(ROLE, TEXT, end=End.RESET), StreamEnd.RESET),
        (stream(ROLE, TEXT, FINISH, end=End.TRUNCATED), StreamEnd.CHUNK_TRUNCATED),
        (stream(ROLE, end=End.IDLE_TIMEOUT), StreamEnd.IDLE_TIMEOUT),
        (stream(ROLE, ERROR, DONE), StreamEnd.ERROR_EVENT),
        (stream(b"", status=429), StreamEnd.REFUSED),
        (stream(b"", status=302), StreamEnd.REFUSED),
        (stream(end=End.CONNECT_FAILED, status=None), StreamEnd.CONNECT_FAILED),
        (stream(ROLE, end=End.CLIENT_CANCELLED), StreamEnd.CLIENT_CANCELLED),
    ],
)
def test_ends_of_streams_are_told_apart(exchange, end):
    assert stream_end(exchange) is end


def test_the_role_chunk_and_comments_are_no_tokens():
    line = timeline(stream(b": keep-alive\n\n", ROLE, THINK, TEXT, FINISH, DONE))
    stamps = (
        line.t_first_keepalive,
        line.t_first_event,
        line.t_first_reasoning,
        line.t_first_token,
        line.t_first_content,
    )
    assert stamps == (1000, 2000, 3000, 3000, 4000)
    assert (line.t_last_token, line.t_usage, line.t_done) == (4000, 5000, 6000)


def test_a_tool_delta_is_a_token():
    assert timeline(stream(ROLE, TOOL)).t_first_token == 2000


def test_an_event_carries_the_stamp_of_the_read_that_completed_it():
    exchange = stream(TEXT[:10], TEXT[10:-1], TEXT[-1:])
    assert [stamped.at for stamped in exchange.events] == [3000]


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_compressed_bodies_are_read_through_their_stamps(compress):
    packed = compress(ROLE + TEXT)
    exchange = stream(packed[:20], packed[20:], headers=(*SSE, ("content-encoding", "gzip")))
    assert exchange.body == ROLE + TEXT
    assert exchange.events[-1].at == 2000


def test_a_compression_bomb_is_bounded(monkeypatch):
    monkeypatch.setattr("echosounder.wire.exchange.MAX_DECODED", 1000)
    packed = gzip.compress(bytes(10**6))
    exchange = stream(packed[:500], packed[500:700], packed[700:], headers=(("content-encoding", "gzip"),))
    assert len(exchange.body) == 1000


def test_blank_lines_before_a_body_are_keepalives():
    assert stream(b"\n\n", b'{"a":1}').json == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_is_none(body):
    assert stream(body).json is None


ENDS, BINARY, PAIRS = st.sampled_from(End), st.binary(max_size=20), st.tuples(st.text(), st.text())
EXCHANGES = st.builds(
    Exchange,
    id=st.text(),
    probe=st.text(),
    request=st.builds(Request, st.text(), st.text(), st.text(), st.lists(PAIRS).map(tuple), BINARY),
    status=st.none() | st.integers(0, 999),
    headers=st.lists(PAIRS).map(tuple),
    reads=st.lists(st.builds(Read, st.integers(), BINARY)).map(tuple),
    end=ENDS,
    t_sent=st.none() | st.integers(),
    notes=st.dictionaries(st.text(), st.integers()),
)


@given(EXCHANGES)
def test_an_exchange_survives_the_log(exchange):
    assert exchange_from(exchange_record(exchange)) == exchange
