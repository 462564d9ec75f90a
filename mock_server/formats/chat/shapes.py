"""The types of request bodies, field by field. Fact sheet 2.1, 2.2, 4.1."""

from functools import cache
from typing import Any

from echosounder.mock_server.admission.serde import (
    Check,
    Malformed,
    Shape,
    boolean,
    check_fields,
    expect,
    integer,
    mapping,
    one_of,
    sequence,
    string,
    struct,
)
from echosounder.mock_server.formats.sampling import SAMPLING, known


def _content(parts: Check) -> Check:
    """Check a content: a string, or an array of parts."""

    def check(value: Any) -> None:
        if isinstance(value, str):
            return
        if not isinstance(value, list):
            raise Malformed("data did not match any variant of untagged enum ChatCompletionRequestContent")
        parts(value)

    return check


def _part(value: Any) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    PARTS.get(kind if isinstance(kind, str) else "", TEXT_PART)(value)


TEXT_PART = struct("TextPart", {"type": one_of("text"), "text": string})
IMAGE_URL = struct("ImageUrl", {"url": string}, {"detail": string})
PARTS = {
    "image_url": struct("ImagePart", {"type": string, "image_url": IMAGE_URL}),
    "file": struct("FilePart", {"type": string, "file": struct("File", {"file_id": string})}),
}
content, seen = _content(sequence(TEXT_PART)), _content(sequence(_part))
FUNCTION_CALL = struct("FunctionCall", {"name": string, "arguments": string})
TOOL_CALL = struct("ToolCall", {"id": string, "type": one_of("function"), "function": FUNCTION_CALL})
MESSAGES = {
    "system": Shape.of({"content": content}, {"name": string}),
    "user": Shape.of({"content": seen}, {"name": string}),
    "assistant": Shape.of(
        {},
        {
            "content": content,
            "name": string,
            "prefix": boolean,
            "reasoning_content": string,
            "tool_calls": sequence(TOOL_CALL),
        },
    ),
    "tool": Shape.of({"content": seen, "tool_call_id": string}),
    "latest_reminder": Shape.of({"content": content}),
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
        return  # the shape of most messages
    expect(value, isinstance(value, dict), "internally tagged enum ChatCompletionRequestMessage")
    if "role" not in value:
        raise Malformed("missing field `role`")
    try:
        _ROLE(value["role"])
    except Malformed as error:
        raise error.under("role") from None
    check_fields(value, MESSAGES[value["role"]])


def tool_choice(value: Any) -> None:
    if isinstance(value, str) and value in ("none", "auto", "required"):
        return
    named = isinstance(value, dict) and value.get("type") == "function" and isinstance(value.get("function"), dict)
    if not (named and isinstance(value["function"].get("name"), str)):
        raise Malformed("expected one of `none`, `auto`, `required` or a tool")


FUNCTION = struct("Function", {"name": string}, {"description": string, "parameters": mapping, "strict": boolean})
TOOL = struct("Tool", {"type": one_of("function"), "function": FUNCTION})
CHAT = Shape.of(
    {"messages": sequence(message), "model": string},
    {
        **SAMPLING,
        "max_completion_tokens": integer(32),
        "logprobs": boolean,
        "response_format": struct("ResponseFormat", {"type": string}),
        "tool_choice": tool_choice,
        "tools": sequence(TOOL),
        "top_logprobs": integer(8),
        "thinking": struct("ThinkingOptions", {"type": one_of("enabled", "disabled", "adaptive")}),
        "reasoning_effort": string,
        "user_id": string,
    },
)


@cache
def shape(profile: str) -> Shape:
    return known(CHAT, profile)
