"""How many tokens a prompt has, chat template included. Fact sheet 11.2."""

from typing import Any

from mock_server import pieces
from mock_server.modes import thinking
from mock_server.rules import text_of
from specs import Limits
from wire.strict_json import compact

PREAMBLE = 79  # hidden text about the effort that V4 puts in front when it thinks
CALL_MARKUP = 8


def chat(body: dict[str, Any], limits: Limits) -> int:
    """Tokens of the prompt: one for the beginning, one for each role mark, and what the template adds at the end."""
    total = limits.template_tokens - 1
    if limits.profile >= "2026-08" and limits.thinking == "switch" and thinking(body, limits):
        total += PREAMBLE
    for message in body["messages"]:
        total += 1 + pieces.count(text_of(message))
        for call in message.get("tool_calls") or ():
            function = call["function"]
            total += CALL_MARKUP + pieces.count(function["name"]) + pieces.count(function["arguments"])
    if body.get("tools"):
        total += pieces.count(compact(body["tools"]))
    return total


def fim(body: dict[str, Any]) -> int:
    """``<begin> prompt <hole> suffix <end>`` and the beginning of the text."""
    return 4 + pieces.count(body["prompt"]) + pieces.count(body.get("suffix") or "")
