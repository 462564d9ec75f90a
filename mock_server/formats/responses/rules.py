"""Validation of Responses requests. Sources: api/create-response, guides/responses_api; error texts from public reports."""

from collections import Counter
from dataclasses import replace

from echosounder.mock_server.formats.chat import conversation as chat
from echosounder.mock_server.formats.chat import parts
from echosounder.mock_server.formats.chat.rules import user_id
from echosounder.mock_server.formats.responses.conversation import (
    CALLS,
    OUTPUTS,
    as_chat,
    effort,
    functions,
    images_of,
    items,
)
from echosounder.mock_server.formats.rules import (
    Body,
    Rule,
    Rules,
    bounded,
    known_effort,
    model_exists,
    temperature,
    top_p,
)
from echosounder.specs import Limits

CUSTOM = "apply_patch"  # the only custom tool, supported for Codex


def has_input(body: Body, limits: Limits, beta: bool) -> str | None:
    if body.get("input") is None and body.get("instructions") is None:
        return "At least one of `input` and `instructions` is required"
    return None if as_chat(body, limits).get("messages") else "Empty input messages"


def top_logprobs(body: Body, limits: Limits, beta: bool) -> str | None:
    if body["top_logprobs"] <= limits.top_logprobs_max:
        return None
    return f"Invalid top_logprobs value, the valid range of top_logprobs is [0, {limits.top_logprobs_max}]."


def custom_tools(body: Body, limits: Limits, beta: bool) -> str | None:
    for index, tool in enumerate(body["tools"]):
        if tool["type"] == "custom" and tool.get("name") != CUSTOM:
            return f"Invalid 'tools[{index}]': the only custom tool that is supported is '{CUSTOM}'."
    return None


NAME_MAX = 128
"""Maximum length of a tool's name in this format, in characters; chat allowed 64 until September 2026."""


def tool_names(body: Body, limits: Limits, beta: bool) -> str | None:
    longer = replace(limits, tool_name_max=NAME_MAX)
    return chat.names_refused([tool["name"] for tool in functions(body)], longer, "name")


def images(body: Body, limits: Limits, beta: bool) -> str | None:
    for kind, item in items(body):
        for part in images_of(item.get("content")) if kind == "message" else images_of(item.get("output")):
            if kind == "message" and item["role"] in ("system", "assistant"):
                return f"Images are not allowed in messages of the role {item['role']}"
            sources = [part.get("image_url"), part.get("file_id")]
            if not any(sources):
                return "input_image must have image_url or file_id"
            if all(sources):
                return "input_image cannot have both image_url and file_id"
    return None


def call_ids(body: Body, limits: Limits, beta: bool) -> str | None:
    """Ids must not be empty, and each must be used once by a call and once by an output."""
    for kinds in (CALLS, OUTPUTS):
        ids = Counter(item["call_id"] for kind, item in items(body) if kind in kinds)
        if "" in ids:
            return "call_id must not be empty"
        twice = next((each for each, times in ids.items() if times > 1), None)
        if twice is not None:
            return f"Duplicate call_id {twice}"
    return None


def outputs(body: Body, limits: Limits, beta: bool) -> str | None:
    """Every call must have an output before any other item, and every output must belong to a call just before."""
    waiting: list[str] = []
    for message in as_chat(body, limits)["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return f"No tool call found for function call output with call_id {message['tool_call_id']}."
            waiting.remove(message["tool_call_id"])
        elif waiting:
            break
        else:
            waiting = [call["id"] for call in message.get("tool_calls") or ()]
    return f"No tool output found for tool call {waiting[0]}." if waiting else None


def reasoning(body: Body, limits: Limits, beta: bool) -> str | None:
    """Rule for reasoning items, as for the reasoning of chat: they must be returned with their calls."""
    if chat.reasoning_input(as_chat(body, limits), limits, beta) is None:
        return None
    return "The `reasoning_text` in the thinking mode must be passed back to the API."


def _as_in_chat(rule: Rule) -> Rule:
    return lambda body, limits, beta: rule(as_chat(body, limits), limits, beta)


max_output_tokens = bounded(lambda limits, beta: limits.max_tokens, "max_output_tokens")
RULES = Rules(
    ("model", model_exists),
    ("model", has_input),
    ("temperature", temperature),
    ("top_p", top_p),
    ("max_output_tokens", max_output_tokens),
    ("top_logprobs", top_logprobs),
    ("user", _as_in_chat(user_id)),
    ("reasoning", known_effort(effort, "reasoning.effort")),
    ("text", _as_in_chat(chat.json_word)),
    ("tools", custom_tools),
    ("tools", _as_in_chat(chat.tool_count)),
    ("tools", tool_names),
    ("tools", _as_in_chat(chat.tool_schemas)),
    ("tool_choice", _as_in_chat(chat.tool_choice)),
    ("input", images),
    ("input", _as_in_chat(parts.allowed)),
    ("input", call_ids),
    ("input", outputs),
    ("input", reasoning),
)
