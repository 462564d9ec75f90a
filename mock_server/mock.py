"""One mock: its interface to connections, the handling of each request, and the view of the control interface."""

import asyncio
import gc
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from echosounder.mock_server.admission import money
from echosounder.mock_server.admission.refusals import Refused, internal
from echosounder.mock_server.answering.endpoints import Answers
from echosounder.mock_server.answering.recordings import Recordings
from echosounder.mock_server.clock import Clock
from echosounder.mock_server.config import KEEPALIVE_S, Config
from echosounder.mock_server.control import routes
from echosounder.mock_server.control.journal import Journal
from echosounder.mock_server.deviations import Armoury
from echosounder.mock_server.deviations.armed import Armed
from echosounder.mock_server.inflight import InFlight
from echosounder.mock_server.net.connection import ServerConnection
from echosounder.mock_server.net.frames import Frame, honest_writes
from echosounder.mock_server.net.http1 import BodyFraming, HttpRequest, Response
from echosounder.mock_server.net.relay import Passage, Relay
from echosounder.mock_server.net.scheduler import Scheduler, Stream
from echosounder.wire.errors import UsageError

COLLECT_EVERY = 1_000_000  # requests between collections under load; reference counting frees most memory
PORTION = 64  # connections checked before yielding to the event loop
LINGER = 1_000_000_000  # ns for which a refused client's remaining bytes are read
STALL = 60_000_000_000  # ns after which a client that is far behind and reads nothing is disconnected
FAR = 1_000_000_000  # ns; a client that hung up is dropped if its next write is later than this


class Mock:
    """One mock server; ``connections`` holds the open ones."""

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop) -> None:
        self.config = config
        self.max_body = config.max_body
        self.connections: set[ServerConnection] = set()
        self.scheduler = Scheduler(loop)
        self.clock = Clock(config.instant())
        self.armoury = Armoury(config.deviate, config.seed or 0, config.profile)
        self.journal = Journal(config.journal_size, config.journal)
        self.answers = Answers(config, self.clock)
        self.relay = Relay(config.upstream, loop) if config.upstream else None
        self.recordings = Recordings(config.replay, config.replay_speed) if config.replay else None
        self.number = 0
        self.in_flight = 0
        self._tidied = self._swept = 0  # number of the latest request at that time

    # --- interface for connections

    def handle(self, connection: ServerConnection, request: HttpRequest) -> None:
        if request.target.startswith(routes.PREFIX):
            self._send(connection, request, self._guarded(lambda: routes.respond(self, request)), None)
            return
        self.number += 1
        self.in_flight += 1
        flight = InFlight(self.number, self.answers.completions.identities.trace(self.number), request)
        if self.relay is not None:
            self._pass_on(connection, flight, self.relay)
        else:
            self._send(connection, request, self._respond(flight), flight)

    def refuse(self, connection: ServerConnection, status: int) -> None:
        request = HttpRequest("", "", {}, b"", time.monotonic_ns(), keep_alive=False)
        self._send(connection, request, Response(status), None)

    def _respond(self, flight: InFlight) -> Response:
        answered = self._guarded(lambda: self._answer(flight))
        if self.recordings is None:  # a recording has its own trace id
            answered.headers.append(("x-ds-trace-id", flight.trace))
        return answered

    def _answer(self, flight: InFlight) -> Response:
        request, early = self._armed(flight)
        if early is None and self.recordings is not None:
            return self.recordings.respond(request)
        return early or self.answers.respond(request, flight)

    def _armed(self, flight: InFlight) -> tuple[HttpRequest, Response | None]:
        """Apply the deviations of the request and admission layers; return the request and a refusal, if any."""
        request = flight.request
        armed = flight.armed = self.armoury.arm(request, flight.number)
        if armed is None:
            return request, None
        request = armed.request(request)
        return request, armed.admission(request)

    def _guarded(self, make: Callable[[], Response]) -> Response:
        try:
            return make()
        except Refused as refused:
            return refused.response()
        except UsageError as error:  # a header or a key names a deviation that does not exist
            return Refused(400, f"mock: {error}", "mock_error").response()
        except Exception:  # the client gets a plain 500, the operator the traceback
            traceback.print_exc()
            return internal().response()

    def _send(
        self, connection: ServerConnection, request: HttpRequest, response: Response, flight: InFlight | None
    ) -> None:
        if response.framing is BodyFraming.CHUNKED and request.version == "1.0":
            response.framing = BodyFraming.CLOSE
        keep = request.keep_alive and response.framing is not BodyFraming.CLOSE
        if flight is not None and flight.armed is not None and flight.armed.touches_bytes:
            writes, keep = flight.armed.writes(request, response, keep)
        else:
            writes = honest_writes(response, request.arrived, keep, request.method != "HEAD")

        def ended(stream: Stream) -> None:
            if flight is not None:
                self._land(flight)
            connection.finished(keep)

        stream = connection.stream = Stream(connection.transport, writes.data, writes.due, writes.tokens, ended)
        if flight is not None:
            flight.status, flight.stream = response.status, stream
        self.scheduler.start(stream)
        if flight is not None and not stream.ended:
            self.journal.open[flight.number] = flight

    def _pass_on(self, connection: ServerConnection, flight: InFlight, relay: Relay) -> None:
        """Forward the request to the upstream."""
        early: Response | None = None

        def prepare() -> Response:
            nonlocal early
            flight.request, early = self._armed(flight)
            return early or Response(0)

        answered = self._guarded(prepare)
        if answered.status:
            self._send(connection, flight.request, answered, flight)
            return

        def emit(frame: Frame | None) -> None:
            if frame is None:
                stream.close()
            elif stream.transport is not None and (frame.raw or frame.act):
                flight.status = passage.status
                stream.add(frame.act or frame.raw, passage.request.arrived + frame.at, frame.tokens)
                self.scheduler.start(stream)

        def ended(stream: Stream) -> None:
            passage.cancel()
            flight.status = passage.status
            self._land(flight)
            connection.finished(passage.keep_alive)

        transport, request = connection.transport, flight.request
        passage = Passage(request, flight.armed or Armed(), emit, transport.get_write_buffer_size, request.keep_alive)
        stream = connection.stream = flight.stream = Stream(transport, [], [], [], ended)
        stream.open = True
        self.journal.open[flight.number] = flight
        relay.start(passage)

    def _land(self, flight: InFlight) -> None:
        """Finish a request whose answer has ended or whose client is gone."""
        self.in_flight -= 1
        stream = flight.stream
        if stream is not None:
            flight.complete = len(stream.stamps) == len(stream.due) and stream.transport is not None
            flight.closed = None if flight.complete else stream.left or time.monotonic_ns()
        self.answers.completions.settle(flight)
        self.journal.add(flight)

    # --- interface for the control routes

    def state(self) -> dict[str, Any]:
        completions = self.answers.completions
        return {
            "in_flight": self.in_flight,
            "connections": len(self.connections),
            "requests": self.number,
            "scheduled": len(self.scheduler),
            "now": self.clock.now(),
            "priced_at": completions.prices.instant(self.clock.now()).isoformat(),
            "accounts": [
                {"key": f"****{key[-4:]}", "balance": money.text(account.total), "granted": money.text(account.granted)}
                for key, account in completions.accounts
            ],
            "cache": {
                "model": completions.cache.model,
                "unit": completions.cache.unit,
                "units": len(completions.cache),
            },
            "files": completions.room.files.state() if completions.room else None,
            "load": completions.capacity.load(time.monotonic_ns()),
            "deviations": self.armoury.record(),
            "replay": self.recordings.state() if self.recordings else None,
        }

    def reset_state(self) -> None:
        """Forget accounts, limiters and caches; requests in flight go on."""
        self.answers.completions.clear()

    def sweep(self) -> Iterator[None]:
        """Periodic cleanup: requests that never became complete, idle connections, clients that hung up.

        Works in portions and yields to the event loop between them: checking a thousand connections at once would
        delay writes.
        """
        self.journal.flush()
        self._tidy()
        now = time.monotonic_ns()
        for index, connection in enumerate(list(self.connections)):
            if index % PORTION == PORTION - 1:
                yield
            if connection.started is not None and now - connection.started > self.config.request_timeout_s * 1e9:
                connection.expire()
            elif not connection.busy and now - connection.idle_since > KEEPALIVE_S * 1e9:
                connection.transport.close()
            if _given_up(connection, now):
                connection.transport.abort()

    def _tidy(self) -> None:
        """Collect garbage when idle, because a collection delays writes; under load once per ``COLLECT_EVERY`` requests."""
        idle = not self.in_flight and self.number == self._swept
        self._swept = self.number
        if self.number != self._tidied and (idle or self.number - self._tidied > COLLECT_EVERY):
            self._tidied = self.number
            gc.collect()

    def close(self) -> None:
        for connection in list(self.connections):
            connection.transport.abort()
        if self.relay:
            self.relay.close()
        self.scheduler.close()
        self.journal.close()


def _given_up(connection: ServerConnection, now: int) -> bool:
    """Whether to drop the client: it is gone and no write is due soon, or it has stopped reading."""
    if connection.lingers_since is not None:
        return now - connection.lingers_since > LINGER
    if connection.stalled(now) > STALL:
        return True
    due = connection.stream.next_due if connection.stream else None
    return connection.hung_up and (due or now + FAR) - now >= FAR
