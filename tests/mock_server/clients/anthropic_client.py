"""The official Python SDK for Messages drives the mock; prints what it understood as JSON. Usage: python anthropic_client.py URL"""

import json
import sys
from collections.abc import Callable

import anthropic

BASE = f"{sys.argv[1]}/anthropic"
MODEL = "claude-opus-4-1"
TEXT = "Repeat exactly: 你好 👩‍👩‍👧"
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = [
    {"type": "text", "text": "What is it?"},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
]
SEES = {"model": "claude-haiku-4-5", "thinking": {"type": "disabled"}}
client = anthropic.Anthropic(base_url=BASE, api_key="sk-test-0000000000", max_retries=0)
stranger = anthropic.Anthropic(base_url=BASE, api_key="sk-invalid-1234", max_retries=0)
bearer = anthropic.Anthropic(base_url=BASE, auth_token="sk-test-0000000000", max_retries=0)


def say(content: object) -> list[dict[str, object]]:
    return [{"role": "user", "content": content}]


def text_of(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def round_trip(
    thinking: dict[str, object], drop: bool = False
) -> tuple[anthropic.types.Message, anthropic.types.Message]:
    """Calls, and the answer to their results. *drop*: the thought does not come back."""
    asked = {"model": MODEL, "max_tokens": 2000, "tools": [WEATHER], "thinking": thinking}
    question = say("What is the weather in Paris and in Tokyo?")
    with client.messages.stream(messages=question, **asked) as stream:
        first = stream.get_final_message()
    calls = [block for block in first.content if block.type == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": "24 degrees"} for call in calls]
    back = [block for block in first.content if not (drop and block.type == "thinking")]
    second = client.messages.create(
        messages=[*question, {"role": "assistant", "content": back}, *say(results)], **asked
    )
    return first, second


def refusal(run: Callable[[], object]) -> list[object]:
    try:
        run()
    except anthropic.APIStatusError as caught:
        return [type(caught).__name__, caught.status_code]
    return []


def main() -> None:
    chat = client.messages.create(model=MODEL, max_tokens=500, system="Be brief.", messages=say(TEXT))
    with bearer.messages.stream(model=MODEL, max_tokens=500, system="Be brief.", messages=say(TEXT)) as stream:
        kinds = [event.type for event in stream]
        streamed = stream.get_final_message()
    thinks = {"type": "enabled", "budget_tokens": 1024}
    first, second = round_trip(thinks)
    plain = {"model": MODEL, "thinking": {"type": "disabled"}}
    cut = client.messages.create(max_tokens=5, messages=say("Write a long essay."), **plain)
    stopped = client.messages.create(
        max_tokens=50, messages=say("Say 'one two three'"), stop_sequences=[" two"], **plain
    )
    forced = client.messages.create(
        max_tokens=100,
        messages=say("Hi"),
        tools=[WEATHER],
        tool_choice={"type": "tool", "name": "get_weather"},
        **plain,
    )
    with client.messages.stream(max_tokens=500, messages=say("Write a long essay."), **plain) as hung_up:
        begun = next(text for text in hung_up.text_stream if text)
    cached = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    ignored = client.messages.create(
        max_tokens=500, messages=say(TEXT), system=cached, metadata={"user_id": "u"}, service_tier="auto", **plain
    )
    seen, blind = (client.messages.create(max_tokens=9, messages=say(each), **SEES) for each in (PICTURE, PICTURE[:1]))
    hello = client.messages.create
    print(
        json.dumps(
            {
                "chat": text_of(chat),
                "streamed": text_of(streamed),
                "model": chat.model,
                "usage": [
                    chat.usage.input_tokens,
                    streamed.usage.input_tokens,
                    chat.usage.output_tokens,
                    streamed.usage.output_tokens,
                ],
                "thought": [block.type for block in chat.content],
                "signed": chat.content[0].signature == chat.id,
                "ends": [kinds[0], kinds[-1]],
                "calls": [block.input for block in first.content if block.type == "tool_use"],
                "stops": [
                    first.stop_reason,
                    second.stop_reason,
                    cut.stop_reason,
                    stopped.stop_reason,
                    stopped.stop_sequence,
                ],
                "answer": text_of(second),
                "cut": cut.usage.output_tokens,
                "forced": [block.name for block in forced.content if block.type == "tool_use"],
                "begun": bool(begun),
                "ignored": text_of(ignored),
                "image": seen.usage.input_tokens - blind.usage.input_tokens,
                "errors": {
                    "key": refusal(lambda: stranger.messages.create(model=MODEL, max_tokens=1, messages=say("x"))),
                    "model": refusal(lambda: hello(model="nobody", max_tokens=1, messages=say("x"))),
                    "parameter": refusal(
                        lambda: hello(model=MODEL, max_tokens=1, messages=say("x"), extra_body={"temperature": 3})
                    ),
                    "thought": refusal(lambda: round_trip(thinks, drop=True)),
                },
            }
        )
    )


main()
