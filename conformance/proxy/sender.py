"""The proxy position: one request at a time, or a non-streaming one during a stream, followed by its record at the upstream.

The only module of this package, with :mod:`conformance.proxy.upstream`, that opens sockets and reads a clock.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import repeat, zip_longest
from threading import Lock
from types import TracebackType
from typing import Self

from echosounder.conformance.ask import Ask, Send
from echosounder.conformance.http_sender import Bounds, HttpSender
from echosounder.conformance.meter import RunMeter
from echosounder.conformance.positions import Answered, choose, list_models
from echosounder.conformance.proxy import gate
from echosounder.conformance.proxy.probes import MARKER
from echosounder.conformance.proxy.secrecy import without_secrets
from echosounder.conformance.proxy.upstream import Record, UpstreamControl, body, exchange
from echosounder.judgement.pairs import behaviours
from echosounder.judgement.pairs.pair import Pair
from echosounder.wire.errors import CannotJudge
from echosounder.wire.exchange import Exchange
from echosounder.wire.target import Target

FIRST = "proxy.first"
"""The probe that only asks whether the proxy forwards to us."""
PATIENCE_S = 1.5
"""How long an answer may still be under way upstream when the client has its own."""
CANCEL_PATIENCE_S = 3.5
"""The same after the client hung up: longer than any of our streams lasts."""


class PairSender:
    """Sends through the proxy *target* to the mock behind it. Use as a context manager.

    As a :class:`conformance.probe_sender.Position` it gives both sides of each request.
    """

    subject = "the proxy"

    def __init__(self, target: Target, key: str | None, bounds: Bounds, upstream: UpstreamControl, salt: str) -> None:
        self._target, self._key, self._bounds, self._upstream, self._salt = target, key, bounds, upstream, salt
        self._redact = target.redactor(key)
        self._runners: dict[tuple[float, int], HttpSender] = {}
        self._markers: dict[bytes, Exchange] = {}
        self._seen: set[int] = set()
        self._sent, self._counting = 0, Lock()
        self._start = upstream.count()
        self._meter = RunMeter(bounds.run_s, bounds.run_body)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def model(self, profile: str) -> str:
        """The first model that the proxy lists and the profile knows, as in any check run."""
        return choose(list_models(self._runner(Ask(profile, "").get("/models")), profile, "0"), profile)

    def first(self, profile: str) -> None:
        """The list of models, requested from our own mock, is not part of the run."""

    def send(self, sends: Sequence[Send], probe: str, number: int) -> list[Answered]:
        """Raises ``CannotJudge`` when the upstream is gone."""
        return [self._answered(pair) for pair in self.pairs(sends, probe)]

    def _answered(self, pair: Pair) -> Answered:
        """Silence although the upstream was honest: with a failing one, it may be what the proxy makes of it."""
        silent = pair.client.status is None and not pair.behaviour and not pair.arrived
        dead_end = gate.verdict(pair, self._upstream.url) if pair.client.probe == FIRST else None
        return Answered((pair.client, *pair.upstream), silent, dead_end)

    def rest(self) -> None:
        """Restores the upstream to honest behavior, as it was found."""
        with suppress(CannotJudge):  # gone: the run says so already
            self._upstream.behave("")

    def pairs(self, sends: Sequence[Send], probe: str) -> list[Pair]:
        """Both sides of concurrent requests: streams with the same answer, and non-streaming requests, so that the upstream can choose
        the answer of each. Raises ``CannotJudge`` if the upstream is gone.
        """
        self._behave(sends)
        time.sleep(max(float(send.notes.get("rest_s", 0)) for send in sends))
        since = self._upstream.count()
        with ThreadPoolExecutor(len(sends)) as lanes:
            clients = list(lanes.map(self._client, sends, range(len(sends)), repeat(probe)))
        hung_up = any(send.cancel_after is not None or "idle_s" in send.notes for send in sends)
        records = self._upstream.arrivals(since, CANCEL_PATIENCE_S if hung_up else PATIENCE_S)
        return [
            self._pair(client, self._mine(records, send, marker))
            for send, (client, marker) in zip(sends, clients, strict=True)
        ]

    def _behave(self, sends: Sequence[Send]) -> None:
        told = [(str(send.notes.get("upstream", "")), send) for send in sends]
        if len(sends) > 1:
            told = [(behaviours.only(text, stream=streams(send)), send) for text, send in told if text]
        self._upstream.behave(";".join(dict.fromkeys(text for text, _ in told if text)))

    def _client(self, send: Send, lane: int, probe: str) -> tuple[Exchange, bytes]:
        """The client's side, and the marker that it was sent with."""
        with self._counting:
            self._sent += 1
            number = self._sent
        name = f"{self._salt} {send.notes.get('again', number)}"
        marker = b"es" + hashlib.blake2b(name.encode(), digest_size=5).hexdigest().encode()
        marked = send.but(body=send.body.replace(MARKER.encode(), marker))
        client = self._runner(send, lane).send(marked, str(number), probe)
        if MARKER.encode() in send.body:
            self._markers[marker] = client
        return client, marker

    def stragglers(self) -> Iterator[Exchange]:
        """Late requests from background retries, received after their exchange was recorded."""
        records = self._upstream.arrivals(self._start, 0.0)
        for record in records:
            client = next((each for marker, each in self._markers.items() if marker in body(record)), None)
            if record["number"] not in self._seen and client is not None:
                self._seen.add(record["number"])
                yield exchange(record, client, f"{client.id}u{record['number']}", self._key or "", self._redact)

    def _runner(self, send: Send, lane: int = 0) -> HttpSender:
        """A runner has the stamps of one exchange at a time, so each lane has its own."""
        idle = float(send.notes.get("idle_s", self._bounds.idle_s))
        if (idle, lane) not in self._runners:
            runner = HttpSender(self._target, self._key, replace(self._bounds, idle_s=idle), self._meter)
            self._runners[idle, lane] = self._stack.enter_context(runner)
        return self._runners[idle, lane]

    def _mine(self, records: Sequence[Record], send: Send, marker: bytes) -> Sequence[Record]:
        """Those with our marker. A request that cannot carry one, and one whose marker got lost, is told by its time."""
        marked = [record for record in records if marker in body(record)]
        others = [other for other in self._markers if other != marker]
        alike = [
            record
            for record in records
            if record["method"] == send.method and not any(other in body(record) for other in others)
        ]
        if marked or (MARKER.encode() in send.body and len(alike) != 1):
            return marked
        return alike

    def _pair(self, client: Exchange, records: Sequence[Record]) -> Pair:
        self._seen.update(record["number"] for record in records)
        key = self._key or ""
        upstream = [
            exchange(record, client, f"{client.id}u{place}", key, self._redact)
            for place, record in enumerate(records, 1)
        ]
        credentials = [str(each.notes["credential"]) for each in upstream if each.notes["credential"]]
        return Pair(without_secrets(client, credentials), tuple(upstream))


def streams(send: Send) -> bool:
    return b'"stream":true' in send.body


def beside(sends: Sequence[Send]) -> Iterator[list[Send]]:
    """Combines each non-streaming request with a stream, as long as there are both."""
    documents, others = [[send for send in sends if streams(send) is which] for which in (False, True)]
    for both in zip_longest(documents, others):
        yield [send for send in both if send is not None]
