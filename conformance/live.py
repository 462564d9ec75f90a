"""Two targets side by side: the same probes to both, and only what differs. Repetition tells difference from noise.

What is compared are *facts*: things about an answer that a client can rely on or trip over, without the text that a model
makes up. A fact differs when no value of it was seen on both sides; one that varies within a side and overlaps is noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import specs
from conformance.answers import answer, completion, wants_stream
from conformance.ask import Ask
from conformance.planner import plan
from conformance.probe import Probe, Suite
from conformance.runner import Bounds, Runner
from wire.exchange import Exchange
from wire.stream import stream_end
from wire.strict_json import at
from wire.target import Target

# Headers that name a moment, a machine or a connection say nothing about an API.
PASSING = frozenset({"date", "server", "via", "connection", "keep-alive", "content-length", "transfer-encoding", "age"})
BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact of one step that no answer of the one side shares with any of the other; values as text, each once."""

    probe: str
    step: str
    fact: str
    reference: tuple[str, ...]
    candidate: tuple[str, ...]

    @property
    def sentence(self) -> str:
        where = f"{self.probe} {self.step}".strip()
        return f"{where}: {self.fact} is {' or '.join(self.candidate)}, the reference has {' or '.join(self.reference)}"


def differences(reference: Iterable[Exchange], candidate: Iterable[Exchange]) -> Iterator[Difference]:
    """What differs between two sides that were sent the same probes, each as often as one likes."""
    ours, theirs = _by_step(reference), _by_step(candidate)
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        left, right = _facts_of(ours.get(key, ())), _facts_of(theirs.get(key, ()))
        for fact in dict.fromkeys((*left, *right)):
            was, became = left.get(fact, {"absent"}), right.get(fact, {"absent"})
            if not was & became:
                yield Difference(*key, fact, tuple(sorted(was)), tuple(sorted(became)))


def facts(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """``(name, value)``: how the answer was carried, how it ended, what members it has and of which types."""
    yield "status", str(exchange.status) if exchange.status is not None else f"none ({exchange.end})"
    if exchange.status is None:
        return
    yield "media type", exchange.media_type or "none"
    for name, _ in exchange.headers:
        if name.lower() not in PASSING:
            yield f"header {name.lower()}", "present"
    yield from _said(exchange)


def _said(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """What stands in the body."""
    if wants_stream(exchange) and exchange.status == 200:
        yield "end of stream", str(stream_end(exchange))
        yield from _members("chunk", (value for _, value in exchange.chunks))
    elif exchange.json is not None:
        yield from _members("body", [exchange.json])
    for name in ("type", "code"):
        if (value := at(exchange.json, "error", name)) is not None:
            yield f"error.{name}", str(value)
    if completion(exchange):
        yield "finish_reason", str(answer(exchange).finish)
        yield "tool calls", str(len(answer(exchange).calls))


def _members(label: str, values: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Every member that occurs, with the types that it has; indexes are left out."""
    types: dict[str, set[str]] = {}
    for value in values:
        for place, kind in _walk(value):
            types.setdefault(place, set()).add(kind)
    for place, kinds in types.items():
        yield f"{label} {place or '/'}", "/".join(sorted(kinds))


def _walk(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    kind = {"dict": "object", "list": "array", "str": "text", "NoneType": "null"}.get(
        type(value).__name__, type(value).__name__
    )
    yield place, kind
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _walk(member, f"{place}/{name}")
    elif isinstance(value, list):
        for member in value:
            yield from _walk(member, f"{place}/*")


def _by_step(exchanges: Iterable[Exchange]) -> dict[tuple[str, str], list[Exchange]]:
    steps: dict[tuple[str, str], list[Exchange]] = {}
    for exchange in exchanges:
        steps.setdefault((exchange.probe, exchange.step), []).append(exchange)
    return steps


def _facts_of(exchanges: Sequence[Exchange]) -> dict[str, set[str]]:
    """The values of each fact over all answers; a fact that one answer has and another lacks is also ``absent``."""
    each = [dict(facts(exchange)) for exchange in exchanges]
    names = dict.fromkeys(name for found in each for name in found)
    return {name: {found.get(name, "absent") for found in each} for name in names}


def send(
    target: Target, key: str | None, ask: Ask, probes: Iterable[Probe], times: int, bounds: Bounds
) -> list[Exchange]:
    """Every probe *times* times to *target*, one request at a time."""
    exchanges: list[Exchange] = []
    with Runner(target, key, bounds) as runner:
        for probe in probes:
            for _ in range(times):
                exchanges += _one(runner, probe, ask, len(exchanges))
    return exchanges


def _one(runner: Runner, probe: Probe, ask: Ask, first: int) -> Iterator[Exchange]:
    steps, number = probe.steps(ask), first
    try:
        wanted = next(steps)
        while True:
            number += 1
            exchange = runner.send(wanted, str(number), probe.name)
            yield exchange
            wanted = steps.send(exchange)
    except StopIteration:
        return


def planned(ask: Ask, suite: Suite = Suite.SMOKE, only: Sequence[str] = ()) -> tuple[Probe, ...]:
    """The probes of a suite, as for a check run."""
    return plan(ask, suite, datetime.now(UTC), only).probes


def compare(
    reference: Target,
    candidate: Target,
    keys: tuple[str | None, str | None] = (None, None),
    profile: str = specs.DEFAULT_PROFILE,
    suite: Suite = Suite.SMOKE,
    times: int = 3,
    bounds: Bounds = BOUNDS,
) -> tuple[Difference, ...]:
    """Sends to both and says what differs. Each side is asked for its own model (``Target.model``), the profile's first without one."""
    sides = []
    for target, key in zip((reference, candidate), keys, strict=True):
        ask = Ask(profile, target.model or specs.models(profile)[0])
        sides.append(send(target, key, ask, planned(ask, suite), times, bounds))
    return tuple(differences(*sides))
