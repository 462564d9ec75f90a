"""The types of request bodies, field by field. Source: guides/anthropic_api. What the server does not support it does not look at."""

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
    """Text, or blocks."""
    blocks = sequence(tagged(name, variants))

    def check(value: Any) -> None:
        if isinstance(value, str):
            return
        if not isinstance(value, list):
            raise Malformed(f"data did not match any variant of untagged enum {name}")
        blocks(value)

    return check


def _message(images: bool) -> Check:
    """*images*: there is a model that takes them."""
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
    """Only tools of the client are looked at; those that a server would run are ignored."""
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
            "max_tokens": integer(32),  # Anthropic demands it; that DeepSeek does is not documented
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
