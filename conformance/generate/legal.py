"""Rules beyond the schema that make a body legal: order of roles, answers to calls, dependent members.

Generated bodies keep these rules by construction; here they are written down a second time, as what breaks them, to test
the generators with and to keep a request legal while it is made smaller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from echosounder.conformance.ask import BETA_CHAT
from echosounder.judgement.check import Subject
from echosounder.judgement.schema import value_mismatches
from echosounder.specs import under
from echosounder.wire.formats import FIM, MESSAGES, RESPONSES
from echosounder.wire.strict_json import at

Body = dict[str, Any]

FOLLOWS: dict[str, tuple[str, ...]] = {
    "system": ("",),
    "user": ("", "system", "assistant"),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}
SCHEMAS = {"fim": "FimRequest", "responses": "ResponsesRequest", "messages": "MessagesRequest"}
NEEDS = (("tool_choice", "tools"), ("stream_options", "stream"), ("top_logprobs", "logprobs"))


def legal(body: Body, path: str, ask: Subject) -> bool:
    """Whether *body* may be sent to *path* and must be served, by the schema of the profile and the rules of this module."""
    schema = SCHEMAS.get(under(path), "ChatRequest")
    return next(value_mismatches(body, schema, ask.profile), None) is None and next(breaches(body, path), None) is None


def breaches(body: Body, path: str) -> Iterator[str]:
    """A sentence for each rule that *body* breaks."""
    yield from (f"{name} without {needed}" for name, needed in NEEDS if body.get(name) and not body.get(needed))
    names = [at(tool, "function", "name") or at(tool, "name") for tool in body.get("tools") or ()]
    if len(set(names)) < len(names):
        yield "two functions of one name"
    yield from IN_FORMAT.get(under(path), _chat)(body, path, names)


def _fim(body: Body, path: str, names: Sequence[Any]) -> Iterator[str]:
    yield from ()


def _chat(body: Body, path: str, names: Sequence[Any]) -> Iterator[str]:
    turns = body.get("messages") or []
    yield from _order(turns, path)
    yield from _calls(turns, names)


def _order(turns: Sequence[Body], path: str) -> Iterator[str]:
    before = ""
    for turn in turns:
        if before not in FOLLOWS.get(turn["role"], ()):
            yield f"{turn['role']} after {before or 'nothing'}"
        before = turn["role"]
    if any(turn.get("prefix") for turn in turns[:-1]):
        yield "a prefix that is not last"
    begun = bool(turns) and bool(turns[-1].get("prefix")) and path == BETA_CHAT
    if before not in (("assistant",) if begun else ("user", "tool")):
        yield f"{before or 'nothing'} last"


def _calls(turns: Sequence[Body], names: Sequence[Any]) -> Iterator[str]:
    for index, turn in enumerate(turns):
        calls = turn.get("tool_calls") or []
        results = turns[index + 1 : index + 1 + len(calls)]
        if [call["id"] for call in calls] != [each.get("tool_call_id") for each in results]:
            yield "a call without its result"
        yield from (f"a call of {call['function']['name']}" for call in calls if call["function"]["name"] not in names)
    answered = sum(len(turn.get("tool_calls") or ()) for turn in turns)
    if answered != sum(turn["role"] == "tool" for turn in turns):
        yield "a result without its call"


def _items(body: Body, path: str, names: Sequence[Any]) -> Iterator[str]:
    """Items of Responses: every call has an id of its own, and its output before anybody else speaks."""
    given = body.get("input")
    items = given if isinstance(given, list) else [{"role": "user", "content": given}] if given else []
    calls = [item for item in items if item.get("type") == "function_call"]
    ids = [call["call_id"] for call in calls]
    if len(set(ids)) < len(ids) or not all(ids):
        yield "a call without an id of its own"
    yield from (problem for call in calls for problem in _named(call, names))
    yield from _unpaired(items)
    if not items and not body.get("instructions"):
        yield "nothing last"
    if items and items[-1].get("role") == "assistant":
        yield "assistant last"


def _unpaired(items: Sequence[Body]) -> Iterator[str]:
    waiting: list[Any] = []
    for item in (*items, {}):  # after the last one nothing may be waited for
        kind = item.get("type")
        if kind == "function_call":
            waiting.append(item["call_id"])
        elif kind != "function_call_output":
            yield from ("a call without its result" for _ in waiting)
            waiting = []
        elif item["call_id"] in waiting:
            waiting.remove(item["call_id"])
        else:
            yield "a result without its call"


def _named(call: Body, names: Sequence[Any]) -> Iterator[str]:
    if call["name"] not in names:
        yield f"a call of {call['name']}"


def _blocks(body: Body, path: str, names: Sequence[Any]) -> Iterator[str]:
    """Blocks of Messages: the user begins and ends, and a turn with calls is followed by one with their results."""
    before: list[Any] = []
    last = ""
    for turn in body.get("messages") or ():
        if turn["role"] == last or (not last and turn["role"] != "user"):
            yield f"{turn['role']} after {last or 'nothing'}"
        blocks = turn["content"] if isinstance(turn["content"], list) else []
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if before != results:
            yield "a call without its result" if len(before) >= len(results) else "a result without its call"
        calls = [block for block in blocks if block["type"] == "tool_use"]
        yield from (problem for call in calls for problem in _named(call, names))
        before, last = [call["id"] for call in calls], turn["role"]
    if before:
        yield "a call without its result"
    if last != "user":
        yield f"{last or 'nothing'} last"


IN_FORMAT = {FIM.name: _fim, RESPONSES.name: _items, MESSAGES.name: _blocks}
"""The rules about who speaks when, by format; chat's in any other."""
