"""Conversations that grow, round by round, as a state machine: each move leads to a state, and every state is sent.

A :class:`Talk` is the state: rounds that are over, and how the next request is made of them. A :class:`Move` adds a round: a
question, calls with their results, or a begun answer; before it, rounds may be taken back, so that two conversations share a
beginning, and another user may take over. Whatever moves follow each other, the request is legal.

A conversation in another format is the same one, said in its words (:mod:`~conformance.generate.translated`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from echosounder.conformance.ask import BETA_CHAT, CHAT, Ask, Send
from echosounder.conformance.generate.requests import TEXT
from echosounder.conformance.generate.translated import TRANSLATED
from echosounder.wire.formats import Format

Body = dict[str, Any]
Turns = tuple[Body, ...]
USERS = ("ada", "grace")
LIGHT: Body = {
    "type": "function",
    "function": {
        "name": "light",
        "description": "Turns the light.",
        "parameters": {"type": "object", "properties": {}},
    },
}
REPLY = "That was the keeper of the lighthouse, who wrote it into the log as on every other day of that year."
THOUGHT = "The log has it."


@dataclass(frozen=True, slots=True)
class Move:
    """``back``: number of rounds to undo first. ``kind``: question, calls or begun; ``calls``: their number; ``user``: index in USERS."""

    kind: str
    text: str
    back: int = 0
    calls: int = 1
    user: int = 0
    stream: bool = False


@dataclass(frozen=True)
class Talk:
    """``opening`` is the system message. With ``thinks``, thinking is on and calls carry the reasoning that led to them."""

    ask: Ask
    opening: str
    thinks: bool = False
    rounds: tuple[Turns, ...] = ()

    def move(self, move: Move) -> tuple[Send, Talk]:
        """The request for *move*, and the state once it is answered."""
        kept = replace(self, rounds=self.rounds[: len(self.rounds) - move.back] if move.back else self.rounds)
        said = tuple(kept._said(move))
        answered = (*said[:-1], _whole(said[-1])) if _begun(said) else (*said, self._reply())
        return kept._send(move, said), replace(kept, rounds=(*kept.rounds, answered))

    def _reply(self) -> Body:
        """With its thought, where tools alone are a reason to send it back."""
        owed = self.thinks and self.ask.limits.tools and self.ask.limits.reasoning_input == "required-by-tools"
        return {"role": "assistant", "content": REPLY, **({"reasoning_content": THOUGHT} if owed else {})}

    def _said(self, move: Move) -> Iterator[Body]:
        yield {"role": "user", "content": move.text}
        if move.kind == "calls" and self.ask.limits.tools:
            yield from self._called(move.calls)
        elif move.kind == "begun" and self.ask.behaviour.beta and not self.thinks:
            yield {"role": "assistant", "content": "In short:", "prefix": True}

    def _called(self, count: int) -> Iterator[Body]:
        ids = [f"call_{len(self.rounds):02}_{number}" for number in range(count)]
        function = {"name": LIGHT["function"]["name"], "arguments": "{}"}
        thought = {"reasoning_content": THOUGHT} if self.thinks else {}
        calls = [{"id": id, "type": "function", "function": function} for id in ids]
        yield {"role": "assistant", "content": "", **thought, "tool_calls": calls}
        yield from (
            {"role": "tool", "tool_call_id": id, "content": "The light turns, wind from the west."} for id in ids
        )

    def _send(self, move: Move, said: Turns) -> Send:
        turns = [{"role": "system", "content": self.opening}, *(turn for each in self.rounds for turn in each), *said]
        fields: dict[str, Any] = {"tools": [LIGHT]} if self.ask.limits.tools else {}
        if self.ask.limits.user_id_max is not None:
            fields["user_id"] = USERS[move.user]
        if move.stream:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        if self.thinks:
            fields |= {"thinking": ..., **self.ask.thinking}
        return self.ask.chat(turns, path=BETA_CHAT if _begun(said) else CHAT, **fields, max_tokens=4)


def _begun(said: Turns) -> bool:
    return bool(said[-1].get("prefix"))


def _whole(begun: Body) -> Body:
    """The begun answer when it is over."""
    return {"role": "assistant", "content": f"{begun['content']} {REPLY}"}


def moves() -> st.SearchStrategy[Move]:
    return st.builds(
        Move,
        kind=st.sampled_from(["question", "question", "calls", "begun"]),
        text=TEXT,
        back=st.sampled_from([0, 0, 0, 1, 2]),
        calls=st.integers(1, 2),
        user=st.sampled_from([0, 0, 0, 1]),
        stream=st.booleans(),
    )


def walks(least: int, most: int) -> st.SearchStrategy[list[Move]]:
    return st.lists(moves(), min_size=least, max_size=most)


def sends(talk: Talk, walk: list[Move]) -> Iterator[Send]:
    """The requests of *walk*, one per move."""
    for move in walk:
        send, talk = talk.move(move)
        yield send


def sends_in(form: Format, talk: Talk, walk: list[Move]) -> Iterator[Send]:
    """The requests of *walk* in another format. Only chat can begin an answer; other formats ask a question instead."""
    asked = [replace(move, kind="question") if move.kind == "begun" else move for move in walk]
    for send in sends(talk, asked):
        yield talk.ask.within(form, TRANSLATED[form.name](json.loads(send.body)))
