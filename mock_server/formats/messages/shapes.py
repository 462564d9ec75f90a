"""The types of request bodies, field by field. Source: guides/anthropic_api. Unsupported members are ignored."""

from functools import cache
from typing import Any

from echosounder import specs
from echosounder.mock_server.admission.serde import (
    Check,
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

SOURCES = {
    "base64": Shape.of(
        {"media_type": one_of("image/jpeg", "image/png", "image/gif", "image/webp"), "data": string},
    ),
    "url": Shape.of({"url": string}),
    "file": Shape.of({"file_id": string}),
}


TEXT = {"text": Shape.of({"text": string})}
IMAGE = {"image": Shape.of({"source": tagged("ImageSource", SOURCES)})}


def _content(name: str, variants: dict[str, Shape]) -> Check:
    """Check a content: a string, or an array of blocks."""
    blocks = sequence(tagged(name, variants))

    def check(value: Any) -> None:
        if isinstance(value, str):
            return
        if not isinstance(value, list):
            raise Malformed(f"data did not match any variant of untagged enum {name}")
        blocks(value)

    return check


def _message(images: bool) -> Check:
    """Check a message; *images* states whether any model accepts images."""
    seen = TEXT | (IMAGE if images else {})
    blocks = {
        **seen,
        "thinking": Shape.of({"thinking": string}, {"signature": string}),
        "tool_use": Shape.of({"id": string, "name": string, "input": mapping}),
        "tool_result": Shape.of({"tool_use_id": string}, {"content": _content("ToolResultContent", seen)}),
        "server_tool_use": Shape.of({"id": string, "name": string}, {"input": anything}),
        "web_search_tool_result": Shape.of({"tool_use_id": string}, {"content": anything}),
    }
    return struct("Message", {"role": one_of("user", "assistant"), "content": _content("MessageContent", blocks)})


def _tool(value: Any) -> None:
    """Check a client tool; server-side tools are ignored."""
    expect(value, isinstance(value, dict), "struct Tool")
    if value.get("type") in (None, "custom"):
        check_fields(value, TOOL)


TOOL = Shape.of({"name": string, "input_schema": mapping}, {"description": string})
CHOICES = {"auto": Shape.of({}), "any": Shape.of({}), "none": Shape.of({}), "tool": Shape.of({"name": string})}
THINKING = struct("Thinking", {"type": one_of("enabled", "disabled", "adaptive")})


@cache
def shape(profile: str) -> Shape:
    about = specs.behaviour(profile)
    switched = specs.limits(profile).thinking == "switch"
    return Shape.of(
        {"model": string, "messages": sequence(_message(any(map(about.sees, about.model_entries))))},
        {
            "max_tokens": integer(32),  # required by Anthropic; DeepSeek documents no such requirement
            "metadata": struct("Metadata", {}, {"user_id": string}),
            "stop_sequences": sequence(string),
            "stream": boolean,
            "system": _content("SystemContent", TEXT),
            "temperature": number,
            "thinking": THINKING if switched else anything,
            "tool_choice": tagged("ToolChoice", CHOICES),
            "tools": sequence(_tool),
            "top_p": number,
            "output_config": struct("OutputConfig", {}, {"effort": string}),
        },
    )
