"""Compares the answers of two targets to the same probes. Repeated probes tell differences from noise.

What is compared are *facts*: things about an answer that a client can rely on or trip over, without the text that a model
makes up. A fact differs when no value of it was seen on both sides; one that varies within a side and overlaps is noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from echosounder.judgement.answers import answer, completion, wants_stream
from echosounder.wire.exchange import Exchange
from echosounder.wire.stream import stream_end
from echosounder.wire.strict_json import at

# Headers that name a moment, a machine or a connection say nothing about an API.
PASSING = frozenset({"date", "server", "via", "connection", "keep-alive", "content-length", "transfer-encoding", "age"})
SIDES = ("reference", "candidate")
ABSENT = {"absent"}
Steps = dict[tuple[str, str], list[Exchange]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact that no answer of one side shares with any of the other, in the same way at all places of ``where``.

    Values are text, without duplicates; a place is a probe and its step; ``exchanges`` are the first of each side that shows it, empty
    if that side has none.
    """

    fact: str
    reference: tuple[str, ...]
    candidate: tuple[str, ...]
    where: tuple[str, ...]
    exchanges: tuple[str, str]

    @property
    def sentence(self) -> str:
        return f"{self.fact} is {' or '.join(self.candidate)}, the reference has {' or '.join(self.reference)}"


def differences(reference: Iterable[Exchange], candidate: Iterable[Exchange]) -> tuple[Difference, ...]:
    """Differences between two sides that received the same probes, each any number of times."""
    ours, theirs = _by_step(reference), _by_step(candidate)
    found: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[tuple[str, str]]] = {}
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        for values in _unshared(_facts_of(ours.get(key, ())), _facts_of(theirs.get(key, ()))):
            found.setdefault(values, []).append(key)
    return tuple(_difference(values, places, ours, theirs) for values, places in found.items())


def _unshared(
    left: dict[str, set[str]], right: dict[str, set[str]]
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """What the two sides of one step never have in common. Where an object is missing its members are not told, too."""
    missing: set[str] = set()
    for fact in dict.fromkeys((*left, *right)):
        was, became = left.get(fact, ABSENT), right.get(fact, ABSENT)
        if was & became:
            continue
        if ABSENT in (was, became):
            missing.add(fact)
        if fact.rpartition("/")[0] not in missing:
            yield fact, tuple(sorted(was)), tuple(sorted(became))


def _difference(
    values: tuple[str, tuple[str, ...], tuple[str, ...]], places: list[tuple[str, str]], ours: Steps, theirs: Steps
) -> Difference:
    first = [side[places[0]][0].id if places[0] in side else "" for side in (ours, theirs)]
    return Difference(*values, tuple(" ".join(place).strip() for place in places), (first[0], first[1]))


def facts(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """``(name, value)``: transport, end, members and their types."""
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
    kind = {"dict": "object", "list": "array", "str": "string", "NoneType": "null"}.get(
        type(value).__name__, type(value).__name__
    )
    yield place, kind
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _walk(member, f"{place}/{name}")
    elif isinstance(value, list):
        for member in value:
            yield from _walk(member, f"{place}/*")


def _by_step(exchanges: Iterable[Exchange]) -> Steps:
    steps: Steps = {}
    for exchange in exchanges:
        steps.setdefault((exchange.probe, exchange.step), []).append(exchange)
    return steps


def _facts_of(exchanges: Sequence[Exchange]) -> dict[str, set[str]]:
    """The values of each fact over all answers; a fact that one answer has and another lacks is also ``absent``."""
    each = [dict(facts(exchange)) for exchange in exchanges]
    names = dict.fromkeys(name for found in each for name in found)
    return {name: {found.get(name, "absent") for found in each} for name in names}
