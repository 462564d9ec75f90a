"""The ground truth: what was scheduled, what was written and when, for every request. Bounded in memory, complete in a file."""

import base64
import hashlib
import json
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echosounder.mock_server.admission import money
from echosounder.mock_server.net.http1 import Request
from echosounder.mock_server.net.scheduler import Act
from echosounder.wire.errors import UsageError
from echosounder.wire.redact import Redactor

BODIES = 256  # latest entries that keep the bytes of request and response
BODY_CAP = 64 * 1024
TOLERANCE = 1_000_000  # ns: a stream whose writes were later than this is no truth to measure others by
_REDACT = Redactor()


@dataclass(slots=True)
class Facts:
    """What the planner decided about a request, as the journal tells it."""

    model: str = ""
    stream: bool = False
    usage: dict[str, Any] | None = None
    price: int | None = None  # pico-units of the account's currency
    cache: dict[str, Any] | None = None
    account: str = ""


@dataclass(slots=True)
class Entry:
    """One request. Times are monotonic nanoseconds; ``due``, ``written`` and ``tokens`` have one member per write."""

    number: int
    trace: str
    request: Request
    status: int
    due: list[int]
    tokens: list[int]
    written: "array[int]"
    facts: Facts
    deviations: list[dict[str, Any]] = field(default_factory=list)
    blocked: bool = False
    complete: bool = True
    closed: int | None = None  # when the client was seen to be gone before the end
    sent: list[bytes | Act] | None = None

    @property
    def lateness(self) -> list[int]:
        return sorted(done - due for done, due in zip(self.written, self.due, strict=False))

    @property
    def timing_valid(self) -> bool:
        late = self.lateness
        return not self.blocked and self.complete and (not late or late[(len(late) - 1) * 99 // 100] <= TOLERANCE)

    def record(self, bodies: bool = False, raw: bool = False) -> dict[str, Any]:
        """As JSON; *bodies* adds request and response as text, *raw* as bytes, whole."""
        late = self.lateness
        made: dict[str, Any] = {
            "number": self.number,
            "trace": self.trace,
            "method": self.request.method,
            "path": self.request.target,
            "status": self.status,
            "model": self.facts.model,
            "stream": self.facts.stream,
            "account": self.facts.account,
            "arrived": self.request.arrived,
            "due": self.due,
            "written": list(self.written),
            "tokens": self.tokens,
            "usage": self.facts.usage,
            "price": None if self.facts.price is None else money.text(self.facts.price),
            "cache": self.facts.cache,
            "deviations": self.deviations,
            "complete": self.complete,
            "closed": self.closed,
            "blocked": self.blocked,
            "late_ns": {"p50": late[len(late) // 2], "p99": late[(len(late) - 1) * 99 // 100], "max": late[-1]}
            if late
            else None,
            "timing_valid": self.timing_valid,
        }
        return made | (self._bodies() if bodies else {}) | (self._raw() if raw else {})

    def _bodies(self) -> dict[str, Any]:
        sent = None if self.sent is None else b"".join(part for part in self.sent if isinstance(part, bytes))[:BODY_CAP]
        return {
            "headers": dict(_REDACT.headers(self.request.headers.items())),
            "body": self.request.body[:BODY_CAP].decode("utf-8", "replace"),
            "sent": None
            if sent is None
            else sent.decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode(),
        }

    def _raw(self) -> dict[str, Any]:
        """For whoever compares bytes: ``writes_b64`` has a member for each of ``written``, an act as ``{"act": name}``.

        ``credential`` is the SHA-256 of the secret behind the scheme of Authorization, whose value is redacted.
        """
        secret = self.request.headers.get("authorization", "").partition(" ")[2]
        return {
            "request": {
                "version": self.request.version,
                "headers": [list(pair) for pair in _REDACT.headers(self.request.headers.items())],
            },
            "body_b64": base64.b64encode(self.request.body).decode(),
            "writes_b64": [
                {"act": part.value} if isinstance(part, Act) else base64.b64encode(part).decode()
                for part in self.sent or ()
            ],
            "credential": hashlib.sha256(secret.encode()).hexdigest() if secret else None,
        }

    def forget_bodies(self) -> None:
        self.sent, self.request.headers, self.request.body = None, {}, b""


class Journal:
    """A ring of entries, and a file of all. Raises :class:`UsageError` when the file cannot be opened."""

    def __init__(self, size: int, path: str | None = None) -> None:
        self.entries: deque[Entry] = deque(maxlen=size)
        self._with_bodies: deque[Entry] = deque()
        try:
            self._file = Path(path).open("a", encoding="utf-8") if path else None  # noqa: SIM115  # open as long as the server
        except OSError as error:
            raise UsageError(f"cannot write the journal {path}: {error.strerror}; choose another file") from None
        self.total = 0
        self.open: dict[int, Callable[[], Entry]] = {}  # requests whose answer is still under way

    def add(self, entry: Entry) -> None:
        self.total += 1
        self.open.pop(entry.number, None)
        self.entries.append(entry)
        if self._file:
            self._file.write(json.dumps(entry.record(), separators=(",", ":")) + "\n")
        self._with_bodies.append(entry)
        if len(self._with_bodies) > BODIES:
            self._with_bodies.popleft().forget_bodies()

    def since(self, number: int, bodies: bool = False, raw: bool = False) -> Iterator[dict[str, Any]]:
        """Entries of requests after the given one."""
        return (entry.record(bodies, raw) for entry in list(self.entries) if entry.number > number)

    def under_way(self, number: int, raw: bool = False) -> Iterator[dict[str, Any]]:
        """The same for answers that have not ended: what was written so far."""
        entries = [make() for later, make in sorted(self.open.items()) if later > number]
        return (entry.record(raw=raw) | {"open": True} for entry in entries)

    @property
    def latest(self) -> int:
        """The highest number of a request that ended."""
        return max((entry.number for entry in self.entries), default=0)

    def clear(self) -> None:
        self.entries.clear()
        self._with_bodies.clear()

    def flush(self) -> None:
        if self._file:
            self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()
