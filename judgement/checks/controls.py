"""Comparisons with other exchanges of the run: the same question in the other mode, and features that the target lacks."""

from __future__ import annotations

from collections.abc import Iterable

from echosounder.judgement.answers import document
from echosounder.judgement.check import Controls
from echosounder.judgement.checks.served import NO_KEY, REFUSED_MEMBERS, absent
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import compact

MODE = ("stream", "stream_options")
"""What makes a request one for a stream, and changes nothing of its prompt."""
REPLACEMENT = "\ufffd"


def question(exchange: Exchange) -> str:
    """The question of a request, the same for streaming and non-streaming."""
    return compact({name: value for name, value in exchange.asked.items() if name not in MODE})


def replaced(text: str) -> bool:
    """Whether it holds U+FFFD, literally or escaped."""
    return REPLACEMENT in text or "\\ufffd" in text.lower()


def controls(exchanges: Iterable[Exchange]) -> Controls:
    exchanges, torn, sound = tuple(exchanges), set[str](), set[str]()
    for exchange in filter(document, exchanges):
        (torn if replaced(exchange.text) else sound).add(question(exchange))
    refused = frozenset(name for each in exchanges for name in each.notes.get(REFUSED_MEMBERS, ()))
    keyless = any(each.status == 200 and each.notes.get("fault") == NO_KEY for each in exchanges)
    return Controls(frozenset(torn), frozenset(sound - torn), absent(exchanges), refused, keyless)
