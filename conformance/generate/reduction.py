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
KEPT = frozenset({"model", "messages", "input", "prompt", "max_tokens", "max_output_tokens"})
"""Never left out: without the bound of the output the cost of an answer is not known."""


def reduction(body: Body, path: str, ask: Subject) -> Reduction:
    """The candidates for *body*, which is sent to *path*; call ``send(True)`` for each that still fails."""
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
        return {**body, _where(body): [turn for group in kept for turn in group]}

    return (yield from _fewer(groups, build, body, allowed))


def _where(body: Body) -> str:
    """The member that holds the conversation."""
    return "input" if "input" in body else "messages"


def _turns(body: Body) -> list[Body]:
    given = body.get(_where(body))
    return given if isinstance(given, list) else []


def _grouped(body: Body, leaders: set[str]) -> Iterator[list[Body]]:
    """The messages in groups, each of which begins with a message of one of the roles *leaders*."""
    group: list[Body] = []
    for turn in _turns(body):
        if group and turn.get("role") in leaders:
            yield group
            group = []
        group.append(turn)
    if group:
        yield group


def _calls(body: Body, allowed: Legal) -> Reduction:
    """Single calls, each with its result; an assistant message without calls is left out too."""
    ids = list(dict.fromkeys(id for turn in _turns(body) for id in _ids(turn)))

    def build(kept: Sequence[str]) -> Body:
        turns = [_only(turn, kept) for turn in _turns(body)]
        return {**body, _where(body): [turn for turn in turns if turn]}

    return (yield from _fewer(ids, build, body, allowed))


CALL_IDS = ("tool_call_id", "call_id", "tool_use_id")
"""What names a call in its result; an item of Responses is a call or a result itself."""


def _ids(turn: Body) -> Iterator[str]:
    """The calls that a turn makes or answers: itself, in its calls, or in its blocks."""
    yield from (turn[name] for name in CALL_IDS if name in turn)
    yield from (call["id"] for call in turn.get("tool_calls") or ())
    for block in _parts(turn):
        yield from (block[name] for name in ("tool_use_id", "id") if name in block)


def _parts(turn: Body) -> list[Body]:
    return turn["content"] if isinstance(turn.get("content"), list) else []


def _only(turn: Body, ids: Sequence[str]) -> Body | None:
    """The turn with these calls alone; None where nothing is left of it."""
    if "tool_calls" in turn:
        calls = [call for call in turn["tool_calls"] if call["id"] in ids]
        return {**turn, "tool_calls": calls} if calls else None
    if any(name in turn and turn[name] not in ids for name in CALL_IDS):
        return None
    kept = [block for block in _parts(turn) if not [id for id in _ids({"content": [block]}) if id not in ids]]
    if not _parts(turn) or kept == _parts(turn):
        return turn
    said = [block for block in kept if block.get("type") != "thinking"]
    return {**turn, "content": kept} if said else None


def _elements(body: Body, allowed: Legal) -> Reduction:
    for name in ("tools", "stop", "stop_sequences"):
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


TEXTS = frozenset({"content", "prompt", "suffix", "description", "stop", "text", "output", "system", "instructions"})


def _texts(body: Body, allowed: Legal) -> Reduction:
    """Texts, cut in half as long as one of the halves will do."""
    for path, value in list(_walk(body)):
        text = value if isinstance(value, str) and path[-1] in TEXTS else ""
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
