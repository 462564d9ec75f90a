"""The sending half of a run in the proxy position: one request at a time, and after each what became of it upstream.

The only module of this package, with :mod:`conformance.proxy.upstream`, that opens sockets and reads a clock.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from conformance import engine
from conformance.ask import Ask, Send
from conformance.proxy.pair import Pair
from conformance.proxy.probes import MARKER
from conformance.proxy.secrecy import without_secrets
from conformance.proxy.upstream import Record, Upstream, body, exchange
from conformance.runner import Bounds, Runner
from wire.errors import CannotJudge
from wire.exchange import Exchange
from wire.runlog import RunWriter
from wire.target import Target

PATIENCE_S = 1.5
"""How long an answer may still be under way upstream when the client has its own."""
CANCEL_PATIENCE_S = 5.0
"""The same after the client hung up: longer than any of our streams lasts."""


class Session:
    """Sends through the proxy *target* to the mock behind it. Use as a context manager."""

    def __init__(self, target: Target, key: str | None, bounds: Bounds, upstream: Upstream, salt: str) -> None:
        self._target, self._key, self._bounds, self._upstream, self._salt = target, key, bounds, upstream, salt
        self._runners: dict[float, Runner] = {}
        self._markers: dict[bytes, Exchange] = {}
        self._seen: set[int] = set()
        self._sent = 0
        self._start = upstream.count()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def upstream(self) -> str:
        """Where the mock listens."""
        return self._upstream.url

    def model(self, profile: str) -> str:
        """What the proxy lists first of what the profile knows, as in any check run."""
        send = Ask(profile, "").get("/models")
        return engine.choose(self._runner(send).send(send, "0", "models.list"), profile)

    def rest(self) -> None:
        """Leave the upstream as it was found: honest."""
        with suppress(CannotJudge):  # gone: the run says so already
            self._upstream.behave("")

    def send(self, send: Send, probe: str) -> Pair:
        """Both sides of one request. Raises ``CannotJudge`` when the upstream is gone."""
        self._sent += 1
        marker = hashlib.blake2b(f"{self._salt} {self._sent}".encode(), digest_size=5).hexdigest()
        marked = send.but(body=send.body.replace(MARKER.encode(), f"es{marker}".encode()))
        self._upstream.behave(str(send.notes.get("upstream", "")))
        time.sleep(float(send.notes.get("rest_s", 0)))
        since = self._upstream.count()
        client = self._runner(send).send(marked, str(self._sent), probe)
        if MARKER.encode() in send.body:
            self._markers[f"es{marker}".encode()] = client
        hung_up = send.cancel_after is not None or "idle_s" in send.notes
        records, quiet = self._upstream.arrivals(since, CANCEL_PATIENCE_S if hung_up else PATIENCE_S)
        return self._pair(client, self._mine(records, send, marker), quiet)

    def stragglers(self) -> Iterator[Exchange]:
        """What arrived of earlier requests after they had been written down: repetitions in the background."""
        records, _ = self._upstream.arrivals(self._start, 0.0)
        for record in records:
            client = next((each for marker, each in self._markers.items() if marker in body(record)), None)
            if record["number"] not in self._seen and client is not None:
                self._seen.add(record["number"])
                yield exchange(record, client, f"{client.id}u{record['number']}", self._key or "")

    def _runner(self, send: Send) -> Runner:
        idle = float(send.notes.get("idle_s", self._bounds.idle_s))
        if idle not in self._runners:
            runner = Runner(self._target, self._key, replace(self._bounds, idle_s=idle))
            self._runners[idle] = self._stack.enter_context(runner)
        return self._runners[idle]

    def _mine(self, records: Sequence[Record], send: Send, marker: str) -> Sequence[Record]:
        """Those with our marker. A request that cannot carry one, and one whose marker got lost, is told by its time."""
        marked = [record for record in records if marker.encode() in body(record)]
        alike = [record for record in records if record["method"] == send.method]
        if marked or (MARKER.encode() in send.body and len(alike) != 1):
            return marked
        return alike

    def _pair(self, client: Exchange, records: Sequence[Record], quiet: bool) -> Pair:
        self._seen.update(record["number"] for record in records)
        key = self._key or ""
        upstream = [exchange(record, client, f"{client.id}u{place}", key) for place, record in enumerate(records, 1)]
        credentials = [str(each.notes["credential"]) for each in upstream if each.notes["credential"]]
        return Pair(without_secrets(client, credentials), tuple(upstream))


def write(pair: Pair, log: RunWriter) -> None:
    log.exchange(pair.client)
    for each in pair.upstream:
        log.exchange(each)
