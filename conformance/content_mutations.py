"""Mutants of an answer's content: of every member of its JSON, and of the lines, events and chunks of a stream."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

from echosounder.wire import sse
from echosounder.wire.exchange import Exchange, Headers, Read

Make = Callable[[], Exchange]
Mutant = tuple[str, Make]
GONE = object()  # the member is deleted
VALUES: tuple[tuple[str, Any], ...] = (
    ("deleted", GONE),
    ("null", None),
    ("empty text", ""),
    ("zero", 0),
    ("minus one", -1),
    ("a million", 1_000_000),
    ("seven", 7),
    ("half", 0.5),
    ("a word", "word"),
    ("an empty array", []),
    ("an empty object", {}),
    ("true", True),
)
TEXTS = (
    "<think>hm</think> yes",
    "``" + "`json\n{}\n``" + "`",
    "<｜tool▁calls▁begin｜>",
    "那\ufffd",
    " " * 60,
    "HALT",
    "[1, 2]",
    "Traceback (most recent call last)",
    "stop",
    "half \ud83d",
)


def contents(exchange: Exchange) -> Iterator[Mutant]:
    """Contents of a stream, or of a non-streaming response if it is JSON."""
    if exchange.events:
        yield from _streams(exchange)
    elif exchange.json is not None:
        for name, change in _values(exchange.json):
            yield name, partial(_documented, exchange, change)


def _documented(exchange: Exchange, change: Callable[[], Any]) -> Exchange:
    return with_body(exchange, json.dumps(change()).encode())


def with_body(exchange: Exchange, body: bytes) -> Exchange:
    """The exchange with another body, in as many reads as before if it is a stream: one per event."""
    stamps = [read.at for read in exchange.reads] or [exchange.t_headers or 0]
    parts = [part + b"\n\n" for part in body.split(b"\n\n") if part] if b"\n\n" in body and exchange.events else [body]
    reads = [Read(stamps[min(index, len(stamps) - 1)], part) for index, part in enumerate(parts)]
    return replace(exchange, reads=tuple(reads), headers=without(exchange.headers, "content-encoding"))


def without(headers: Headers, name: str) -> Headers:
    return tuple((key, value) for key, value in headers if key.lower() != name)


def _values(value: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The document with one member changed, for every member."""
    for path in _paths(value):
        for name, other in (*VALUES, *_neighbours(_at(value, path))):
            yield f"/{'/'.join(map(str, path))} {name}", partial(_changed, value, path, other)


def _changed(value: Any, path: tuple[str | int, ...], other: Any) -> Any:
    changed = deepcopy(value)
    _set(changed, path, other)
    return changed


def _neighbours(value: Any) -> Iterator[tuple[str, Any]]:
    """Values of the same type that are wrong all the same."""
    if isinstance(value, bool):
        yield "inverted", not value
    elif isinstance(value, (int, float)):
        yield from (("one more", value + 1), ("one less", value - 1), ("doubled", value * 2))
    elif isinstance(value, str):
        yield from ((f"the text {text[:12]!r}", text) for text in TEXTS)
        yield "doubled", value + value
        yield "cut", value[:-1]
    elif isinstance(value, list):
        yield "doubled", value + deepcopy(value)
        yield "reversed", value[::-1]
    elif isinstance(value, dict):
        yield "with error", {**value, "error": {"message": "No."}}
        yield "with message", {**value, "message": {"role": "assistant", "content": "No."}}
        yield "with reasoning", {**value, "reasoning_content": None}
        yield "with empty calls", {**value, "tool_calls": []}


def _paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    members: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value[:3]))
    for key, member in members:
        yield (*path, key)
        yield from _paths(member, (*path, key))


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def _set(value: Any, path: tuple[str | int, ...], other: Any) -> None:
    holder = _at(value, path[:-1])
    if other is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = deepcopy(other)


def _streams(exchange: Exchange) -> Iterator[Mutant]:
    """Mutants of a stream: of its lines, of the order of its events, and of the JSON of its first, second, middle and last chunk."""
    for name, rewrite in LINES.items():
        yield name, partial(with_body, exchange, rewrite(exchange.body))
    data = list(exchange.data)
    last = len(data) - 1
    for name, changed in (
        ("without [DONE]", data[:-1]),
        ("[DONE] twice", [*data, data[-1]]),
        ("an event after [DONE]", [*data, data[0]]),
        ("first event lost", data[1:]),
        ("an event lost", data[: last // 2] + data[last // 2 + 1 :]),
        ("two events exchanged", [*data[:1], *data[2:3], *data[1:2], *data[3:]]),
        ("last chunks exchanged", [*data[: last - 2], *data[last - 2 : last][::-1], *data[last:]]),
        ("first chunk twice", [data[0], *data]),
        ("finish twice", [*data[:last], data[last - 1], *data[last:]]),
        ("only [DONE]", data[-1:]),
        ("an error, then [DONE]", [*data[:2], '{"error":{"message":"No."}}', data[-1]]),
        ("a keep-alive as data", [data[0], ": keep-alive", *data[1:]]),
        (
            "half a document per event",
            [part for text in data for part in (text[: len(text) // 2], text[len(text) // 2 :])],
        ),
    ):
        yield name, partial(with_body, exchange, _encoded(changed))
    for index in sorted({0, 1, last // 2, max(last - 1, 0)}):
        for name, change in _values(_json(data[index])):
            yield f"chunk {index} {name}", partial(_one_chunk, exchange, index, change)
    for name, edit in EVERY.items():
        yield name, partial(_every_chunk, exchange, edit)


def _one_chunk(exchange: Exchange, index: int, change: Callable[[], Any]) -> Exchange:
    data = list(exchange.data)
    data[index] = json.dumps(change())
    return with_body(exchange, _encoded(data))


def _every_chunk(exchange: Exchange, edit: Callable[[int, Any], Any]) -> Exchange:
    edited = [
        text if text == "[DONE]" else json.dumps(edit(number, _json(text))) for number, text in enumerate(exchange.data)
    ]
    return with_body(exchange, _encoded(edited))


LINES: dict[str, Callable[[bytes], bytes]] = {
    "lines without data:": lambda body: body.replace(b"data: ", b""),
    "data: without a space": lambda body: body.replace(b"data: ", b"data:"),
    "[Done]": lambda body: body.replace(b"[DONE]", b"[Done]"),
    "[DONE] without data:": lambda body: body.replace(b"data: [DONE]", b"[DONE]"),
    "events with a name": lambda body: body.replace(b"data: {", b"event: chunk\ndata: {"),
    "events of two lines": lambda body: body.replace(b'"choices"', b'\ndata: "choices"'),
    "a keep-alive inside of an event": lambda body: body.replace(b'"object"', b'"obj: keep-alive\n\nect"', 1),
}


def _renumber(number: int, chunk: Any) -> Any:
    for choice in chunk.get("choices", ()):
        choice["index"] = number
    return chunk


def _role(number: int, chunk: Any) -> Any:
    for choice in chunk.get("choices", ()):
        choice.setdefault("delta", {})["role"] = "assistant"
    return chunk


def _own(name: str) -> Callable[[int, Any], Any]:
    return lambda number, chunk: {**chunk, name: f"{chunk.get(name)}-{number}"}


def _counting(number: int, chunk: Any) -> Any:
    counts = {"prompt_tokens": 9, "completion_tokens": number, "total_tokens": 9 + number}
    return {**chunk, "usage": counts}


def _without_usage(number: int, chunk: Any) -> Any:
    return {name: value for name, value in chunk.items() if name != "usage"}


def _ids(number: int, chunk: Any) -> Any:
    for choice in chunk.get("choices", ()):
        for call in (choice.get("delta") or {}).get("tool_calls") or ():
            call["id"] = f"call_{number}"
    return chunk


def _blank(number: int, chunk: Any) -> Any:
    for choice in chunk.get("choices", ()):
        for call in (choice.get("delta") or {}).get("tool_calls") or ():
            call.setdefault("id", "")
    return chunk


class _SoFar:
    """Replaces each delta by all text so far."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, number: int, chunk: Any) -> Any:
        self.text = self.text if number else ""
        for choice in chunk.get("choices", ()):
            delta = choice.get("delta", choice)
            for name in ("content", "text"):
                if isinstance(delta.get(name), str):
                    self.text += delta[name]
                    delta[name] = self.text
        return chunk


EVERY: dict[str, Callable[[int, Any], Any]] = {
    "an index of its own in every chunk": _renumber,
    "a role in every chunk": _role,
    "an id of its own in every chunk": _own("id"),
    "a model of its own in every chunk": _own("model"),
    "a fingerprint of its own in every chunk": _own("system_fingerprint"),
    "a usage in every chunk": _counting,
    "no usage": _without_usage,
    "a call id of its own in every chunk": _ids,
    "a blank call id in later chunks": _blank,
    "deltas of all text so far": _SoFar(),
}


def _encoded(data: list[str]) -> bytes:
    return b"".join(sse.encode(sse.Event(text)) for text in data)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}
