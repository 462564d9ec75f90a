"""The server process: listens, cleans up periodically, stops on request."""

import asyncio
import errno
import gc
import os
import signal
import socket
import sys
from typing import Any

from echosounder.mock_server.config import Config
from echosounder.mock_server.mock import Mock
from echosounder.mock_server.net.connection import ServerConnection
from echosounder.wire.errors import UsageError

SWEEP_S = 0.25
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
COMPLAIN_S = 10


def serve(config: Config) -> None:
    """Run until SIGTERM or SIGINT. Prints ``listening on URL`` when ready. Raises :class:`UsageError` if it cannot listen."""
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    loop = asyncio.get_running_loop()
    mock = Mock(config, loop)
    complaints = Complaints()
    loop.set_exception_handler(complaints)
    try:
        listener = await loop.create_server(lambda: ServerConnection(mock), config.host, config.port, backlog=4096)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {config.host}:{config.port}: {error.strerror or error}; choose another address or port"
        ) from None
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if config.while_stdin:
        _watch_input(loop, stopped)
    # Objects created so far live as long as the process, so the collector can skip them.
    gc.collect()
    gc.freeze()
    gc.disable()
    print(f"listening on {_url(listener.sockets[0])}", flush=True)
    sweeper = asyncio.create_task(_sweep(mock))
    await stopped.wait()
    sweeper.cancel()
    complaints.stopping = True
    listener.close()
    mock.close()


class Complaints:
    """Rate-limits the event loop's errors. If no connection can be accepted, it would print hundreds of tracebacks per second; this
    prints one line now and then.
    """

    def __init__(self) -> None:
        self.stopping = False
        self._silent_until = 0.0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if self.stopping and isinstance(error, ValueError):
            return  # asyncio retries accepting thousands of times one second after a failure, on a listener that is closed by then
        if not (isinstance(error, OSError) and error.errno in EXHAUSTED):
            loop.default_exception_handler(context)
        elif loop.time() >= self._silent_until:
            self._silent_until = loop.time() + COMPLAIN_S
            print(
                f"mock: cannot accept connections: {error.strerror}; raise the limit (ulimit -n)",
                file=sys.stderr,
                flush=True,
            )


def _watch_input(loop: asyncio.AbstractEventLoop, stopped: asyncio.Event) -> None:
    try:
        loop.add_reader(sys.stdin.fileno(), _stop_at_end_of_input, stopped)
    except (OSError, ValueError):
        raise UsageError("standard input cannot be watched: connect a pipe, or omit --while-stdin") from None


def _stop_at_end_of_input(stopped: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stopped.set()


async def _sweep(mock: Mock) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        for _ in mock.sweep():
            await asyncio.sleep(0)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
