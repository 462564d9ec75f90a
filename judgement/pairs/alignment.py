"""Aligns the two sides of a proxy, and lists the changes between them.

Documents are compared as they stand. Streams are compared twice: joined (the text, the calls, the usage, wherever their parts
were cut) and event by event, aligned by what each event says, so that one lost event is one change and not a hundred.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from echosounder.judgement.answers import answer, wants_stream
from echosounder.judgement.checks.logprobs import itemised
from echosounder.judgement.pairs.json_changes import Change, ChangeKind, changes, read
from echosounder.wire.answer import Answer
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at, compact

JOINED = frozenset({"content", "reasoning_content", "text", "tool_calls", "finish_reason", "usage", "logprobs"})
"""Members of a chunk that are judged joined."""
EVENT = "/event"


@dataclass(frozen=True, slots=True)
class Located:
    """A change, and the event of the client's stream where it shows."""

    change: Change
    event: int | None = None


def request_changes(sent: Exchange, received: Exchange) -> Iterator[Located]:
    """Changes from the client's request to the one that the upstream received. A change of the whole body has the empty pointer."""
    before, after = sent.request.body, received.request.body
    if before == after:
        return
    try:
        old, new = read(before.decode()), read(after.decode())
    except ValueError:
        yield Located(Change(ChangeKind.CHANGED, "", _text(before), _text(after)))
        return
    yield from map(Located, changes(old, new))


def answer_changes(written: Exchange, got: Exchange) -> Iterator[Located]:
    """Changes from the upstream's response to the client's, if both ended normally."""
    if not wants_stream(written) and not wants_stream(got):
        yield from _documents(written, got)
        return
    joined = list(changes(_joined(written), _joined(got)))
    yield from map(Located, joined)
    if wants_stream(written) and wants_stream(got):
        yield from _events(written.data, got.data, recut=not joined)


def _documents(written: Exchange, got: Exchange) -> Iterator[Located]:
    try:
        old, new = read(written.text), read(got.text)
    except ValueError:
        yield Located(Change(ChangeKind.CHANGED, "", _text(written.body), _text(got.body)))
        return
    yield from map(Located, changes(old, new))


def _joined(exchange: Exchange) -> Any:
    """An answer as one document, whichever way it came."""
    found: Answer = answer(exchange)
    calls = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in found.calls]
    choice = {
        "content": found.content or "",
        "reasoning_content": found.reasoning or "",
        "tool_calls": calls,
        "finish_reason": list(found.finishes),
        "logprobs": [item for _, _, item in itemised(exchange)],
    }
    return read(compact({"choices": [choice], "usage": found.usage_raw}))


def _events(written: Sequence[str], got: Sequence[str], recut: bool) -> Iterator[Located]:
    """Changes of single events; *recut* says whether to report that the same text came in other pieces."""
    if written == got:
        return
    matcher = SequenceMatcher(None, [*map(_said, written)], [*map(_said, got)], autojunk=False)
    for _, start, stop, first, last in matcher.get_opcodes():
        both = min(stop - start, last - first)
        for step in range(both):
            yield from _event(written[start + step], got[first + step], first + step, recut)
        yield from (
            Located(Change(ChangeKind.DROPPED, EVENT, text), first + both) for text in written[start + both : stop]
        )
        for index in range(first + both, last):
            yield Located(Change(ChangeKind.ADDED, EVENT, None, got[index]), index)


def _event(written: str, got: str, index: int, recut: bool) -> Iterator[Located]:
    if written == got:
        return
    try:
        found = list(changes(read(written), read(got)))
    except ValueError:
        yield Located(Change(ChangeKind.CHANGED, EVENT, written, got), index)
        return
    for change in found:
        if change.kind is ChangeKind.ADDED or recut or not JOINED & set(change.pointer.split("/")):
            yield Located(change, index)


def _said(text: str) -> str:
    """What an event contributes to the answer; ids, stamps and unknown members take no part."""
    try:
        chunk = read(text)
    except ValueError:
        return text
    choice = at(chunk, "choices", 0)
    delta = at(choice, "delta")
    parts = [at(delta, "content"), at(delta, "reasoning_content"), at(choice, "text"), at(choice, "finish_reason")]
    calls = [at(call, "function", "arguments") for call in at(delta, "tool_calls") or () if isinstance(call, dict)]
    return compact([parts, calls, at(chunk, "usage") is not None, at(chunk, "error") is not None])


def _text(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")
