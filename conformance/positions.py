"""Sends requests from one position, interprets the answers for going on, and chooses the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol

from echosounder import specs
from echosounder.conformance import gate
from echosounder.conformance.ask import Ask, Send
from echosounder.conformance.http_sender import HttpSender
from echosounder.judgement.answers import models
from echosounder.judgement.checks.served import dead, legal
from echosounder.judgement.setting import MODELS
from echosounder.wire.errors import CannotJudge
from echosounder.wire.exchange import End, Exchange


@dataclass(frozen=True, slots=True)
class Answered:
    """Result of one request. ``exchanges``: the client's first, then those that reached our upstream.

    ``silent``: True if an expected response did not arrive; None if that proves nothing, as after an invalid request. ``dead_end``:
    reason to end the run.
    """

    exchanges: tuple[Exchange, ...]
    silent: bool | None
    dead_end: CannotJudge | None = None


class Position(Protocol):
    """A position of the harness. ``subject`` names the target in messages."""

    subject: str

    def first(self, profile: str) -> Exchange | None:
        """The list of models, if the run begins with it."""

    def send(self, sends: Sequence[Send], probe: str, number: int) -> Sequence[Answered]:
        """Sends concurrent requests, with ids from *number* on."""


class Direct:
    """Directly to a target, one request at a time unless a probe needs several at once."""

    subject = "the target"

    def __init__(self, http: HttpSender) -> None:
        self._http, self._gates, self._gate = http, list[Exchange](), ""
        self._unserved, self._alive, self._serving = list[Exchange](), False, set[str]()

    def first(self, profile: str) -> Exchange:
        exchange = list_models(self._http, profile)
        self._gates.append(exchange)
        return exchange

    def send(self, sends: Sequence[Send], probe: str, number: int) -> list[Answered]:
        ids = [str(number + place) for place in range(len(sends))]
        if len(sends) == 1:
            return [self._answered(self._http.send(sends[0], ids[0], probe))]
        with ExitStack() as stack, ThreadPoolExecutor(len(sends)) as lanes:
            senders = [stack.enter_context(self._http.twin()) for _ in sends]
            exchanges = list(lanes.map(HttpSender.send, senders, sends, ids, repeat(probe)))
        return [self._answered(exchange) for exchange in exchanges]

    def _answered(self, exchange: Exchange) -> Answered:
        self._gate = self._gate or (exchange.probe if exchange.probe in gate.GATES else "")
        gates = exchange.probe == self._gate
        self._gates += [exchange] if gates else []
        dead_end = (gate.verdict(self._gates) if gates else None) or self._dead(exchange)
        self._serving |= {exchange.request.path} if exchange.status == 200 else set()
        return Answered((exchange,), None if self._crashed(exchange) else exchange.status is None, dead_end)

    def _crashed(self, exchange: Exchange) -> bool:
        """Whether a request without an answer says nothing about the others: a target that hangs on faulty requests alone, or closes
        on every request to a path that has served none, is not gone; one that accepts no connection is."""
        if exchange.status is not None or exchange.end is End.CONNECT_FAILED:
            return False
        closed = exchange.end in {End.TRUNCATED, End.RESET} and exchange.request.path not in self._serving
        return "fault" in exchange.notes or (self._alive and closed)

    def _dead(self, exchange: Exchange) -> CannotJudge | None:
        """Why it makes no sense to go on, where none of the first legal requests was served."""
        if self._alive or not legal(exchange):
            return None
        self._alive = not dead([exchange])
        self._unserved.append(exchange)
        return None if self._alive else gate.nothing_served([*self._gates[:1], *self._unserved])


def list_models(http: HttpSender, profile: str, id: str = "1") -> Exchange:
    return http.send(Ask(profile, "").get("/models"), id, MODELS)


TRIAL = "models.trial"
SPEECHLESS = re.compile(r"embed|rerank|whisper|tts|moderation|dall-e|bge-|transcri|diffusion", re.IGNORECASE)
"""Names of models that do not chat; what is not told by its name is asked."""


TRIALS = 3
"""So many of the models that a target lists are asked whether they chat."""


def choose(listed: Exchange | None, profile: str) -> str:
    """The first of :func:`candidates`."""
    return candidates(listed, profile)[0]


def candidates(listed: Exchange | None, profile: str) -> list[str]:
    """The first model of the profile that the target lists; else the listed models that may support chat; else the profile's first."""
    names = [name for name in models(listed) if name not in gate.ANY]
    known = [name for name in specs.models(profile) if name in names]
    talking = [name for name in names if not SPEECHLESS.search(name)]
    return known[:1] or talking or names or [specs.models(profile)[0]]


def chosen(position: Position, listed: Exchange | None, profile: str) -> tuple[str, list[Exchange]]:
    """The first candidate that answers if there are several, and the requests sent to find it."""
    names, asked = candidates(listed, profile)[:TRIALS], list[Exchange]()
    for name in names if len(names) > 1 else ():
        send = Ask(profile, name).chat("Hello.", max_tokens=1, thinking=...).but(notes={"open": "does it chat?"})
        [answered] = position.send([send], TRIAL, 2 + len(asked))
        asked.append(answered.exchanges[0])
        if asked[-1].status not in {400, 404, 422, 501}:
            return name if asked[-1].status == 200 else names[0], asked
    return names[0], asked
