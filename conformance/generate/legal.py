"""What makes a body legal beyond its schema: who may speak when, which calls are answered, what needs what.

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
from echosounder.wire.formats import FIM
from echosounder.wire.strict_json import at

Body = dict[str, Any]

FOLLOWS: dict[str, tuple[str, ...]] = {
    "system": ("",),
    "user": ("", "system", "assistant"),
    "assistant": ("user", "tool"),
    "tool": ("assistant", "tool"),
}
NEEDS = (("tool_choice", "tools"), ("stream_options", "stream"), ("top_logprobs", "logprobs"))


def legal(body: Body, path: str, ask: Subject) -> bool:
    """May *body* be sent to *path* and must be served? By the schema of the profile, and by the rules of this module."""
    schema = "FimRequest" if under(path) == FIM.name else "ChatRequest"
    return next(value_mismatches(body, schema, ask.profile), None) is None and next(breaches(body, path), None) is None


def breaches(body: Body, path: str) -> Iterator[str]:
    """Each rule that *body* breaks, in words."""
    yield from (f"{name} without {needed}" for name, needed in NEEDS if body.get(name) and not body.get(needed))
    if under(path) == FIM.name:
        return
    turns = body.get("messages") or []
    names = [at(tool, "function", "name") for tool in body.get("tools") or ()]
    if len(set(names)) < len(names):
        yield "two functions of one name"
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
