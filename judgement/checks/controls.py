"""Controls for what is said against a text: the answer to the same question in the other mode."""

from __future__ import annotations

from collections.abc import Iterable

from echosounder.judgement.answers import document
from echosounder.judgement.check import Controls
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import compact

MODE = ("stream", "stream_options")
"""What makes a request one for a stream, and changes nothing of its prompt."""
REPLACEMENT = "\ufffd"


def question(exchange: Exchange) -> str:
    """What was asked, whichever way the answer was to come."""
    return compact({name: value for name, value in exchange.asked.items() if name not in MODE})


def replaced(text: str) -> bool:
    """Does it hold U+FFFD, as it is or as JSON may write it?"""
    return REPLACEMENT in text or "\\ufffd" in text.lower()


def controls(exchanges: Iterable[Exchange]) -> Controls:
    torn, sound = set[str](), set[str]()
    for exchange in filter(document, exchanges):
        (torn if replaced(exchange.text) else sound).add(question(exchange))
    return Controls(frozenset(torn), frozenset(sound - torn))
