"""Writes on real sockets: when they are due, in order, through a full socket, and not after the end."""

import asyncio
import socket
import time
from collections.abc import Callable
from typing import ClassVar

import pytest

from echosounder.mock_server.net.connection import ServerConnection
from echosounder.mock_server.net.scheduler import UNSENT, Act, Scheduler, Stream
from echosounder.mock_server.net.timer import CallAt, TimerFd

MS = 1_000_000


class Resuming(asyncio.Protocol):
    """Starts the stream again when the client reads again, as a connection does."""

    resume: Callable[[], object] = staticmethod(lambda: None)

    def resume_writing(self) -> None:
        self.resume()


async def connected(protocol: asyncio.Protocol | None = None) -> tuple[asyncio.Transport, socket.socket]:
    """The server's side as a transport, the client's as a socket."""
    ours, theirs = socket.socketpair()
    transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol or asyncio.Protocol(), sock=ours)
    return transport, theirs


async def until(condition: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        await asyncio.sleep(0.001)


def test_writes_happen_when_due_and_in_order() -> None:
    async def run() -> None:
        transport, client = await connected()
        scheduler, ended = Scheduler(asyncio.get_running_loop()), []
        start = time.monotonic_ns()
        due = [start + offset * MS for offset in (0, 5, 10, 30)]
        stream = Stream(transport, [b"a", b"b", b"c", b"d"], due, [0] * 4, ended.append)
        scheduler.start(stream)
        assert client.recv(10) == b"a"
        await until(lambda: ended)
        assert client.recv(10) == b"bcd"
        assert all(done >= wanted for done, wanted in zip(stream.stamps, due, strict=True))
        assert not stream.blocked
        assert len(scheduler) == 0
        scheduler.close()

    asyncio.run(run())


def test_a_client_that_does_not_read_loses_nothing_and_is_marked() -> None:
    async def run() -> None:
        protocol = Resuming()
        transport, client = await connected(protocol)
        scheduler, ended = Scheduler(asyncio.get_running_loop()), []
        pieces = [bytes([65 + number % 26]) * 20_000 for number in range(200)]
        now = time.monotonic_ns()
        stream = Stream(transport, list(pieces), [now + number for number in range(200)], [0] * 200, ended.append)

        def resume() -> None:
            stream.paused = False
            scheduler.start(stream)

        protocol.resume = resume
        scheduler.start(stream)
        await until(lambda: stream.paused)
        assert not ended
        assert UNSENT < transport.get_write_buffer_size() <= UNSENT + len(pieces[0])
        scheduler.start(stream)  # as when a relay adds to it
        assert transport.get_write_buffer_size() <= UNSENT + len(pieces[0])
        client.setblocking(False)
        received = b""
        while len(received) < 4_000_000:
            try:
                received += client.recv(1 << 16)
            except BlockingIOError:
                await asyncio.sleep(0.001)
        assert received == b"".join(pieces)
        assert ended == [stream]
        assert stream.blocked
        scheduler.close()

    asyncio.run(run())


@pytest.mark.parametrize("act", [Act.CLOSE, Act.RESET, Act.HALF])
def test_nothing_follows_an_end(act: Act) -> None:
    async def run() -> None:
        transport, client = await connected()
        scheduler, ended = Scheduler(asyncio.get_running_loop()), []
        now = time.monotonic_ns()
        scheduler.start(Stream(transport, [b"a", act, b"late"], [now, now + 1, now + 2], [0] * 3, ended.append))
        await until(lambda: ended)
        await asyncio.sleep(0.01)
        assert client.recv(10) == b"a"
        assert client.recv(10) == b""
        scheduler.close()

    asyncio.run(run())


def test_a_hanging_stream_ends_with_its_client() -> None:
    async def run() -> None:
        transport, client = await connected()
        scheduler, ended = Scheduler(asyncio.get_running_loop()), []
        stream = Stream(transport, [b"a", Act.HANG], [0, 0], [0, 0], ended.append)
        scheduler.start(stream)
        assert client.recv(10) == b"a"
        assert not ended
        assert stream.next_due is None
        scheduler.close()

    asyncio.run(run())


def test_a_client_has_left_when_it_first_said_so() -> None:
    """Half-closed first, gone later: the journal tells the first instant."""

    class Nobody:
        max_body = 1
        connections: ClassVar[set[ServerConnection]] = set()

    async def run() -> None:
        transport, _ = await connected()
        connection = ServerConnection(Nobody())  # type: ignore[arg-type]
        connection.connection_made(transport)
        connection.stream = stream = Stream(transport, [b"a"], [0], [0], lambda stream: None)
        connection.busy = True
        assert stream.left is None
        assert connection.eof_received(), "the answer is still written"
        first = stream.left
        assert first is not None
        connection.connection_lost(None)
        assert stream.ended
        assert stream.left == first

    asyncio.run(run())


def test_a_stream_can_be_added_to_until_it_is_closed() -> None:
    async def run() -> None:
        transport, client = await connected()
        scheduler, ended = Scheduler(asyncio.get_running_loop()), []
        stream = Stream(transport, [], [], [], ended.append)
        stream.open = True
        for text in (b"a", b"b"):
            stream.add(text, 0)
            scheduler.start(stream)
        assert client.recv(10) == b"ab"
        assert not ended
        stream.add(b"c", time.monotonic_ns() + 5 * MS)
        scheduler.start(stream)
        stream.close()
        await until(lambda: ended)
        assert client.recv(10) == b"c"
        scheduler.close()

    asyncio.run(run())


@pytest.mark.parametrize("kind", [TimerFd, CallAt])
def test_timers_fire_once_and_never_early(kind: type[TimerFd] | type[CallAt]) -> None:
    async def run() -> None:
        fired: list[int] = []
        timer = kind(asyncio.get_running_loop(), lambda: (fired.append(time.monotonic_ns()), timer.disarm()))
        due = time.monotonic_ns() + 20 * MS
        timer.arm(due + 60_000 * MS)
        timer.arm(due)
        await until(lambda: fired)
        await asyncio.sleep(0.02)
        assert len(fired) == 1
        assert fired[0] >= due - (MS if kind is CallAt else 0)
        timer.close()

    asyncio.run(run())


def test_a_stream_that_fails_at_its_end_takes_no_other_along(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(stream: Stream) -> None:
        raise OSError("no space left")

    async def run() -> list[Stream]:
        (transport, client), (other, reader) = await connected(), await connected()
        scheduler, ended, now = Scheduler(asyncio.get_running_loop()), [], time.monotonic_ns()
        scheduler.start(Stream(transport, [b"x"], [now], [0], fail))
        scheduler.start(Stream(transport, [b"x"], [now + 5 * MS], [0], fail))
        scheduler.start(Stream(other, [b"a", b"b"], [now + 5 * MS, now + 20 * MS], [0, 0], ended.append))
        await until(lambda: ended)
        scheduler.close()
        client.close()
        reader.close()
        return ended

    assert len(asyncio.run(run())) == 1
    assert capsys.readouterr().err.count("OSError: no space left") == 2
