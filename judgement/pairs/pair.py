"""Both sides of one request: the client's request and answer, and the requests that reached the upstream because of it, with
their answers.

In the log each side is an Exchange of its own. The client's is what any check run writes, with ``notes["upstream"]`` naming how
the upstream was told to behave. The upstream's has ``side`` ``upstream``, the client's probe, its id followed by
``u1``, ``u2``, …, and in ``notes``: ``of`` (the client's id), ``deviations`` (what the mock did on purpose, and whether
it took effect), ``closed`` (when the proxy was seen to hang up, ns). Its request is what arrived; its reads are the *writes* of the
mock. All stamps of both are of one clock, so they can be drawn on one axis.

They are joined by a marker, a word in the prompt that nobody else sends. Headers are what proxies strip, unknown members are what
gateways drop, and both would make the loss of a field look like the loss of a request; the prompt is the one thing
that a proxy has to pass on. The marker is the same on both sides, so it takes no part in any comparison.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from echosounder.judgement.pairs.alignment import Located, answer_changes, request_changes
from echosounder.wire.exchange import UPSTREAM, Exchange


@dataclass(frozen=True)
class Pair:
    """``upstream`` has one exchange for each arrival of the request there, in order; none if it never arrived."""

    client: Exchange
    upstream: tuple[Exchange, ...] = ()

    @property
    def arrived(self) -> bool:
        return bool(self.upstream)

    @property
    def step(self) -> str:
        return self.client.step

    @property
    def behaviour(self) -> str:
        """The behavior requested of the upstream, as the mock names it; empty for honest."""
        return str(self.client.notes.get("upstream", ""))

    @property
    def source(self) -> Exchange:
        """The upstream's side of the client's answer: its last answer. Raises IndexError if no request arrived."""
        return self.upstream[-1]

    @property
    def took_effect(self) -> bool:
        """Whether the upstream carried out all requested behavior, at least the first time."""
        told: list[dict[str, Any]] = self.upstream[0].notes["deviations"] if self.upstream else []
        return bool(told) and all(one["applied"] for one in told) if self.behaviour else True

    @property
    def judgeable(self) -> bool:
        return self.arrived and self.took_effect

    @cached_property
    def request_changes(self) -> tuple[Located, ...]:
        """Changes that the proxy made to the request, the first time it forwarded it."""
        return tuple(request_changes(self.client, self.upstream[0]))

    @cached_property
    def answer_changes(self) -> tuple[Located, ...]:
        """Changes that the proxy made to the answer."""
        return tuple(answer_changes(self.source, self.client))


def upstream_side(exchange: Exchange) -> bool:
    return exchange.side == UPSTREAM


def pairs(exchanges: Iterable[Exchange]) -> tuple[Pair, ...]:
    """The pairs of a log, in the order of the client's sides."""
    exchanges = tuple(exchanges)
    reached: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        if upstream_side(exchange):
            reached.setdefault(exchange.notes["of"], []).append(exchange)
    clients = (exchange for exchange in exchanges if not upstream_side(exchange))
    return tuple(_pair(client, tuple(reached.get(client.id, ()))) for client in clients)


def _pair(client: Exchange, upstream: tuple[Exchange, ...]) -> Pair:
    """The same pair for the same two sides, with what was compared already: a run is judged more than once."""
    kept: Pair | None = client.derived.get("pair")
    if kept is None or len(kept.upstream) != len(upstream) or any(map(operator.is_not, kept.upstream, upstream)):
        kept = client.derived["pair"] = Pair(client, upstream)
    return kept
