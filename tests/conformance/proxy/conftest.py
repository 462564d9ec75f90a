"""A plain proxy on real sockets, faithful unless a fault is scripted into it, and a mock behind it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from echosounder.conformance.check_run import CheckOutcome
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.proxy import check
from echosounder.judgement.pairs import behaviours
from echosounder.mock_server.net.process import spawn
from echosounder.wire.target import target

KEY = "sk-client-0123456789"
END = b"\r\n0\r\n\r\n"


@dataclass
class Fault:
    """What a scripted proxy does wrong; the defaults do nothing wrong.

    ``request`` turns head and body into those that are sent on, or into an answer of the proxy's own (bytes).
    ``answer`` turns each read from the upstream into what the client gets; ``last`` is sent when the upstream breaks off.
    """

    request: Callable[[bytes, bytes], tuple[bytes, bytes] | bytes] = lambda head, body: (head, body)
    answer: Callable[[bytes], bytes] = lambda data: data
    last: bytes = b""
    hold: bool = False  # the whole answer until its end
    deaf: bool = False  # to a client that hangs up
    tries: int = 1  # while the upstream breaks off
    early: bytes = b""  # sent to the client before the upstream is asked
    linger_s: float = 0.0  # between the end of the answer and the end of the body
    idle_s: float | None = None  # without a request, and the connection is closed


HONEST = Fault()


class Proxy:
    """Forwards bytes between a client and *upstream* (host, port), one request after the other."""

    def __init__(self, upstream: tuple[str, int], fault: Fault) -> None:
        self._upstream, self._fault = upstream, fault

    async def serve(self, client: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        try:
            while await self._one(client, out):
                pass
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            out.close()

    async def _one(self, client: asyncio.StreamReader, out: asyncio.StreamWriter) -> bool:
        head, body = await asyncio.wait_for(_request(client), self._fault.idle_s)
        made = self._fault.request(head, body)
        if isinstance(made, bytes):
            out.write(made)
            return False
        out.write(self._fault.early)
        head, body = made
        for _ in range(self._fault.tries):
            source, up = await asyncio.open_connection(*self._upstream)
            try:
                up.write(_with_length(head, body) + body)
                if await self._answer(source, out, client):
                    return True
            finally:
                up.transport.abort() if out.is_closing() else up.close()
        out.write(self._fault.last)
        await out.drain()
        return False

    async def _answer(
        self, source: asyncio.StreamReader, out: asyncio.StreamWriter, client: asyncio.StreamReader
    ) -> bool:
        """Whether the answer was whole."""
        gone = asyncio.ensure_future(_hung_up(client))
        got = b""
        try:
            while True:
                reading = asyncio.ensure_future(source.read(65536))
                await asyncio.wait({reading} if self._fault.deaf else {reading, gone}, return_when="FIRST_COMPLETED")
                if not reading.done():
                    reading.cancel()
                    raise EOFError
                data = reading.result()
                got += data
                over = not data or _whole(got)
                if over and data:
                    await asyncio.sleep(self._fault.linger_s)
                if not self._fault.hold:
                    out.write(self._fault.answer(data))
                elif over:
                    out.write(self._fault.answer(got))
                if over:
                    return bool(data)
        finally:
            gone.cancel()


async def _hung_up(client: asyncio.StreamReader) -> None:
    while not client.at_eof():
        await asyncio.sleep(0.005)


async def _request(client: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await client.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
    if b"transfer-encoding: chunked" not in lines:
        return head, await client.readexactly(length)
    body = b""
    while size := int(await client.readline(), 16):
        body += await client.readexactly(size)
        await client.readline()
    await client.readline()
    return head, body


def _with_length(head: bytes, body: bytes) -> bytes:
    framing = (b"content-length:", b"transfer-encoding:")
    lines = [line for line in head.removesuffix(b"\r\n\r\n").split(b"\r\n") if not line.lower().startswith(framing)]
    return b"\r\n".join([*lines, b"content-length: %d" % len(body)]) + b"\r\n\r\n"


def _whole(got: bytes) -> bool:
    head, blank, body = got.partition(b"\r\n\r\n")
    if not blank:
        return False
    if b"transfer-encoding: chunked" in head.lower():
        return got.endswith(END)
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b": 0")
    return len(body) >= int(length.split(b":")[1])


@contextmanager
def _proxied(url: str, fault: Fault = HONEST) -> Iterator[str]:
    """A proxy in front of *url*; yields its base URL."""
    host, port = url.removeprefix("http://").split(":")
    loop = asyncio.new_event_loop()
    proxy = Proxy((host, int(port)), fault)
    server = loop.run_until_complete(asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 24))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    with spawn(ttft_ms=2, itl_ms=0.5) as running:
        yield running.url


BRIEFER = {
    "QUIET_START": "silence:before_ms=800,every_ms=100",
    "LATE_ANSWER": "late-head:after_ms=600",
    "STALLED_S": 0.6,
    "PACED": "paced:gap_ms=50",
}
"""Behaviours that take time: what the checks look for shows in less than a stranger's proxy gets."""


@pytest.fixture(scope="session")
def faithful_log(upstream: str, tmp_path_factory: Any) -> Path:
    """The log of a whole run through the proxy without a fault."""
    folder = tmp_path_factory.mktemp("faithful")
    with pytest.MonkeyPatch.context() as patch, _proxied(upstream) as url:
        for name, value in BRIEFER.items():
            patch.setattr(behaviours, name, value)
        outcome = check(CheckOptions(target(url), folder, KEY, formats=("chat", "fim")), upstream)
    assert (outcome.exit_code, outcome.report["verdict"]) == (0, "conforms"), outcome.report["counts"]
    return outcome.log


@pytest.fixture
def judged(upstream: str, tmp_path: Any) -> Callable[..., CheckOutcome]:
    """Runs the checks against a proxy with a fault; ``only`` are patterns of requirements."""

    def run(fault: Fault | None = None, *only: str, **options: Any) -> CheckOutcome:
        with _proxied(upstream, fault or HONEST) as url:
            bounds = options.pop("bounds", Bounds(idle_s=8.0))
            return check(CheckOptions(target(url), tmp_path, KEY, only=only, bounds=bounds, **options), upstream)

    return run


@pytest.fixture
def fault() -> type[Fault]:
    return Fault


@pytest.fixture
def proxied() -> Callable[..., Any]:
    return _proxied
