"""Parses a chat request, and builds its prompt as the model reads it: the template around the tokens of the messages. Fact sheet 11.2."""

import json
from functools import cache
from typing import Any

from echosounder.mock_server.answering.pieces import Split
from echosounder.mock_server.answering.plan import Question
from echosounder.mock_server.formats.chat import parts
from echosounder.mock_server.formats.chat.conversation import text_of
from echosounder.mock_server.formats.chat.modes import thinking
from echosounder.mock_server.formats.sampling import common
from echosounder.specs import Limits
from echosounder.wire.strict_json import compact

BOS, EOS, USER, ASSISTANT, RESULT = "<｜begin｜>", "<｜end｜>", "<｜User｜>", "<｜Assistant｜>", "<｜tool▁output｜>"
BARE = 3  # begin, user and assistant markers, which every template has


# Members that determine the answer. stream, temperature, max_tokens and stop do not: they truncate or deliver the same
# answer.
CONVERSATION = ("messages", "tools", "tool_choice", "response_format")
BEYOND_MESSAGES = frozenset(CONVERSATION) - {"messages"}
_sorted = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


def read(body: dict[str, Any], limits: Limits, beta: bool, split: Split) -> Question:
    """Read a validated body into a :class:`Question`."""
    messages, thinks = body["messages"], thinking(body, limits)
    last, shown = messages[-1], parts.shown(body)
    wants_json = (body.get("response_format") or {}).get("type") == "json_object"
    return Question(
        body["model"],
        _prompt(body, limits, thinks, split),
        _plain(body) or _canonical(body),
        _allowance(body, limits, beta),
        _last_user(messages),
        text_of(last) if last["role"] == "tool" else None,
        continues=bool(last.get("prefix")),
        blank_first=bool(last.get("prefix")) and text_of(last)[-1:].isalnum(),
        json=tuple(text_of(message) for message in messages) if wants_json else None,
        tools=tuple(tool["function"] for tool in body.get("tools") or ()),
        tool_choice=_tool_choice(body),
        parallel=body.get("parallel_tool_calls") is not False,
        thinks=thinks,
        thinking_counted=limits.thinking_counted,
        choices=body.get("n") or 1,
        files=parts.files(shown),
        images=len(shown),
        logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else None,
        **common(body),
    )


def _allowance(body: dict[str, Any], limits: Limits, beta: bool) -> int:
    """Maximum number of output tokens. The 8K of mid-2024 needed both the beta URL and the field ``max_tokens``."""
    most = (limits.max_tokens_beta if beta else limits.max_tokens) or 1 << 30
    return int(min(body.get("max_tokens") or _default(body, limits) or most, most))


def _default(body: dict[str, Any], limits: Limits) -> int | None:
    if not thinking(body, limits):
        return limits.max_tokens_default
    effort = limits.effort_map.get(body.get("reasoning_effort") or "", body.get("reasoning_effort"))
    most = limits.max_tokens_default_max_effort if effort == "max" else limits.max_tokens_default_thinking
    return most or limits.max_tokens_default


def _last_user(messages: list[dict[str, Any]]) -> str:
    return next((text_of(message) for message in reversed(messages) if message["role"] == "user"), "")


def _tool_choice(body: dict[str, Any]) -> str | tuple[str]:
    choice = body.get("tool_choice") or "auto"
    return (choice["function"]["name"],) if isinstance(choice, dict) else choice


def _canonical(body: dict[str, Any]) -> str:
    """Text that identifies the conversation, independent of the order of members."""
    return _sorted({name: body[name] for name in CONVERSATION if body.get(name) is not None})


def _plain(body: dict[str, Any]) -> str | None:
    """Text that identifies a conversation of plain texts, without the cost of JSON; None for other conversations."""
    if not BEYOND_MESSAGES.isdisjoint(body) and any(body.get(name) is not None for name in BEYOND_MESSAGES):
        return None
    texts = []
    for each in body["messages"]:
        if len(each) > 2 or not isinstance(each.get("content"), str):
            return None
        texts.append(f"{each['role']}\0{each['content']}")
    return "\0".join(texts)


# --- tokens


def _prompt(body: dict[str, Any], limits: Limits, thinks: bool, split: Split) -> list[str]:
    opening = _opening(limits.template_tokens - BARE)
    tokens = [BOS]
    if thinks and limits.template_tokens_thinking is not None:
        tokens += _preamble(limits.template_tokens_thinking - limits.template_tokens)
    if body.get("tools"):
        tokens += split(compact(body["tools"]))
    for message in body["messages"]:
        tokens += _message(message, opening, split)
    last = body["messages"][-1]
    return tokens if last["role"] == "assistant" else [*tokens, ASSISTANT, *opening]


@cache
def _preamble(count: int) -> list[str]:
    """Hidden instructions about the effort, which V4 puts before the prompt in thinking mode."""
    return [f"<effort {number}>" for number in range(count)]


@cache
def _opening(count: int) -> list[str]:
    """Tokens that the template puts after the assistant marker."""
    return [f"<think {number}>" for number in range(count)]


def _message(message: dict[str, Any], opening: list[str], split: Split) -> list[str]:
    text = split(parts.read(message))
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
