"""A prompt as the model reads it: the tokens of the chat template around the tokens of the messages. Fact sheet 11.2."""

from typing import Any

from mock_server import pieces
from mock_server.conversation import text_of
from mock_server.modes import thinking
from specs import Limits
from wire.strict_json import compact

BOS, EOS, USER, ASSISTANT, RESULT = "<｜begin｜>", "<｜end｜>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁output｜>"
# Hidden text about the effort that V4 puts in front when it thinks.
PREAMBLE = [f"<effort {number}>" for number in range(79)]
BARE = 3  # beginning, user mark, assistant mark: what every template has


def chat(body: dict[str, Any], limits: Limits) -> list[str]:
    thinks = thinking(body, limits)
    opening = [f"<think {number}>" for number in range(limits.template_tokens - BARE)]
    tokens = [BOS]
    if thinks and limits.profile >= "2026-08":
        tokens += PREAMBLE
    if body.get("tools"):
        tokens += pieces.split(compact(body["tools"]))
    for message in body["messages"]:
        tokens += _message(message, opening)
    last = body["messages"][-1]
    return tokens if last["role"] == "assistant" else [*tokens, ASSISTANT, *opening]


def _message(message: dict[str, Any], opening: list[str]) -> list[str]:
    text = pieces.split(text_of(message))
    match message["role"]:
        case "user":
            return [USER, *text]
        case "assistant":
            end = [] if message.get("prefix") else [EOS]
            return [ASSISTANT, *opening, *text, *_calls(message), *end]
        case "tool":
            return [RESULT, *text, RESULT]
    return list(text)


def _calls(message: dict[str, Any]) -> list[str]:
    tokens: list[str] = []
    for call in message.get("tool_calls") or ():
        function = call["function"]
        tokens += [
            "<｜call｜>",
            *pieces.split(function["name"]),
            "<｜sep｜>",
            *pieces.split(function["arguments"]),
            "<｜/call｜>",
        ]
    return tokens


def fim(body: dict[str, Any]) -> list[str]:
    """``<begin> prompt <hole> suffix <end>`` after the beginning of the text."""
    return [
        BOS,
        "<｜fim▁begin｜>",
        *pieces.split(body["prompt"]),
        "<｜fim▁hole｜>",
        *pieces.split(body.get("suffix") or ""),
        "<｜fim▁end｜>",
    ]
