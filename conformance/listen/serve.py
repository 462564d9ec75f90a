"""The relay as a server: from the first connection until a bound is reached or it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from echosounder.conformance.listen.delay import WakingSelector
from echosounder.conformance.listen.forwarder import BACKLOG, Forwarder, Onward
from echosounder.conformance.listen.pipe import TapeWriter
from echosounder.conformance.listen.tape import Happening, TapeFrame
from echosounder.wire.errors import UsageError

GRACE_S = 5.0
"""So long may what is under way go on when the end has come."""
TICK_S = 0.2


@dataclass(frozen=True)
class Until:
    """When to stop: after this many seconds, or this many finished requests; None for never."""

    duration_s: float | None = None
    requests: int | None = None


Ready = Callable[[str], None]
Tick = Callable[[dict[str, Any]], int]
"""Called now and then with the figures so far; gives how many exchanges came to their end."""


def relay(host: str, port: int, upstream: Onward, tape: int, bounds: Until, ready: Ready, tick: Tick) -> dict[str, Any]:
    """Runs until the limits or an interrupt; returns the figures of the relay itself. *tape* is the pipe, which is closed at the end.

    Raises :class:`UsageError` if it cannot listen.
    """
    _many_files()
    selector = WakingSelector()
    loop = asyncio.SelectorEventLoop(selector)
    try:
        return loop.run_until_complete(
            _run(host, port, upstream, TapeWriter(tape, loop), bounds, selector, ready, tick)
        )
    finally:
        loop.close()


async def _run(
    host: str,
    port: int,
    upstream: Onward,
    tape: TapeWriter,
    bounds: Until,
    selector: WakingSelector,
    ready: Ready,
    tick: Tick,
) -> dict[str, Any]:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    one = Forwarder(upstream, tape.write, selector)
    try:
        server = await loop.create_server(one.client, host, port, backlog=BACKLOG)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from None
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    bound = server.sockets[0].getsockname()
    ready(f"http://{f'[{bound[0]}]' if ':' in bound[0] else bound[0]}:{bound[1]}")
    await _until(over, one, bounds, tick)
    server.close()
    await _drained(one)
    one.stop()
    await asyncio.sleep(0)
    figures = _figures(one)
    tape.write(TapeFrame(Happening.CLOSED, 0, time.monotonic_ns(), -1, json.dumps(figures).encode()))
    await tape.close()
    return figures | {"unwritten": tape.broken}


def _figures(one: Forwarder) -> dict[str, Any]:
    return {"connections": one.opened, "unreached": one.unreached, "added_ms": one.delays.figures()}


async def _until(over: asyncio.Event, one: Forwarder, bounds: Until, tick: Tick) -> None:
    loop = asyncio.get_running_loop()
    end = None if bounds.duration_s is None else loop.time() + bounds.duration_s
    while not over.is_set():
        left = TICK_S if end is None else min(TICK_S, end - loop.time())
        if left <= 0:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), left)
        done = tick(_figures(one))
        if bounds.requests is not None and done >= bounds.requests:
            return


async def _drained(one: Forwarder) -> None:
    """Idle connections are not waited for: they have sent all that they were asked for."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + GRACE_S
    while any(passage.busy for passage in one.passages) and loop.time() < deadline:
        await asyncio.sleep(0.02)


def _many_files() -> None:
    """As many connections as the system allows this process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
