"""The relay over real sockets: neither side can tell that it is there, whatever the other does."""

import asyncio
import os
import socket
import struct

import pytest

from echosounder.conformance.listen.delay import WAITED_NS, Delays, WakingSelector
from echosounder.conformance.listen.forwarder import Forwarder, Onward
from echosounder.conformance.listen.pipe import TapeWriter
from echosounder.conformance.listen.reassembly import assembled
from echosounder.conformance.listen.tape import Happening, TapeFrame
from echosounder.wire.access import Access
from echosounder.wire.exchange import End
from echosounder.wire.trust import context
from tests.networks import Authority

ASK = b"POST /x HTTP/1.1\r\nHoSt:  localhost \r\nX-Odd:\tvalue \r\nContent-Length: 3\r\n\r\nabc"
ODD = b"HTTP/1.1 200 Fine by me\r\nX-A: 1\r\nx-a: 2\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nTrailer: 7\r\n\r\n"
RESET = struct.pack("ii", 1, 0)
PATIENCE = 10


class Stage:
    """A relay between a client and an upstream that the test plays itself."""

    def __init__(self, authority=None):
        self.frames = []
        self.arrived = asyncio.Queue()
        self.authority = authority

    async def __aenter__(self):
        loop = asyncio.get_running_loop()
        secure = self.authority and self.authority.server(False)
        self.upstream = await asyncio.start_server(
            lambda *pair: self.arrived.put_nowait(pair), "127.0.0.1", 0, ssl=secure
        )
        port = self.upstream.sockets[0].getsockname()[1]
        trusted = secure and context(Access(ca_file=str(self.authority.file)))
        self.relay = Forwarder(Onward("127.0.0.1", port, secure=trusted), self.frames.append, loop._selector)
        self.server = await loop.create_server(self.relay.client, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        self.server.close()
        self.upstream.close()
        self.relay.stop()
        await asyncio.sleep(0.01)

    async def connected(self):
        """The client's reader and writer, and the upstream's."""
        client = await asyncio.open_connection("127.0.0.1", self.port)
        return *client, *await self.arrived.get()

    async def exchanges(self):
        while self.relay.passages:
            await asyncio.sleep(0.005)
        return assembled(self.frames)[0]


def played(play, authority=None):
    async def on_stage():
        async with Stage(authority) as stage:
            return await asyncio.wait_for(play(stage), PATIENCE)

    loop = asyncio.SelectorEventLoop(WakingSelector())
    try:
        return loop.run_until_complete(on_stage())
    finally:
        loop.close()


def test_both_sides_get_the_bytes_of_the_other_as_they_were():
    async def play(stage):
        reader, writer, up_reader, up_writer = await stage.connected()
        for piece in (ASK[:10], ASK[10:]):
            writer.write(piece)
            await writer.drain()
        assert await up_reader.readexactly(len(ASK)) == ASK
        for at in range(0, len(ODD), 7):
            up_writer.write(ODD[at : at + 7])
            await up_writer.drain()
            assert await reader.readexactly(len(ODD[at : at + 7])) == ODD[at : at + 7]  # none is held back
        up_writer.close()
        assert await reader.read() == b""
        writer.close()
        [one] = await stage.exchanges()
        assert (one.status, one.reason, one.body, one.end) == (200, "Fine by me", b"abc", End.COMPLETE)

    played(play)


def test_the_upstream_may_speak_tls(tmp_path):
    async def play(stage):
        reader, writer, up_reader, up_writer = await stage.connected()
        writer.write(ASK)
        assert await up_reader.readexactly(len(ASK)) == ASK
        up_writer.write(ODD)
        assert await reader.readexactly(len(ODD)) == ODD
        writer.close()
        assert await up_reader.read() == b""
        up_writer.close()
        [one] = await stage.exchanges()
        assert (one.end, one.status) == (End.COMPLETE, 200)

    played(play, Authority(tmp_path, "password"))


def test_an_upstream_that_nobody_vouches_for_is_not_spoken_to(tmp_path):
    async def play(stage):
        stage.relay.upstream = Onward("127.0.0.1", stage.relay.upstream.port, secure=context())
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(ASK)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert stage.relay.unreached == 1

    played(play, Authority(tmp_path, "password"))


def reset(writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


def test_a_reset_is_passed_on_as_one():
    async def play(stage):
        reader, writer, up_reader, up_writer = await stage.connected()
        writer.write(ASK)
        await up_reader.readexactly(len(ASK))
        up_writer.write(ODD[:60])
        assert await reader.readexactly(60) == ODD[:60]
        reset(up_writer)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        [one] = await stage.exchanges()
        assert one.end is End.RESET

    played(play)


def test_a_client_that_leaves_is_seen_upstream():
    async def play(stage):
        _, writer, up_reader, up_writer = await stage.connected()
        writer.write(ASK)
        await up_reader.readexactly(len(ASK))
        reset(writer)
        with pytest.raises(ConnectionResetError):
            await up_reader.read()
        up_writer.close()
        [one] = await stage.exchanges()
        assert one.end is End.CLIENT_CANCELLED

    played(play)


def test_half_a_connection_goes_on():
    async def play(stage):
        reader, writer, up_reader, up_writer = await stage.connected()
        writer.write(ASK)
        writer.write_eof()
        assert await up_reader.read() == ASK
        up_writer.write(ODD)
        up_writer.close()
        assert await reader.read() == ODD
        writer.close()

    played(play)


def test_a_client_that_reads_nothing_stops_the_upstream_and_fills_no_memory():
    async def play(stage):
        _, writer, up_reader, up_writer = await stage.connected()
        writer.transport.pause_reading()
        writer.write(ASK)
        await up_reader.readexactly(len(ASK))
        up_writer.transport.set_write_buffer_limits(0)
        block, sent = b"x" * (1 << 18), 0
        while True:
            up_writer.write(block)
            try:
                await asyncio.wait_for(up_writer.drain(), 0.4)
            except TimeoutError:
                break
            sent += len(block)
        [passage] = stage.relay.passages
        assert passage.client.get_write_buffer_size() < 2 << 20
        assert sent < 64 << 20  # what two pairs of sockets hold
        writer.transport.abort()

    played(play)


def test_where_there_is_no_upstream_the_client_is_told_as_without_us():
    async def play(stage):
        stage.upstream.close()
        await stage.upstream.wait_closed()
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
        writer.write(ASK)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        assert (await stage.exchanges(), stage.relay.unreached) == ([], 1)
        assert Happening.UNREACHED in {frame.kind for frame in stage.frames}

    played(play)


def test_hundreds_of_connections_at_once_stay_apart():
    async def play(stage):
        async def one(number):
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
            writer.write(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number)
            answer = await reader.read()
            writer.close()
            return answer

        async def echo():
            while True:
                reader, writer = await stage.arrived.get()
                line = await reader.readline()
                writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + line)
                writer.close()

        echoing = asyncio.ensure_future(echo())
        answers = await asyncio.gather(*map(one, range(300)))
        echoing.cancel()
        assert answers == [b"HTTP/1.0 200 OK\r\n\r\nGET /%d HTTP/1.1\r\n" % number for number in range(300)]
        assert len(await stage.exchanges()) == 300
        assert stage.relay.delays.count >= 600

    played(play)


# ------------------------------------------------------------------------------------------------------- the tape's way


def frame(connection, kind=Happening.RESPONSE, size=1000):
    return TapeFrame(kind, connection, 1, 1, b"x" * size)


def test_a_reader_that_is_behind_costs_connections_and_no_memory():
    async def play():
        read, write = os.pipe()
        tape = TapeWriter(write, asyncio.get_running_loop(), room=200_000)
        for number in range(400):
            tape.write(frame(number % 4))
        assert len(tape._buffer) < 300_000
        for connection in range(4):
            tape.write(frame(connection, Happening.CLOSED, 0))
        os.set_blocking(read, False)
        held = bytearray()
        while tape._buffer:
            tape.flush()
            held += os.read(read, 1 << 20)
        await tape.close()
        os.close(read)
        return held.count(bytes(TapeFrame(Happening.LOST, 0, 1).encoded()[:1]) + b"\x00")

    asyncio.run(play())


def test_without_a_reader_the_traffic_goes_on():
    async def play():
        read, write = os.pipe()
        os.close(read)
        tape = TapeWriter(write, asyncio.get_running_loop())
        for _ in range(100):
            tape.write(frame(1))
        tape.flush()
        assert tape.broken
        await tape.close()

    asyncio.run(play())


# --------------------------------------------------------------------------------------------------------- the bound


@pytest.mark.parametrize(
    ("delays", "p50", "p99", "largest"),
    [
        ([], None, None, None),
        ([1], 0.01, 0.01, 0.0),
        ([10_000] * 99 + [5_000_000], 0.02, 0.02, 5.0),
        ([0, 4e6, 4e6], 4.01, 4.01, 4.0),
    ],
)
def test_delays_are_told_by_their_upper_edge(delays, p50, p99, largest):
    found = Delays()
    for each in delays:
        found.add(int(each))
    figures = found.figures()
    assert (figures["p50"], figures["p99"], figures["max"]) == (p50, p99, largest)


def test_what_came_while_the_loop_was_busy_counts_from_when_it_last_looked():
    selector = WakingSelector()
    one, other = socket.socketpair()
    selector.register(one, 1)
    other.send(b"x")
    selector.select(0)
    looked = selector.since
    selector.select(0)
    assert selector.since >= looked  # it did not wait: it may have been ready since then
    one.recv(1)
    selector.select(0.02)  # it waited for something to come
    woke = selector._woke
    assert woke - selector.since < WAITED_NS
    selector.close()
    one.close()
    other.close()
