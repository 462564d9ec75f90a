"""The types of request bodies, field by field. Source: api/create-response. Unsupported members are ignored."""

from typing import Any

from echosounder.mock_server.admission.serde import (
    Malformed,
    Shape,
    anything,
    boolean,
    check_fields,
    expect,
    integer,
    mapping,
    number,
    one_of,
    sequence,
    string,
    struct,
    tagged,
)

ROLES = ("user", "assistant", "system", "developer")


TEXT = Shape.of({"text": string})
IMAGE = Shape.of({}, {"image_url": string, "file_id": string, "detail": one_of("low", "high", "original", "auto")})
PART = tagged("ContentPart", {"input_text": TEXT, "output_text": TEXT, "input_image": IMAGE})


def content(value: Any) -> None:
    """Check a content: a string, or an array of parts."""
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise Malformed("data did not match any variant of untagged enum ResponseContent")
    sequence(PART)(value)


CALL_ID = {"call_id": string}
ITEMS = {
    "message": Shape.of({"role": one_of(*ROLES), "content": content}),
    "function_call": Shape.of({**CALL_ID, "name": string, "arguments": string}),
    "function_call_output": Shape.of({**CALL_ID, "output": content}),
    "custom_tool_call": Shape.of({**CALL_ID, "name": string, "input": string}),
    "custom_tool_call_output": Shape.of({**CALL_ID, "output": content}),
    "reasoning": Shape.of({}, {"content": sequence(struct("ReasoningText", {"text": string}))}),
}


def kind_of(item: dict[str, Any]) -> str:
    """The ``type`` of an item, which a message with a role may omit; empty for items that are ignored."""
    kind = item.get("type", "message" if "role" in item else None)
    return kind if isinstance(kind, str) and kind in ITEMS else ""


def _item(value: Any) -> None:
    expect(value, isinstance(value, dict), "struct ResponseItem")
    if kind := kind_of(value):
        check_fields(value, ITEMS[kind])


def _input(value: Any) -> None:
    if isinstance(value, str):
        return
    if not isinstance(value, list):
        raise Malformed("data did not match any variant of untagged enum ResponseInput")
    sequence(_item)(value)


def _tool(value: Any) -> None:
    """Check a tool. Only functions are checked further; other types are ignored."""
    expect(value, isinstance(value, dict), "struct ResponseTool")
    if "type" not in value:
        raise Malformed("missing field `type`")
    string(value["type"])
    if value["type"] == "function":
        check_fields(value, FUNCTION)


FUNCTION = Shape.of({"name": string}, {"description": string, "parameters": mapping, "strict": boolean})


def _tool_choice(value: Any) -> None:
    if isinstance(value, str) and value in ("none", "auto", "required"):
        return
    named = isinstance(value, dict) and isinstance(value.get("type"), str)
    if not named or (value["type"] == "function" and not isinstance(value.get("name"), str)):
        raise Malformed("expected one of `none`, `auto`, `required` or a tool")


FORMATS = {
    "text": Shape.of({}),
    "json_object": Shape.of({}),
    "json_schema": Shape.of({"name": string, "schema": mapping}, {"strict": boolean}),
}
RESPONSES = Shape.of(
    {"model": string},
    {
        "input": _input,
        "instructions": string,
        "max_output_tokens": integer(32),
        "reasoning": struct("Reasoning", {}, {"effort": string, "summary": anything}),
        "stream": boolean,
        "temperature": number,
        "text": struct("TextOptions", {}, {"format": tagged("TextFormat", FORMATS), "verbosity": anything}),
        "tool_choice": _tool_choice,
        "tools": sequence(_tool),
        "top_logprobs": integer(8),
        "top_p": number,
        "user": string,
    },
)


def shape(profile: str) -> Shape:
    return RESPONSES
