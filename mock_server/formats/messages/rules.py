"""Validation of Messages requests. Source: guides/anthropic_api; error texts from public reports."""

from itertools import pairwise

from echosounder.mock_server.formats.chat import conversation as chat
from echosounder.mock_server.formats.chat import parts
from echosounder.mock_server.formats.chat.rules import user_id
from echosounder.mock_server.formats.messages.conversation import as_chat, blocks, effort, functions
from echosounder.mock_server.formats.rules import (
    Body,
    Rule,
    Rules,
    bounded,
    known_effort,
    model_exists,
    stops,
    temperature,
    top_p,
)
from echosounder.specs import Limits


def tool_names(body: Body, limits: Limits, beta: bool) -> str | None:
    return chat.names_refused([tool["name"] for tool in functions(body)], limits, "name")


def results(body: Body, limits: Limits, beta: bool) -> str | None:
    """Every call has its result in the next message (deepseek-ai/DeepSeek-V3#967), and every result its call in the one before."""
    for index, (before, message) in enumerate(pairwise([{"role": "user", "content": []}, *body["messages"], None])):
        asked = [block["id"] for block in blocks(before) if block["type"] == "tool_use"]
        answers = (
            [block["tool_use_id"] for block in blocks(message) if block["type"] == "tool_result"] if message else []
        )
        if left := [each for each in asked if each not in answers]:
            return (
                f"messages.{index - 1}:`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(left)}. "
                "Each `tool_use` block must have a corresponding `tool_result` block in the next message."
            )
        for place, each in enumerate(answers):
            if each not in asked:
                return (
                    f"messages.{index}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {each}. "
                    "Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )
    return None


def thinking(body: Body, limits: Limits, beta: bool) -> str | None:
    """Rule for thinking blocks, as for the reasoning of chat: they must be returned with their calls."""
    if chat.reasoning_input(as_chat(body, limits), limits, beta) is None:
        return None
    return "The `content[].thinking` in the thinking mode must be passed back to the API."


def _as_in_chat(rule: Rule) -> Rule:
    return lambda body, limits, beta: rule(as_chat(body, limits), limits, beta)


RULES = Rules(
    ("model", model_exists),
    ("messages", chat.has_messages),
    ("temperature", temperature),
    ("top_p", top_p),
    ("max_tokens", bounded(lambda limits, beta: limits.max_tokens)),
    ("stop_sequences", _as_in_chat(stops)),
    ("metadata", _as_in_chat(user_id)),
    ("output_config", known_effort(effort, "output_config.effort")),
    ("tools", _as_in_chat(chat.tools_supported)),
    ("tools", _as_in_chat(chat.tool_count)),
    ("tools", tool_names),
    ("tools", _as_in_chat(chat.tool_schemas)),
    ("tool_choice", _as_in_chat(chat.tool_choice)),
    ("messages", _as_in_chat(parts.allowed)),
    ("messages", results),
    ("messages", thinking),
)
