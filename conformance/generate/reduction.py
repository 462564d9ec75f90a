"""A request that is answered wrongly, made smaller: delta debugging over its fields, rounds, calls, tools, members and texts.

Pure: :func:`reduction` yields smaller requests, is told after each whether it is still answered wrongly, and returns the
smallest that is. Every candidate is legal, so that no refusal of an illegal one is taken for the fault. After A. Zeller and
R. Hildebrandt, "Simplifying and isolating failure-inducing input", with chunks that only ever get smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from copy import deepcopy
from typing import Any, TypeVar

from echosounder.conformance.generate.legal import Body, legal
from echosounder.judgement.check import Subject

Unit = TypeVar("Unit")
Reduction = Generator[Body, bool, Body]
Path = tuple[str | int, ...]
KEPT = frozenset({"model", "messages", "prompt", "max_tokens"})
"""Never left out: without the last one nobody knows what an answer costs."""


def reduction(body: Body, path: str, ask: Subject) -> Reduction:
    """The candidates for *body*, which is sent to *path*; send True for each that is still answered wrongly."""
    before: Body = {}
    while body != before:
        before = body
        for level in LEVELS:
            body = yield from level(body, lambda candidate: legal(candidate, path, ask))
    return body


Legal = Callable[[Body], bool]


def _fewer(units: Sequence[Unit], build: Callable[[Sequence[Unit]], Body], body: Body, allowed: Legal) -> Reduction:
    """The body built of as few *units* as will do: all are left out at first, then halves, at last one by one.

    Two or three that only go together, as a question and the answer before it, may begin anywhere.
    """
    size = len(units)
    while size:
        start = 0
        while start < len(units):
            rest = [*units[:start], *units[start + size :]]
            candidate = build(rest)
            if allowed(candidate) and (yield candidate):
                units, body = rest, candidate
            else:
                start += size if size > 3 else 1
        size = min(size // 2 if size > 4 else size - 1, len(units))
    return body


def _fields(body: Body, allowed: Legal) -> Reduction:
    optional = [name for name in body if name not in KEPT]

    def build(names: Sequence[str]) -> Body:
        return {name: value for name, value in body.items() if name in KEPT or name in names}

    return (yield from _fewer(optional, build, body, allowed))


def _rounds(body: Body, allowed: Legal) -> Reduction:
    return (yield from _messages(body, list(_grouped(body, {"user"})), allowed))


def _exchanged(body: Body, allowed: Legal) -> Reduction:
    """Within the rounds: calls go with their results."""
    return (yield from _messages(body, list(_grouped(body, {"user", "assistant"})), allowed))


def _messages(body: Body, groups: list[list[Body]], allowed: Legal) -> Reduction:
    def build(kept: Sequence[list[Body]]) -> Body:
        return {**body, "messages": [turn for group in kept for turn in group]}

    return (yield from _fewer(groups, build, body, allowed))


def _grouped(body: Body, leaders: set[str]) -> Iterator[list[Body]]:
    """The messages in groups, each of which begins with a message of one of the roles *leaders*."""
    group: list[Body] = []
    for turn in body.get("messages") or ():
        if group and turn["role"] in leaders:
            yield group
            group = []
        group.append(turn)
    if group:
        yield group


def _calls(body: Body, allowed: Legal) -> Reduction:
    """Single calls, each with its result; an assistant message without calls is left out too."""
    ids = [call["id"] for turn in body.get("messages") or () for call in turn.get("tool_calls") or ()]

    def build(kept: Sequence[str]) -> Body:
        turns = [_only(turn, kept) for turn in body["messages"] if turn.get("tool_call_id", "") in {"", *kept}]
        return {**body, "messages": [turn for turn in turns if turn.get("tool_calls", True)]}

    return (yield from _fewer(ids, build, body, allowed))


def _only(turn: Body, ids: Sequence[str]) -> Body:
    if "tool_calls" not in turn:
        return turn
    return {**turn, "tool_calls": [call for call in turn["tool_calls"] if call["id"] in ids]}


def _elements(body: Body, allowed: Legal) -> Reduction:
    for name in ("tools", "stop"):
        if isinstance(body.get(name), list):

            def build(kept: Sequence[Any], body: Body = body, name: str = name) -> Body:
                return {**body, name: list(kept)}

            body = yield from _fewer(body[name], build, body, allowed)
    return body


def _members(body: Body, allowed: Legal) -> Reduction:
    """Members of messages, functions and options."""
    places = [path for path, value in _walk(body) if len(path) > 1 and isinstance(path[-1], str)]

    def build(kept: Sequence[Path]) -> Body:
        smaller = deepcopy(body)
        for path in places:
            if path not in kept and (holder := _reached(smaller, path[:-1])) is not None:
                holder.pop(path[-1], None)
        return smaller

    return (yield from _fewer(places, build, body, allowed))


def _texts(body: Body, allowed: Legal) -> Reduction:
    """Texts, cut in half as long as one of the halves will do."""
    for path, value in list(_walk(body)):
        text = (
            value
            if isinstance(value, str) and path[-1] in {"content", "prompt", "suffix", "description", "stop"}
            else ""
        )
        while len(text) > 1:
            halves = (text[: len(text) // 2], text[len(text) // 2 :])
            for half in halves:
                candidate = _put(body, path, half)
                if allowed(candidate) and (yield candidate):
                    body, text = candidate, half
                    break
            else:
                break
    return body


LEVELS: tuple[Callable[[Body, Legal], Reduction], ...] = (
    _fields,
    _rounds,
    _exchanged,
    _calls,
    _elements,
    _members,
    _texts,
)


def _walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*path, key), member
        yield from _walk(member, (*path, key))


def _reached(value: Any, path: Path) -> Any:
    for key in path:
        if isinstance(value, dict) and key not in value:
            return None
        value = value[key]
    return value


def _put(body: Body, path: Path, text: str) -> Body:
    changed = deepcopy(body)
    _reached(changed, path[:-1])[path[-1]] = text
    return changed
