"""The types of request bodies, field by field. Fact sheet 2.1, 2.2, 4.1."""

from collections.abc import Mapping
from typing import Any

from mock_server.serde import (
    Malformed,
    Shape,
    boolean,
    check_fields,
    expect,
    integer,
    mapping,
    maybe,
    number,
    one_of,
    required,
    sequence,
    string,
    struct,
)


def content(value: Any) -> None:
    """Text, or parts of text; an image or a file needs a vision model."""
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise Malformed("data did not match any variant of untagged enum ChatCompletionRequestContent")
    sequence(struct("TextPart", {"type": required(one_of("text")), "text": required(string)}))(value)


FUNCTION_CALL = struct("FunctionCall", {"name": required(string), "arguments": required(string)})
TOOL_CALL = struct(
    "ToolCall", {"id": required(string), "type": required(one_of("function")), "function": required(FUNCTION_CALL)}
)
MESSAGES: Mapping[str, Shape] = {
    "system": {"content": required(content), "name": maybe(string)},
    "user": {"content": required(content), "name": maybe(string)},
    "assistant": {
        "content": maybe(content),
        "name": maybe(string),
        "prefix": maybe(boolean),
        "reasoning_content": maybe(string),
        "tool_calls": maybe(sequence(TOOL_CALL)),
    },
    "tool": {"content": required(content), "tool_call_id": required(string)},
    "latest_reminder": {"content": required(content)},
}
PLAIN = ("user", "system", "assistant")
_ROLE = one_of(*MESSAGES)


def message(value: Any) -> None:
    if (
        isinstance(value, dict)
        and len(value) == 2
        and isinstance(value.get("content"), str)
        and value.get("role") in PLAIN
    ):
        return  # what most messages are
    expect(value, isinstance(value, dict), "internally tagged enum ChatCompletionRequestMessage")
    if "role" not in value:
        raise Malformed("missing field `role`")
    try:
        _ROLE(value["role"])
    except Malformed as error:
        raise error.under("role") from None
    check_fields(value, MESSAGES[value["role"]])


def stop(value: Any) -> None:
    if not isinstance(value, str):
        sequence(string)(value)


def tool_choice(value: Any) -> None:
    if isinstance(value, str) and value in ("none", "auto", "required"):
        return
    named = isinstance(value, dict) and value.get("type") == "function" and isinstance(value.get("function"), dict)
    if not (named and isinstance(value["function"].get("name"), str)):
        raise Malformed("expected one of `none`, `auto`, `required` or a tool")


TOOL = struct(
    "Tool",
    {
        "type": required(one_of("function")),
        "function": required(
            struct(
                "Function",
                {
                    "name": required(string),
                    "description": maybe(string),
                    "parameters": maybe(mapping),
                    "strict": maybe(boolean),
                },
            )
        ),
    },
)
_SAMPLING: Shape = {
    "frequency_penalty": maybe(number),
    "presence_penalty": maybe(number),
    "temperature": maybe(number),
    "top_p": maybe(number),
    "max_tokens": maybe(integer(32)),
    "stop": maybe(stop),
    "stream": maybe(boolean),
    "stream_options": maybe(struct("StreamOptions", {"include_usage": maybe(boolean)})),
    "n": maybe(integer(32)),
}
CHAT: Shape = {
    "messages": required(sequence(message)),
    "model": required(string),
    **_SAMPLING,
    "max_completion_tokens": maybe(integer(32)),
    "logprobs": maybe(boolean),
    "response_format": maybe(struct("ResponseFormat", {"type": required(string)})),
    "tool_choice": maybe(tool_choice),
    "tools": maybe(sequence(TOOL)),
    "top_logprobs": maybe(integer(8)),
    "thinking": maybe(struct("ThinkingOptions", {"type": required(one_of("enabled", "disabled", "adaptive"))})),
    "reasoning_effort": maybe(string),
    "user_id": maybe(string),
}
FIM: Shape = {
    "model": required(string),
    "prompt": required(string),
    **_SAMPLING,
    "echo": maybe(boolean),
    "logprobs": maybe(integer(8)),
    "suffix": maybe(string),
}
