"""A prompt as the model reads it: the tokens of the chat template around the tokens of the messages. Fact sheet 11.2."""

from functools import cache
from typing import Any

from echosounder.mock_server.answering.pieces import Split
from echosounder.mock_server.formats.chat.conversation import text_of
from echosounder.mock_server.formats.chat.modes import thinking
from echosounder.specs import Limits
from echosounder.wire.strict_json import compact

BOS, EOS, USER, ASSISTANT, RESULT = "<｜begin｜>", "<｜end｜>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁output｜>"
# Hidden text about the effort that V4 puts in front when it thinks.
PREAMBLE = [f"<effort {number}>" for number in range(79)]
BARE = 3  # beginning, user mark, assistant mark: what every template has


def chat(body: dict[str, Any], limits: Limits, split: Split) -> list[str]:
    thinks = thinking(body, limits)
    opening = _opening(limits.template_tokens - BARE)
    tokens = [BOS]
    if thinks and limits.profile >= "2026-08":
        tokens += PREAMBLE
    if body.get("tools"):
        tokens += split(compact(body["tools"]))
    for message in body["messages"]:
        tokens += _message(message, opening, split)
    last = body["messages"][-1]
    return tokens if last["role"] == "assistant" else [*tokens, ASSISTANT, *opening]


@cache
def _opening(count: int) -> list[str]:
    """What the template puts behind the mark of the assistant."""
    return [f"<think {number}>" for number in range(count)]


def _message(message: dict[str, Any], opening: list[str], split: Split) -> list[str]:
    text = split(text_of(message))
    match message["role"]:
        case "user":
            return [USER, *text]
        case "assistant":
            end = [] if message.get("prefix") else [EOS]
            return [ASSISTANT, *opening, *text, *_calls(message, split), *end]
        case "tool":
            return [RESULT, *text, RESULT]
    return list(text)


def _calls(message: dict[str, Any], split: Split) -> list[str]:
    tokens: list[str] = []
    for call in message.get("tool_calls") or ():
        function = call["function"]
        tokens += [
            "<｜call｜>",
            *split(function["name"]),
            "<｜sep｜>",
            *split(function["arguments"]),
            "<｜/call｜>",
        ]
    return tokens


def fim(body: dict[str, Any], split: Split) -> list[str]:
    """``<begin> prompt <hole> suffix <end>`` after the beginning of the text."""
    return [
        BOS,
        "<｜fim▁begin｜>",
        *split(body["prompt"]),
        "<｜fim▁hole｜>",
        *split(body.get("suffix") or ""),
        "<｜fim▁end｜>",
    ]
