"""The process: listens, routes, answers, stops when told to."""

import asyncio
import gc
import signal
import socket
import sys
import time
import traceback

from mock_server.answers import Answers
from mock_server.config import KEEPALIVE_S, Config
from mock_server.connection import Connection
from mock_server.errors import Refused, internal
from mock_server.http1 import LAST_CHUNK, Framing, Request, Response, chunk
from mock_server.scheduler import Act, Scheduler, Stream
from wire.errors import UsageError

SWEEP_S = 0.25
FAR = 1_000_000_000  # a client that hung up is not kept for a write that is further away than this, ns


class Server:
    """One mock. ``connections`` are the open ones."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        self.config = config
        self.max_body = config.max_body
        self.connections: set[Connection] = set()
        self.scheduler = Scheduler(loop)
        self.answers = Answers(config)

    def handle(self, connection: Connection, request: Request) -> None:
        try:
            response = self.answers.respond(request)
        except Refused as refused:
            response = refused.response()
        except Exception:  # the client gets a clean 500, the operator the reason
            traceback.print_exc()
            response = internal().response()
        self.send(connection, request, response)

    def refuse(self, connection: Connection, status: int) -> None:
        request = Request("", "", {}, b"", time.monotonic_ns(), keep_alive=False)
        self.send(connection, request, Response(status))

    def send(self, connection: Connection, request: Request, response: Response) -> None:
        keep = request.keep_alive and response.framing is not Framing.CLOSE
        writes, due = writes_of(response, request, keep)
        stream = Stream(connection.transport, writes, due, lambda stream: connection.finished(keep))
        connection.stream = stream
        self.scheduler.start(stream)

    def sweep(self) -> None:
        """Once in a while: requests that never became complete, idle connections, clients that hung up."""
        now = time.monotonic_ns()
        for connection in list(self.connections):
            if connection.started is not None and now - connection.started > self.config.request_timeout_s * 1e9:
                connection.expire()
            elif not connection.busy and now - connection.idle_since > KEEPALIVE_S * 1e9:
                connection.transport.close()
            elif connection.hung_up and (
                connection.stream is None or (connection.stream.next_due or now + FAR) - now >= FAR
            ):
                connection.transport.abort()


def writes_of(response: Response, request: Request, keep: bool) -> tuple[list[bytes | Act], list[int]]:
    """Bytes on the wire and when: absolute ns. What is due at the same instant is one write."""
    chunked = response.framing is Framing.CHUNKED and request.version != "1.0"
    if response.framing is Framing.CHUNKED and not chunked:
        response.framing, keep = Framing.CLOSE, False
    body = [chunk(piece) for piece in response.body] if chunked else list(response.body)
    if request.method == "HEAD":
        body = []
    elif chunked and body:
        body[-1] += LAST_CHUNK
    pieces = [response.head(keep), *body]
    offsets = [response.head_due, *response.due[: len(body)]]
    writes: list[bytes | Act] = []
    due: list[int] = []
    start = 0
    for end in range(1, len(pieces) + 1):
        if end == len(pieces) or offsets[end] != offsets[start]:
            writes.append(pieces[start] if end - start == 1 else b"".join(pieces[start:end]))
            due.append(request.arrived + offsets[start])
            start = end
    return writes, due


def serve(config: Config) -> None:
    """Run until SIGTERM or SIGINT. Prints ``listening on URL`` when ready. Raises :class:`UsageError` if it cannot listen."""
    asyncio.run(_serve(config))


async def _serve(config: Config) -> None:
    loop = asyncio.get_running_loop()
    server = Server(config, loop)
    try:
        listener = await loop.create_server(lambda: Connection(server), config.host, config.port, backlog=4096)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {config.host}:{config.port}: {error.strerror or error}; choose another port"
        ) from None
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    # What exists by now lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    print(f"listening on {_url(listener.sockets[0])}", flush=True)
    sweeper = asyncio.create_task(_sweep(server))
    await stopped.wait()
    sweeper.cancel()
    listener.close()
    for connection in list(server.connections):
        connection.transport.abort()
    server.scheduler.close()
    sys.stdout.flush()


async def _sweep(server: Server) -> None:
    while True:
        await asyncio.sleep(SWEEP_S)
        server.sweep()


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
