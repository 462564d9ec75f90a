"""Rules for messages and tools: the order of roles, and the result of each call. Fact sheet 6, 7, 9.4, 12.3.

Each is a rule as defined in :mod:`mock_server.formats.rules`.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from echosounder import specs
from echosounder.mock_server.formats.chat.modes import thinking
from echosounder.mock_server.formats.rules import BASE, Body
from echosounder.specs import Limits

NAME = re.compile(r"[a-zA-Z0-9_-]+")


def has_messages(body: Body, limits: Limits, beta: bool) -> str | None:
    return None if body["messages"] else "Empty input messages"


def json_word(body: Body, limits: Limits, beta: bool) -> str | None:
    if (body.get("response_format") or {}).get("type") != "json_object":
        return None
    if any("json" in text_of(message).lower() for message in body["messages"]):
        return None
    return "Prompt must contain the word 'json' in some form to use 'response_format' of type 'json_object'."


def text_of(message: Body) -> str:
    """The text of a message, its parts joined."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(part["text"] for part in content if part["type"] == "text")
    return content or ""


def prefix(body: Body, limits: Limits, beta: bool) -> str | None:
    marked = [index for index, message in enumerate(body["messages"]) if message.get("prefix")]
    if not marked:
        return None
    if not beta:
        return f"prefix {BASE}"
    return None if marked == [len(body["messages"]) - 1] else "The prefix message must be the last one of messages"


def tool_count(body: Body, limits: Limits, beta: bool) -> str | None:
    tools = body.get("tools") or []
    if limits.tools_max and len(tools) > limits.tools_max:
        return (
            f"Invalid 'tools': array too long. Expected an array with maximum length {limits.tools_max}, "
            f"but got an array with length {len(tools)} instead."
        )
    return None


def tool_names(body: Body, limits: Limits, beta: bool) -> str | None:
    return names_refused([tool["function"]["name"] for tool in body.get("tools") or []], limits, "function.name")


def names_refused(names: Sequence[str], limits: Limits, member: str) -> str | None:
    """Error message for the first tool with an invalid name; None if all are valid."""
    for index, name in enumerate(names):
        where = f"Invalid 'tools[{index}].{member}': "
        if not NAME.fullmatch(name):
            return (
                where + "string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
            )
        if limits.tool_name_max and len(name) > limits.tool_name_max:
            return where + f"string too long. Expected a string with maximum length {limits.tool_name_max}."
    return "Tool names must be unique" if len(set(names)) < len(names) else None


def tool_schemas(body: Body, limits: Limits, beta: bool) -> str | None:
    for tool in body.get("tools") or []:
        schema = tool["function"].get("parameters")
        if schema is not None and schema.get("type") != "object" and "$ref" not in schema and "anyOf" not in schema:
            shown = "null" if schema.get("type") is None else schema["type"]
            name = tool["function"]["name"]
            return f"Invalid schema for function '{name}': schema must be a JSON Schema of 'type: \"object\"', got 'type: {shown}'."
    return None


def strict_tools(body: Body, limits: Limits, beta: bool) -> str | None:
    """Rule for strict tools: only `required` is enforced (fact sheet 6.3, observed), and only under /beta."""
    if not (beta and limits.strict_tools):
        return None
    for tool in body.get("tools") or []:
        function = tool["function"]
        if function.get("strict") and not _all_required(function.get("parameters") or {}):
            return f"Invalid schema for function '{function['name']}': in strict mode every property must be listed in 'required'."
    return None


def _all_required(schema: Any) -> bool:
    if isinstance(schema, list):
        return all(map(_all_required, schema))
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    complete = not isinstance(properties, dict) or set(properties) <= set(schema.get("required") or ())
    return complete and all(_all_required(value) for value in schema.values())


def tool_choice(body: Body, limits: Limits, beta: bool) -> str | None:
    choice, tools = body.get("tool_choice"), body.get("tools") or []
    if isinstance(choice, dict) and choice["function"]["name"] not in {tool["function"]["name"] for tool in tools}:
        return f"Tool '{choice['function']['name']}' of tool_choice is not in tools"
    forced = tools and (isinstance(choice, dict) or choice == "required")
    if not forced or limits.forced_tools_in_thinking or not thinking(body, limits):
        return None
    return specs.behaviour(limits.profile).texts["forced_tools"]


def tools_supported(body: Body, limits: Limits, beta: bool) -> str | None:
    return f"{body['model']} does not support Function Calling" if body.get("tools") and not limits.tools else None


def tool_results(body: Body, limits: Limits, beta: bool) -> str | None:
    """Every call must have a result before any other message, and every result must belong to a call."""
    waiting: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return "Messages with role 'tool' must be a response to a preceding message with 'tool_calls'"
            waiting.remove(message["tool_call_id"])
        elif waiting:
            break
        else:
            waiting = [call["id"] for call in _calls(message)]
    if not waiting:
        return None
    return (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        "(insufficient tool messages following tool_calls message)"
    )


def reasoning_input(body: Body, limits: Limits, beta: bool) -> str | None:
    """Rule for reasoning in the history: R1 forbids it; since V3.2 it is required in a turn that calls tools. Fact sheet 12.3."""
    messages = body["messages"]
    if limits.reasoning_input == "forbidden":
        sent = any(message.get("reasoning_content") is not None and not message.get("prefix") for message in messages)
        return "The reasoning_content must not be sent back in messages" if sent else None
    if not thinking(body, limits):
        return None
    for index, message in enumerate(messages):
        if _owes_reasoning(message, body, limits) and message.get("reasoning_content") is None:
            return specs.behaviour(limits.profile).texts["reasoning"].format(index=index)
    return None


def _owes_reasoning(message: Body, body: Body, limits: Limits) -> bool:
    """Whether an assistant message must carry its reasoning: if it made calls and the last message is a result; since
    August 2026 always, if tools are offered.
    """
    if limits.reasoning_input == "required-by-tools":
        return bool(body.get("tools")) and message["role"] == "assistant" and not message.get("prefix")
    called = bool(_calls(message)) and body["messages"][-1]["role"] == "tool"
    return limits.reasoning_input == "required-with-tools" and called


def _calls(message: Body) -> Sequence[Body]:
    """The tool calls of a message. Only assistant messages have this member; in others it is unknown, and its shape unchecked."""
    return message.get("tool_calls") or () if message["role"] == "assistant" else ()


def reasoner_order(body: Body, limits: Limits, beta: bool) -> str | None:
    """Rule for R1: user and assistant messages must alternate. Fact sheet 9.4."""
    if limits.thinking != "always" or not specs.behaviour(limits.profile).turns_alternate:
        return None
    turns = [(index, message) for index, message in enumerate(body["messages"]) if message["role"] != "system"]
    if turns and turns[0][1]["role"] == "assistant" and not turns[0][1].get("prefix"):
        return (
            "The first message (except the system message) of deepseek-reasoner must be a user message, "
            "but an assistant message detected."
        )
    for (i, one), (j, two) in pairwise(turns):
        if one["role"] == two["role"]:
            return (
                "deepseek-reasoner does not support successive user or assistant messages "
                f"(messages[{i}] and messages[{j}] in your input). "
                "You should interleave the user/assistant messages in the message sequence."
            )
    if turns and turns[-1][1]["role"] == "assistant" and not turns[-1][1].get("prefix"):
        return (
            "The last message of deepseek-reasoner must be a user message, or an assistant message with prefix mode on "
            "(refer to https://api-docs.deepseek.com/guides/chat_prefix_completion)."
        )
    return None
