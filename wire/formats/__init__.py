"""The wire formats, by name. An exchange knows its format; no code looks at a path.

A new format is a file in ``specs/formats``, a module here and a row in ``FORMATS``; ``tests/load/test_load_formats.py`` has one that
exists only there.
"""

from __future__ import annotations

from typing import Any

from echosounder.specs import Grammar, grammars
from echosounder.specs.grammar import UNKNOWN as NO_FORMAT
from echosounder.wire.answer import NOTHING, Mark
from echosounder.wire.formats.chat import Chat
from echosounder.wire.formats.fim import Fim
from echosounder.wire.formats.format import Body, Format, Question, Tool, Turn
from echosounder.wire.formats.messages import Messages
from echosounder.wire.formats.responses import Responses

__all__ = ["CHAT", "FIM", "FORMATS", "MESSAGES", "RESPONSES", "UNKNOWN", "Format", "Question", "Tool", "Turn", "named"]


class _Unknown(Format):
    """What is on a path that no format is served under: nothing is known of it, so nothing is read from it."""

    def ask(self, model: str, question: Question) -> Body:
        raise ValueError("a request cannot be built in an unknown format")

    def mark(self, event: str, value: Any) -> Mark:
        return NOTHING

    def whole(self, value: Any) -> Mark:
        return NOTHING


UNKNOWN = _Unknown(Grammar(NO_FORMAT))
CHAT, FIM = Chat(grammars()["chat"]), Fim(grammars()["fim"])
RESPONSES, MESSAGES = Responses(grammars()["responses"]), Messages(grammars()["messages"])
FORMATS: dict[str, Format] = {each.name: each for each in (CHAT, FIM, RESPONSES, MESSAGES)}


def named(name: str) -> Format:
    """The format of this name; the unknown format if this version does not have it."""
    return FORMATS.get(name, UNKNOWN)
