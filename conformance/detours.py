"""Handles a member that a target refuses in every request: it is detected once, and the probes omit it.

A clone that does not know ``thinking``, a model that wants ``max_completion_tokens`` or takes no temperature: each would else be told
a hundred times. Where a plain request is refused, it is asked again without what may be left out; what turns out to be in the way
is left out from then on, but for requests that are about it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from echosounder.conformance.ask import Send
from echosounder.judgement.checks.outcomes import outcome
from echosounder.judgement.checks.served import INSTEAD, REFUSED_MEMBERS, TRIED
from echosounder.specs import under
from echosounder.wire.exchange import Exchange
from echosounder.wire.formats import CHAT
from echosounder.wire.strict_json import compact

Body = dict[str, Any]
Ask = Callable[[Send], Exchange]


def _renamed(body: Body) -> Body:
    """The newer name, in its place: o-series models of OpenAI know it alone."""
    return {"max_completion_tokens" if name == "max_tokens" else name: value for name, value in body.items()}


def _without(name: str) -> Callable[[Body], Body]:
    return lambda body: {each: value for each, value in body.items() if each != name}


WAYS: Mapping[str, Callable[[Body], Body]] = {
    "thinking": _without("thinking"),
    "max_tokens": _renamed,
    "temperature": _without("temperature"),
    "stream_options": _without("stream_options"),
}
"""What can be in the way, and the way around it."""
PLAIN = frozenset({"model", "messages", "stream", "max_completion_tokens", *WAYS})
"""A request with more than that may be refused for the rest."""


class Detours:
    """``taken``: the known refusals of this target."""

    def __init__(self) -> None:
        self.taken: tuple[str, ...] = ()
        self._tried: set[frozenset[str]] = set()
        self._served: set[str] = set()  # members that some request was served with: a refusal is about another value

    def around(self, send: Send, probe: str) -> Send:
        """*send* without the features that the target refuses, except the feature under test."""
        body = _object(send) if under(send.path) == CHAT.name else {}
        members = [name for name in self.taken if name in body and not _about(name, send, probe, body)]
        return _avoiding(send, body, members) if members else send

    def search(self, send: Send, refused: Exchange, probe: str, ask: Ask) -> Exchange:
        """The answer to *send* without the member for which it was *refused*; else *refused* itself."""
        body = _object(send)
        if refused.status == 200:
            self._served |= body.keys() & WAYS.keys()
        asked = [name for name in WAYS if name in body and name not in self._served]
        members = [name for name in asked if not _about(name, send, probe, body)]
        if not members or not self._worth(send, refused, frozenset(members), body):
            return refused
        self._tried.add(frozenset(members))
        served = ask(_avoiding(send, body, members).but(notes={TRIED: members}))
        return refused if served.status != 200 else self._narrowed(send, refused, served, ask)

    def _narrowed(self, send: Send, refused: Exchange, served: Exchange, ask: Ask) -> Exchange:
        """Puts back one member after the other: what is served with it was not in the way."""
        body, members = _object(send), list(served.notes[TRIED])
        for name in tuple(members) if len(members) > 1 else ():
            fewer = [each for each in members if each != name]
            again = ask(_avoiding(send, body, fewer).but(notes={TRIED: fewer})) if fewer else refused
            if again.status == 200:
                members, served = fewer, again
        self.taken += tuple(members)
        refused.notes[TRIED] = []
        del served.notes[TRIED]
        served.notes[REFUSED_MEMBERS] = {name: f"{outcome(refused)} (exchange {refused.id})" for name in members}
        return served

    def _worth(self, send: Send, refused: Exchange, members: frozenset[str], body: Body) -> bool:
        legal = not {"fault", "open"} & send.notes.keys() and refused.format == "chat"
        return legal and refused.status in {400, 422} and body.keys() <= PLAIN and members not in self._tried


def _about(name: str, send: Send, probe: str, body: Body) -> bool:
    """Does the probe look into the member, or ask for what it switches on?"""
    word = name.replace("_", "-")
    return word in probe or name in send.step or (name == "thinking" and body[name] != {"type": "disabled"})


def _avoiding(send: Send, body: Body, members: list[str]) -> Send:
    for name in members:
        body = WAYS[name](body)
    return send.but(body=compact(body).encode(), notes={INSTEAD: members})


def _object(send: Send) -> Body:
    try:
        body = json.loads(send.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
