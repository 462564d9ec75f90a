"""The table of probes, and their common parts: the marker, prompts, and instructions to the upstream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from echosounder.conformance.ask import Ask, Send

MARKER = "echosounder-marker"
"""Stands in every request and is replaced by a word of its own when it is sent."""

STREAM: dict[str, Any] = {"stream": True}
USAGE: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
COUNT = f"(ref {MARKER}) Count from one to fifteen in English words, separated by commas. Write nothing else."
STORY = f"(ref {MARKER}) Write a long story about a lighthouse keeper and her cat."
HELLO = f"(ref {MARKER}) Say hello."
# Two, three and four bytes, a joined family, a flag, combining marks, line separators of other standards.
TEXT = '那只猫在灯塔上睡觉。Grüße 😀 👩‍👩‍👧 🇩🇪 नमस्ते é 鬱 \u2028 <b>&amp;</b> "q" \\n'
ECHO = f"(ref {MARKER}) Repeat exactly, and nothing else:\n{TEXT}"
EVENTS = 16
"""Tokens of a stream whose timing is judged: enough events to tell a held-up one from a held-back stream."""

Steps = Iterator[Send]
PROBES: dict[str, Callable[[Ask], Steps]] = {}


def probe(name: str) -> Callable[[Callable[[Ask], Steps]], Callable[[Ask], Steps]]:
    def register(steps: Callable[[Ask], Steps]) -> Callable[[Ask], Steps]:
        PROBES[name] = steps
        return steps

    return register


def behind(send: Send, behaviour: str, **notes: Any) -> Send:
    """*send* to an upstream with this behavior."""
    return send.but(notes={"upstream": behaviour, **notes})
