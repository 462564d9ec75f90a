"""Driver: the official SDK of Anthropic for Python, for the Messages format."""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic

USE, PROMPT, MODEL = os.environ["ECHO_USE"], os.environ["ECHO_PROMPT"], os.environ["ECHO_MODEL"]
client = anthropic.Anthropic(timeout=float(os.environ["ECHO_TIMEOUT_S"]))  # ANTHROPIC_BASE_URL, ANTHROPIC_API_KEY
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"name": "get_weather", "description": "Weather", "input_schema": CITY}]


def document(messages: Any, **more: Any) -> Any:
    return client.messages.create(model=MODEL, max_tokens=2000, messages=messages, **more)


def stream(messages: Any, **more: Any) -> Any:
    with client.messages.stream(model=MODEL, max_tokens=2000, messages=messages, **more) as events:
        return events.get_final_message()


def with_tools(ask: Any) -> tuple[Any, list[dict[str, Any]]]:
    messages = [{"role": "user", "content": PROMPT}]
    first = ask(messages, tools=TOOLS)
    calls = [block for block in first.content if block.type == "tool_use"]
    results = [
        {"type": "tool_result", "tool_use_id": call.id, "content": f"24 degrees in {call.input['city']}"}
        for call in calls
    ]
    back = [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    return ask([*messages, *back], tools=TOOLS), [{"name": call.name, "arguments": call.input} for call in calls]


def text_of(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def one_of_several(number: int) -> str | None:
    try:
        return text_of(stream([{"role": "user", "content": f"{PROMPT} ({number})"}]))
    except Exception:
        return None


def main() -> dict[str, Any]:
    messages: Any = [{"role": "user", "content": PROMPT}]
    calls: list[dict[str, Any]] = []
    match USE:
        case "chat":
            answer = document(messages)
        case "stream":
            answer = stream(messages)
        case "tools" | "tools-stream":
            answer, calls = with_tools(document if USE == "tools" else stream)
        case "parallel":
            with ThreadPoolExecutor(4) as pool:
                return {"texts": [*pool.map(one_of_several, range(4))]}
        case "abort":
            with client.messages.stream(model=MODEL, max_tokens=2000, messages=messages) as events:
                next(iter(events))
            time.sleep(1)
            return {"aborted": True}
        case _:
            sys.exit(64)
    return {"text": text_of(answer), "calls": calls, "finish": answer.stop_reason}


try:
    print(json.dumps(main(), ensure_ascii=False))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
