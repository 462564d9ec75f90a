"""A server that plays a script on a real socket, and a client that measures it inside the test's own process."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import gevent
import pytest
from gevent.event import Event

from echosounder.load.client.call import ActiveCall, Job
from echosounder.load.client.client import Client, Endpoint
from echosounder.wire.formats import CHAT

Step = bytes | float | str


class Scripted:
    """Plays steps to every request: bytes are written, numbers are pauses in seconds, ``close`` and ``reset`` end the connection.

    ``wrote``: for every write of the last connection, the monotonic time just before it.
    """

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.wrote: list[int] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self.models = b""  # the answer to GET requests, where it is another one
        self.stall: tuple[int, float] | None = None  # the n-th request waits so many seconds first
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = self._listener.getsockname()
        self.url = "http://{}:{}".format(*self.address)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            while request := self._request(connection):
                self.requests.append(request)
                if self.models and request.startswith(b"GET"):
                    connection.sendall(self.models)
                elif not self._play(connection):
                    return

    def _request(self, connection: socket.socket) -> bytes:
        data = b""
        try:
            while b"\r\n\r\n" not in data:
                data += connection.recv(65536) or (_ for _ in ()).throw(ConnectionError)
            head, _, body = data.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
            )
            while len(body) < length:
                body += connection.recv(65536) or (_ for _ in ()).throw(ConnectionError)
        except OSError:
            return b""
        return head + b"\r\n\r\n" + body

    def _play(self, connection: socket.socket) -> bool:
        self.wrote = []
        if self.stall and len(self.requests) == self.stall[0]:
            time.sleep(self.stall[1])
        for step in self.steps:
            if isinstance(step, (int, float)):
                time.sleep(step)
            elif isinstance(step, bytes):
                self.wrote.append(time.monotonic_ns())
                try:
                    connection.sendall(step)
                except OSError:
                    return False
            else:
                if step == "reset":
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                return False
        return True

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    servers: list[Scripted] = []

    def make(*steps: Step) -> Scripted:
        servers.append(Scripted(*steps))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


JOB = Job("chat", CHAT.path, b"{}", True, 10, 10, format=CHAT.name)


@contextmanager
def sweeping(client: Client) -> Iterator[None]:
    timer = client.loop.timer(0.02, 0.02)
    timer.start(lambda: client.sweep(time.monotonic_ns()))
    try:
        yield
    finally:
        timer.stop()
        timer.close()


REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


def make_client(address: Any, tls: Any = None, **limits: int) -> Client:
    return Client(Endpoint(socket.AF_INET, address, "localhost", tls, **limits), gevent.get_hub().loop)


def send(client: Client, number: int = 0, job: Job = JOB, request: bytes = REQUEST) -> tuple[list[ActiveCall], Event]:
    """Send a request; the list that the call goes into when it has ended, and the event of that."""
    ended: list[ActiveCall] = []
    over = Event()

    def done(call: ActiveCall) -> None:
        ended.append(call)
        over.set()

    client.done = done
    now = time.monotonic_ns()
    client.send(ActiveCall(str(number), job, now, now, keep=True), request)
    return ended, over


def fetch(
    address: Any,
    job: Job = JOB,
    calls: int = 1,
    request: bytes = REQUEST,
    between: float = 0.0,
    tls: Any = None,
    sweep: bool = True,
    **limits: int,
) -> list[ActiveCall]:
    """Send *calls* requests one after the other on one client; the calls as they ended."""
    client = make_client(address, tls, **limits)
    all_ended: list[ActiveCall] = []
    with sweeping(client) if sweep else nullcontext():
        for number in range(calls):
            ended, over = send(client, number, job, request)
            assert over.wait(60), "the call did not end within a minute"
            all_ended += ended
            gevent.sleep(between)
    client.close()
    return all_ended


@pytest.fixture
def many() -> Callable[..., list[ActiveCall]]:
    return fetch


@pytest.fixture
def one() -> Callable[..., ActiveCall]:
    """The one call that :func:`fetch` made."""

    def run(address: Any, **options: Any) -> ActiveCall:
        (call,) = fetch(address, **options)
        return call

    return run


@pytest.fixture
def cancelled() -> Callable[..., ActiveCall]:
    """A call that is cancelled after some seconds."""

    def run(address: Any, after: float) -> ActiveCall:
        client = make_client(address)
        ended, _ = send(client)
        with sweeping(client):
            gevent.sleep(after)
        client.cancel()
        return ended[0]

    return run


@pytest.fixture
def busy() -> Callable[..., tuple[ActiveCall, bool]]:
    """A call whose client is busy for some seconds, and whether the kernel stamped its reads."""

    def run(address: Any, seconds: float) -> tuple[ActiveCall, bool]:
        client = make_client(address)
        ended, over = send(client)
        gevent.sleep(0.03)
        time.sleep(seconds)  # the loop does not turn
        with sweeping(client):
            assert over.wait(60)
        return ended[0], client.stamps.kernel > 0

    return run
