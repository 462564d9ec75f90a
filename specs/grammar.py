"""The facts of each wire format (``formats/<name>.yaml``): paths, output limit, place of the usage, end of a stream."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any

from echosounder.specs.lines import ROOT, YamlFile, load

UNKNOWN = "unknown"  # the format of an exchange on a path that no format is served under
Pointer = tuple[str | int, ...]
MEMBERS = {
    "title",
    "sources",
    "paths",
    "kinds",
    "bound",
    "headers",
    "events",
    "varying",
    "silent",
    "silent_unless",
    "end",
    "finish",
    "usage",
    "error",
    "probes",
    "example",
}
INNER = {"usage": {"at", "parts", "counts"}, "error": {"at", "message"}}
COUNTS = ("prompt", "completion", "total", "hit", "miss", "cached", "reasoning")
MEANINGS = {"ended", "bounded", "called", "filtered", "interrupted"}
PARTS = {"replaced", "merged"}
EVENTS = {"named", "unnamed"}


@dataclass(frozen=True, slots=True)
class Grammar:
    """One wire format.

    ``paths``: where it is served, the first is the one to ask. ``kinds``: of requests that can be asked in it (chat, json, tools, fim).
    ``bound``: the member of a request that bounds the output, tokens. ``headers`` of a request; ``{key}`` stands for the API key.
    ``end_data``: the data of the event that ends a stream, None where streams end by the names ``end_events``.
    ``named``: events may have a name. ``varying``: members of events that differ from each to the next and tell nothing.
    ``silent``: names of events that say nothing that an earlier or a later one does not say. ``silent_unless``: names of events
    that say no more than a role, each with a text that stands in those which do.
    ``finish``: why an answer ended -> ended, bounded, called, filtered or interrupted.
    ``usage`` and ``error`` point into a non-streaming response; ``counts`` (of COUNTS, those that the format has) into the usage
    object, ``message`` into the error. ``merged``: several usage objects of a stream are parts of one; else the last counts.
    ``probes``: whole, stream -> the probe whose requirements hold for any such request.
    ``example``: a short stream that has everything, as it stands on the wire.
    """

    name: str
    title: str = ""
    paths: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    bound: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    end_data: str | None = None
    end_events: frozenset[str] = frozenset()
    finish: Mapping[str, str] = field(default_factory=dict)
    usage: Pointer = ()
    merged: bool = False
    counts: Mapping[str, Pointer] = field(default_factory=dict)
    named: bool = False
    varying: tuple[str, ...] = ()
    silent: frozenset[str] = frozenset()
    silent_unless: tuple[tuple[str, str], ...] = ()
    error: Pointer = ()
    message: Pointer = ()
    probes: Mapping[str, str] = field(default_factory=dict)
    example: str = ""

    def meaning(self, word: object) -> str | None:
        """Meaning of a finish reason; None for one that the format does not know, of any type."""
        return self.finish.get(word) if isinstance(word, str) else None


@functools.cache
def grammars() -> dict[str, Grammar]:
    """The formats that this version knows, by name."""
    return {name_of(table): read(table) for table in files()}


def under(path: str) -> str:
    """The name of the format that is served under an API path (``/beta/completions``, with or without a query), or ``unknown``."""
    return _paths().get(path.partition("?")[0], UNKNOWN)


@functools.cache
def _paths() -> dict[str, str]:
    return {path: grammar.name for grammar in grammars().values() for path in grammar.paths}


def files(root: Traversable = ROOT) -> Iterator[YamlFile]:
    names = (entry.name for entry in root.joinpath("formats").iterdir())
    return (load(f"formats/{name}", root) for name in sorted(names) if name.endswith(".yaml"))


def name_of(table: YamlFile) -> str:
    """The name of a format is that of its file."""
    return table.name.rpartition("/")[2].removesuffix(".yaml")


def read(table: YamlFile) -> Grammar:
    """SpecError with file and line for a member that is missing, unknown or without sense."""
    row = table.value
    if wrong := MEMBERS.symmetric_difference(row):
        raise table.error((), f"missing or unknown members: {', '.join(sorted(wrong))}")
    for name, members in INNER.items():
        if wrong := members.symmetric_difference(row[name]):
            raise table.error((name,), f"missing or unknown members of {name}: {', '.join(sorted(wrong))}")
    for path, value, known in _words(row):
        if value not in known:
            raise table.error(path, f"{value!r} is not one of {', '.join(sorted(known))}")
    if not row["end"] or set(row["end"]) - {"data", "events"}:
        raise table.error(
            ("end",), "a stream ends with the data of an event, or with events of some names: data, events"
        )
    return Grammar(
        name=name_of(table),
        title=row["title"],
        paths=tuple(row["paths"]),
        kinds=tuple(row["kinds"]),
        bound=row["bound"],
        headers=row["headers"],
        end_data=row["end"].get("data"),
        end_events=frozenset(row["end"].get("events", ())),
        named=row["events"] == "named",
        varying=tuple(row["varying"]),
        silent=frozenset(row["silent"]),
        silent_unless=tuple(row["silent_unless"].items()),
        finish=row["finish"],
        usage=pointer(row["usage"]["at"]),
        merged=row["usage"]["parts"] == "merged",
        counts={name: pointer(where) for name, where in row["usage"]["counts"].items()},
        error=pointer(row["error"]["at"]),
        message=pointer(row["error"]["message"]),
        probes=row["probes"],
        example=row["example"],
    )


def _words(row: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str, set[str]]]:
    """``(path, value, allowed values)`` of every place that takes one of a few words."""
    yield ("events",), row["events"], EVENTS
    yield ("usage", "parts"), row["usage"]["parts"], PARTS
    for word, meaning in row["finish"].items():
        yield ("finish", word), meaning, MEANINGS
    for name in row["usage"]["counts"]:
        yield ("usage", "counts", name), name, set(COUNTS)


def pointer(text: str) -> Pointer:
    """A JSON pointer (RFC 6901, without its escapes) as steps: ``/content/0/text`` is content, 0, text; the empty one is the whole."""
    return tuple(int(step) if step.isdigit() else step for step in text.split("/")[1:])
