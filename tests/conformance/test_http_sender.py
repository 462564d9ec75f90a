"""Whatever a server does, the runner comes back in time with an exchange that says what happened."""

import gzip
import socket
import struct
import threading
import time
from contextlib import contextmanager, suppress

import pytest

from echosounder.conformance.ask import Ask
from echosounder.conformance.http_sender import Bounds, HttpSender
from echosounder.wire.errors import UsageError
from echosounder.wire.exchange import End
from echosounder.wire.target import target

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
KEY = "sk-test-0123456789abcdef"


def sized(body, head=OK):
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


def chunks(*parts, head=OK, last=True):
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return head + b"transfer-encoding: chunked\r\n\r\n" + body + (b"0\r\n\r\n" if last else b"")


class Script:
    """What a connection does once the request has come: ``send`` at once, or ``steps`` of bytes and pauses; then ``end``."""

    def __init__(self, *steps, end="close", read=True):
        self.steps, self.end, self.read = steps, end, read

    def play(self, connection):
        if self.read:
            receive(connection)
        for step in self.steps:
            if isinstance(step, bytes):
                connection.sendall(step)
            elif callable(step):
                step(connection)
            else:
                time.sleep(step)
        if self.end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif self.end == "hang":
            connection.settimeout(20)
            connection.recv(1)


def receive(connection):
    """The whole request: head, and body by its length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)


def flood(line):
    def play(connection):
        try:
            while True:
                connection.sendall(line)
        except OSError:
            pass

    return play


def drip(data, pause):
    def play(connection):
        try:
            while True:
                connection.sendall(data)
                time.sleep(pause)
        except OSError:
            pass

    return play


@contextmanager
def serving(*scripts):
    """A server on a free port that plays one script per connection, the last one for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    played = []

    def play(script, connection):
        with connection, suppress(OSError):
            script.play(connection)

    def loop():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            script = scripts[min(len(played), len(scripts) - 1)]
            played.append(script)
            threading.Thread(target=play, args=(script, connection), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


def exchange_with(*scripts, send=None, key=KEY, **bounds):
    with (
        serving(*scripts) as url,
        HttpSender(target(url), key, Bounds(**{"idle_s": 0.4, "total_s": 2.0, **bounds})) as runner,
    ):
        return runner.send(send or ask().chat("Say hello."), "1", "test")


def ask():
    return Ask("2026-08", "deepseek-v4-flash")


BOMB = gzip.compress(b"\0" * 50_000_000)
PACKED = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n"

ENDS = {
    "a document": (Script(sized(b'{"a":1}')), 200, End.COMPLETE, b'{"a":1}'),
    "transfer chunks": (Script(chunks(b'{"a"', b":1}")), 200, End.COMPLETE, b'{"a":1}'),
    "no framing, then close": (Script(OK + b"\r\n{}"), 200, End.COMPLETE, b"{}"),
    "a cut chunk": (Script(chunks(b"{", last=False) + b"5\r\nab"), 200, End.TRUNCATED, b"{ab"),
    "a length that lies": (Script(OK + b"content-length: 100\r\n\r\n{}"), 200, End.TRUNCATED, b"{}"),
    "closes at once": (Script(), None, End.TRUNCATED, b""),
    "closes before it reads": (Script(read=False), None, None, b""),
    "closes in the head": (Script(b"HTTP/1.1 200 OK\r\ncont"), None, End.TRUNCATED, b""),
    "a reset": (Script(OK + b"content-length: 9\r\n\r\n{", 0.1, end="reset"), 200, End.RESET, b"{"),
    "never answers": (Script(end="hang"), None, End.IDLE_TIMEOUT, b""),
    "stops in the middle": (Script(chunks(b"{", last=False), end="hang"), 200, End.IDLE_TIMEOUT, b"{"),
    "a header without end, slowly": (Script(b"HTTP/1.1 200 OK\r\nx: ", drip(b"a", 0.05)), None, End.TOTAL_TIMEOUT, b""),
    "an answer without end, slowly": (Script(OK + b"\r\n", drip(b"a", 0.05)), 200, End.TOTAL_TIMEOUT, None),
    "a header without end": (Script(b"HTTP/1.1 200 OK\r\nx: ", flood(b"a" * 65536)), None, End.PROTOCOL_ERROR, b""),
    "a line without end": (Script(OK + b"\r\n", flood(b"a" * 65536)), 200, End.TOO_LARGE, None),
    "headers without end": (Script(b"HTTP/1.1 200 OK\r\n", flood(b"x-a: b\r\n" * 999)), None, End.PROTOCOL_ERROR, b""),
    "a gzip bomb": (Script(sized(BOMB, PACKED)), 200, End.TOO_LARGE, None),
    "broken gzip": (Script(sized(b"no gzip", PACKED)), 200, End.COMPLETE, b""),
    "another protocol": (Script(b"SSH-2.0-OpenSSH_9.2p1\r\n", 0.1), None, End.PROTOCOL_ERROR, b""),
    "TLS where none was asked": (Script(b"\x15\x03\x01\x00\x02\x02\x0a", 0.1), None, End.PROTOCOL_ERROR, b""),
    "an illegal chunk size": (
        Script(OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n", 0.1),
        200,
        End.PROTOCOL_ERROR,
        b"",
    ),
    "a redirect": (
        Script(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
        302,
        End.COMPLETE,
        b"",
    ),
    "a status line alone": (Script(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, End.COMPLETE, b""),
}


@pytest.mark.parametrize(("script", "status", "end", "body"), ENDS.values(), ids=ENDS)
def test_every_end_is_recorded_in_time(script, status, end, body):
    start = time.monotonic()
    exchange = exchange_with(script, total_s=1.0, body=200_000)
    assert time.monotonic() - start < 5
    assert exchange.status == status
    assert exchange.end == end or (end is None and exchange.end in {End.RESET, End.TRUNCATED})
    assert exchange.end is End.COMPLETE or exchange.error
    assert body is None or exchange.body == body
    assert len(exchange.body) <= 200_000


def test_nobody_listens():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with HttpSender(target(f"http://127.0.0.1:{unused.getsockname()[1]}")) as runner:
            exchange = runner.send(ask().get("/models"), "1", "test")
    assert (exchange.status, exchange.end) == (None, End.CONNECT_FAILED)


def test_one_stamp_per_read_and_stamps_in_order():
    exchange = exchange_with(Script(chunks(b"a", b"b", last=False), 0.05, b"1\r\nc\r\n0\r\n\r\n"))
    assert [read.data for read in exchange.reads] == [b"ab", b"c"]
    order = [
        exchange.t_connected,
        exchange.t_sent,
        exchange.t_headers,
        *(read.at for read in exchange.reads),
        exchange.t_closed,
    ]
    assert order == sorted(order)
    assert exchange.reads[1].at - exchange.reads[0].at > 20_000_000


@pytest.mark.parametrize("cut", [0, 3, len(KEY) - 1])
def test_the_key_never_reaches_the_record(cut):
    body = b'{"error":"bad key %s"}' % KEY.encode()
    middle = body.index(KEY.encode()) + cut
    exchange = exchange_with(
        Script(OK + b"content-length: %d\r\n\r\n" % len(body) + body[:middle], 0.05, body[middle:])
    )
    assert KEY not in repr(exchange)
    assert exchange.body == body.replace(KEY.encode(), b"*" * len(KEY))


def test_a_key_that_no_header_can_carry_is_wrong_usage():
    with pytest.raises(UsageError, match="API key"):
        exchange_with(Script(sized(b"{}")), key="sk-ключ-0123456789")


def test_a_chunked_request_and_a_connection_that_is_kept():
    seen = []

    def read_chunked(connection):
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data += connection.recv(65536)
        seen.append(data)

    exchange = exchange_with(Script(read_chunked, sized(b"{}"), read=False), send=ask().chat("Hi.").but(chunked=True))
    assert exchange.status == 200
    assert b"transfer-encoding: chunked" in seen[0].lower()

    kept = ask().chat("Hi.").but(keep_alive=True)
    with (
        serving(Script(sized(b"{}"), receive, sized(b"{}"))) as url,
        HttpSender(target(url), KEY, Bounds(idle_s=1)) as runner,
    ):
        first, second = runner.send(kept, "1", "test"), runner.send(kept, "2", "test")
    assert (first.status, second.status) == (200, 200)
    assert first.t_connected is not None
    assert second.t_connected is None


def test_a_probe_may_hang_up():
    exchange = exchange_with(
        Script(OK + b"\r\n", drip(b"data: {}\n\n", 0.02)), send=ask().chat("Hi.").but(cancel_after=2)
    )
    assert (exchange.end, len(exchange.reads)) == (End.CLIENT_CANCELLED, 2)
