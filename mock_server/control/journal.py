"""The journal: planned and actual writes with their times, for every request. Bounded in memory, complete in a file."""

import base64
import hashlib
import json
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from echosounder.mock_server.admission import money
from echosounder.mock_server.inflight import InFlight
from echosounder.mock_server.net.scheduler import Act
from echosounder.wire.errors import UsageError
from echosounder.wire.redact import Redactor

BODIES = 256  # number of latest entries that keep the bytes of request and response,
KEPT = 64 << 20  # up to this many bytes in total; the latest entry always keeps its own
BODY_CAP = 64 * 1024
TOLERANCE = 1_000_000  # ns; streams with later writes are not a reference for other measurements
_REDACT = Redactor()


def lateness(flight: InFlight) -> list[int]:
    """Delay of each write relative to the plan, ns, ascending."""
    stream = flight.stream
    return [] if stream is None else sorted(done - due for done, due in zip(stream.stamps, stream.due, strict=False))


def record(flight: InFlight, bodies: bool = False, raw: bool = False) -> dict[str, Any]:
    """A request's entry as JSON; *bodies* adds request and response as text, *raw* adds them as complete bytes.
    ``due``, ``written`` and ``tokens`` have one member per write; times are monotonic nanoseconds.
    """
    request, facts, stream, late = flight.request, flight.facts, flight.stream, lateness(flight)
    p99 = late[(len(late) - 1) * 99 // 100] if late else 0
    blocked = stream is not None and stream.blocked
    made: dict[str, Any] = {
        "number": flight.number,
        "trace": flight.trace,
        "method": request.method,
        "path": request.target,
        "connection": request.connection,
        "status": flight.status,
        "model": facts.model,
        "stream": facts.stream,
        "account": facts.account,
        "arrived": request.arrived,
        "due": stream.due if stream else [],
        "written": list(stream.stamps) if stream else [],
        "tokens": stream.tokens if stream else [],
        "usage": facts.usage,
        "price": None if facts.price is None else money.text(facts.price),
        "cache": facts.cache,
        "deviations": flight.armed.record() if flight.armed else flight.deviations,
        "complete": flight.complete,
        "closed": flight.closed,
        "blocked": blocked,
        "late_ns": {"p50": late[len(late) // 2], "p99": p99, "max": late[-1]} if late else None,
        "timing_valid": not blocked and flight.complete and p99 <= TOLERANCE,
    }
    return made | (_bodies(flight) if bodies else {}) | (_raw(flight) if raw else {})


def _bodies(flight: InFlight) -> dict[str, Any]:
    request, sent = flight.request, flight.stream.writes if flight.stream else []
    text = b"".join(part for part in sent if isinstance(part, bytes))[:BODY_CAP] if sent else None
    return {
        "headers": dict(_REDACT.headers(request.headers.items())),
        "body": request.body[:BODY_CAP].decode("utf-8", "replace"),
        "sent": None if text is None else text.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode(),
    }


def _raw(flight: InFlight) -> dict[str, Any]:
    """The complete bytes of an entry: ``writes_b64`` has an element for each of ``written``; an action on the
    connection is ``{"act": name}``.

    ``credential`` is the SHA-256 of the secret behind the scheme of Authorization, or of x-api-key, whose values are
    redacted.
    """
    request, sent = flight.request, flight.stream.writes if flight.stream else []
    secret = request.headers.get("authorization", "").partition(" ")[2] or request.headers.get("x-api-key", "")
    return {
        "request": {
            "version": request.version,
            "headers": [list(pair) for pair in _REDACT.headers(request.headers.items())],
        },
        "body_b64": base64.b64encode(request.body).decode(),
        "writes_b64": [
            {"act": part.value} if isinstance(part, Act) else base64.b64encode(part).decode() for part in sent
        ],
        "credential": hashlib.sha256(secret.encode()).hexdigest() if secret else None,
    }


def _forget_bodies(flight: InFlight) -> None:
    flight.request.headers, flight.request.body = {}, b""
    if flight.stream:
        flight.stream.writes = []


class Journal:
    """A ring buffer of entries, and a file with all of them. Raises :class:`UsageError` if the file cannot be opened."""

    def __init__(self, size: int, path: str | None = None) -> None:
        self.entries: deque[InFlight] = deque(maxlen=size)
        self._with_bodies: deque[tuple[InFlight, int]] = deque()  # with the number of bytes that each keeps
        self._kept = 0
        try:
            self._file = Path(path).open("a", encoding="utf-8") if path else None  # noqa: SIM115  # open as long as the server
        except OSError as error:
            raise UsageError(f"cannot write the journal {path}: {error.strerror}; choose another file") from None
        self.total = 0
        self.open: dict[int, InFlight] = {}  # requests whose answer is still in progress

    def add(self, flight: InFlight) -> None:
        """Add a request whose answer has ended."""
        self.total += 1
        self.open.pop(flight.number, None)
        if flight.armed:
            flight.deviations, flight.armed = flight.armed.record(), None
        self.entries.append(flight)
        if self._file:
            self._written(lambda file: file.write(json.dumps(record(flight), separators=(",", ":")) + "\n"))
        self._keep(flight)

    def _keep(self, flight: InFlight) -> None:
        size = len(flight.request.body)
        size += sum(len(part) for part in flight.stream.writes if isinstance(part, bytes)) if flight.stream else 0
        self._with_bodies.append((flight, size))
        self._kept += size
        while len(self._with_bodies) > BODIES or (self._kept > KEPT and len(self._with_bodies) > 1):
            oldest, freed = self._with_bodies.popleft()
            _forget_bodies(oldest)
            self._kept -= freed

    def since(self, number: int, bodies: bool = False, raw: bool = False) -> Iterator[dict[str, Any]]:
        """Return the entries of requests after number *number*."""
        return (record(flight, bodies, raw) for flight in list(self.entries) if flight.number > number)

    def under_way(self, number: int, raw: bool = False) -> Iterator[dict[str, Any]]:
        """Return the entries of answers in progress, with the part written so far."""
        flights = [flight for later, flight in sorted(self.open.items()) if later > number]
        return (record(flight, raw=raw) | {"open": True} for flight in flights)

    @property
    def latest(self) -> int:
        """The highest number of a request that has ended."""
        return max((flight.number for flight in self.entries), default=0)

    def clear(self) -> None:
        self.entries.clear()
        self._with_bodies.clear()
        self._kept = 0

    def flush(self) -> None:
        if self._file:
            self._written(lambda file: file.flush())

    def close(self) -> None:
        if self._file:
            self._written(lambda file: file.close())

    def _written(self, write: Callable[[TextIO], object]) -> None:
        """Write to the file. If that fails, as on a full disk, the journal file ends and the mock goes on."""
        if file := self._file:
            try:
                write(file)
            except OSError as error:
                print(
                    f"mock: the journal ends here, {error.strerror}: free some space and start again", file=sys.stderr
                )
                self._file = None
                with suppress(OSError):  # its buffered data cannot be written either
                    file.close()
