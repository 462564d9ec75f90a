"""From the tape to exchanges: whatever the order of reads, and however a connection ends."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.conformance.listen.reassembly import assembled
from echosounder.conformance.listen.tape import Happening, TapeFrame, frames
from echosounder.wire.exchange import End
from echosounder.wire.recordings.foreign import MAX_BODY

MS = 1_000_000
BODY = b'{"model":"m","stream":true}'
ASK = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nUser-Agent: app/2\r\nAuthorization: Bearer sk-0123456789abcdef\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
ONE, LAST = b"7\r\ndata: 1\r\n", b"2\r\n\n\n\r\n0\r\n\r\n"
PLAIN = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"


def tape(*events, connection=1):
    """Frames a millisecond apart; bytes go on after 20 microseconds."""
    kinds = {"?": Happening.REQUEST, "!": Happening.RESPONSE}
    whole = [
        (Happening.OPENED, b""),
        (Happening.CONNECTED, b""),
        *((kinds.get(k, k), data) for k, data in events),
        (Happening.CLOSED, b""),
    ]
    return [TapeFrame(kind, connection, at * MS, 20_000 if data else -1, data) for at, (kind, data) in enumerate(whole)]


def test_an_exchange_has_a_stamp_for_each_read_of_both_sides():
    [one], _ = assembled(tape(("?", ASK[:40]), ("?", ASK[40:]), ("!", HEAD), ("!", ONE), ("!", LAST)))
    assert (one.status, one.end, one.body) == (200, End.COMPLETE, b"data: 1\n\n")
    assert (one.t_connected, one.t_sent, one.t_headers, one.t_closed) == (MS, 3 * MS + 20_000, 4 * MS, 6 * MS)
    assert [read.at for read in one.reads] == [5 * MS, 6 * MS]
    assert one.notes["request_reads"] == [(2 * MS, 40), (3 * MS, len(ASK) - 40)]
    assert one.notes["passed_us"] == [20, 20]
    assert (one.format, one.request.json, one.notes["client"]) == ("chat", {"model": "m", "stream": True}, "app/2")


def test_secrets_are_gone_from_both_sides():
    answer = b'HTTP/1.1 401 Unauthorized\r\nContent-Length: 30\r\n\r\n"no such key sk-0123456789abcdef'
    [one], _ = assembled(tape(("?", ASK), ("!", answer[:80]), ("!", answer[80:])))
    assert "0123456789abcdef" not in repr(one)
    assert ("Authorization", "Bearer [redacted]") in one.request.headers
    assert sum(len(read.data) for read in one.reads) == 30


@pytest.mark.parametrize(
    ("events", "end", "status"),
    [
        ([("!", HEAD + ONE), (Happening.UPSTREAM_END, b"")], End.TRUNCATED, 200),
        ([("!", HEAD + ONE), (Happening.UPSTREAM_RESET, b"reset")], End.RESET, 200),
        ([("!", HEAD + ONE), (Happening.CLIENT_RESET, b"broken")], End.CLIENT_CANCELLED, 200),
        ([("!", HEAD + ONE), (Happening.CLIENT_END, b"")], End.CLIENT_CANCELLED, 200),
        ([("!", HEAD + ONE), (Happening.STOPPED, b"")], End.CLIENT_CANCELLED, 200),
        ([("!", HEAD + ONE)], End.TRUNCATED, 200),
        ([("!", HEAD + b"zz\r\n")], End.PROTOCOL_ERROR, 200),
        ([("!", b"SSH-2.0 hello\r\n\r\n")], End.PROTOCOL_ERROR, None),
        ([(Happening.UPSTREAM_END, b"")], End.TRUNCATED, None),
        ([("!", b"HTTP/1.0 200 OK\r\n\r\nbody"), (Happening.UPSTREAM_END, b"")], End.COMPLETE, 200),
        ([("!", b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN)], End.COMPLETE, 404),
        ([(Happening.CLIENT_END, b""), ("!", PLAIN)], End.COMPLETE, 404),
    ],
)
def test_how_an_answer_ended_is_said_as_for_our_own_probes(events, end, status):
    [one], _ = assembled(tape(("?", ASK), *events))
    assert (one.end, one.status) == (end, status)


def test_requests_that_are_pipelined_get_their_own_answers():
    found, _ = assembled(
        tape(("?", ASK + b"GET /models HTTP/1.1\r\nHost: h\r\n\r\n"), ("!", HEAD + ONE + LAST + PLAIN))
    )
    assert [(one.request.path, one.status) for one in found] == [("/chat/completions", 200), ("/models", 404)]
    assert [one.t_connected for one in found] == [MS, None]


def test_an_answer_to_head_has_no_body():
    ask = b"HEAD /models HTTP/1.1\r\nHost: h\r\n\r\n"
    found, _ = assembled(
        tape(("?", ask), ("!", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"), ("?", ask), ("!", PLAIN[:-2]))
    )
    assert [(one.status, one.end) for one in found] == [(200, End.COMPLETE), (404, End.COMPLETE)]


def test_a_connection_that_was_kept_and_ends_before_an_answer_is_nobodys_fault():
    """RFC 9112, 9.3.1: a server may close a connection that is idle while a request is on its way."""
    found, _ = assembled(tape(("?", ASK), ("!", HEAD + LAST), ("?", ASK), (Happening.UPSTREAM_RESET, b"")))
    assert [one.notes.get("reused", False) for one in found] == [False, True]


@pytest.mark.parametrize(
    ("events", "seen"),
    [
        ([(Happening.LOST, b"")], {"lost": 1}),
        ([(Happening.UNREACHED, b"refused")], {"unreached": 1}),
        ([("?", b"\x00\x01 no HTTP\r\n\r\n")], {"opaque": 1}),
    ],
)
def test_what_is_no_exchange_is_counted(events, seen):
    found, counted = assembled(tape(*events))
    assert found == []
    assert {name: getattr(counted, name) for name in seen} == seen


def test_a_flood_is_kept_up_to_a_bound():
    chunk = b"%x\r\n%b\r\n" % (1 << 20, b"x" * (1 << 20))
    [one], _ = assembled(tape(("?", ASK), ("!", HEAD), *[("!", chunk)] * 12, ("!", b"0\r\n\r\n")))
    assert one.end is End.TOO_LARGE
    assert sum(len(read.data) for read in one.reads) == MAX_BODY


@given(st.data())
def test_it_does_not_matter_where_the_bytes_are_cut(data):
    def pieces(whole, mark):
        cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=8)))
        return [(mark, whole[start:end]) for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    events = pieces(ASK, "?") + pieces(HEAD + ONE + LAST, "!") + pieces(ASK, "?") + pieces(PLAIN, "!")
    found, _ = assembled(tape(*events))
    assert [(one.status, one.body, one.request.body) for one in found] == [
        (200, b"data: 1\n\n", BODY),
        (404, b"{}", BODY),
    ]


@given(st.lists(st.tuples(st.sampled_from(list(Happening)), st.binary(max_size=60)), max_size=12))
def test_nothing_that_comes_makes_it_stumble(events):
    assembled(tape(*events))


def test_a_tape_that_was_cut_is_read_until_there():
    written = [TapeFrame(Happening.REQUEST, 7, 5, 3, b"abc"), TapeFrame(Happening.CLOSED, 7, 2**40)]
    whole = b"".join(frame.encoded() for frame in written)
    assert list(frames(io.BytesIO(whole))) == written
    assert list(frames(io.BytesIO(whole[:-1]))) == written[:1]
    assert list(frames(io.BytesIO(whole[:26]))) == []
