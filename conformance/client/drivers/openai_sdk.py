"""Driver: the official SDK of OpenAI for Python, used as its README does."""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

USE, PROMPT, MODEL = os.environ["ECHO_USE"], os.environ["ECHO_PROMPT"], os.environ["ECHO_MODEL"]
client = openai.OpenAI(
    timeout=float(os.environ["ECHO_TIMEOUT_S"])
)  # base URL and key are in OPENAI_BASE_URL and OPENAI_API_KEY
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": CITY}}]
Message = dict[str, Any]


def document(messages: list[Message], **more: Any) -> Message:
    choice = client.chat.completions.create(model=MODEL, messages=messages, **more).choices[0]
    return {**choice.message.model_dump(exclude_none=True), "finish": choice.finish_reason}


def stream(messages: list[Message], **more: Any) -> Message:
    whole: Message = {"role": "assistant", "content": "", "finish": None}
    calls: dict[int, Message] = {}
    for chunk in client.chat.completions.create(model=MODEL, messages=messages, stream=True, **more):
        for choice in chunk.choices:
            whole["content"] += choice.delta.content or ""
            if thought := getattr(choice.delta, "reasoning_content", None):
                whole["reasoning_content"] = whole.get("reasoning_content", "") + thought
            for part in choice.delta.tool_calls or ():
                call = calls.setdefault(
                    part.index, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
                )
                call["id"] = call["id"] or part.id
                if part.function:
                    call["function"]["name"] = call["function"]["name"] or part.function.name
                    call["function"]["arguments"] += part.function.arguments or ""
            whole["finish"] = choice.finish_reason or whole["finish"]
    return whole | ({"tool_calls": [*calls.values()]} if calls else {})


def with_tools(ask: Any) -> Message:
    messages: list[Message] = [{"role": "user", "content": PROMPT}]
    first = ask(messages, tools=TOOLS)
    first.pop("finish")
    told = [
        {"name": call["function"]["name"], "arguments": json.loads(call["function"]["arguments"])}
        for call in first["tool_calls"]
    ]
    results = [
        {"role": "tool", "tool_call_id": call["id"], "content": f"24 degrees in {one['arguments']['city']}"}
        for call, one in zip(first["tool_calls"], told, strict=True)
    ]
    return {**ask([*messages, first, *results], tools=TOOLS), "calls": told}


def text_of(number: int) -> str | None:
    try:
        return str(stream([{"role": "user", "content": f"{PROMPT} ({number})"}])["content"])
    except Exception:
        return None


def main() -> Message:
    messages: list[Message] = [{"role": "user", "content": PROMPT}]
    match USE:
        case "chat":
            answer = document(messages)
        case "stream":
            answer = stream(messages)
        case "json":
            answer = document(messages, response_format={"type": "json_object"})
        case "tools" | "tools-stream":
            answer = with_tools(document if USE == "tools" else stream)
        case "parallel":
            with ThreadPoolExecutor(4) as pool:
                return {"texts": [*pool.map(text_of, range(4))]}
        case "abort":
            with client.chat.completions.create(model=MODEL, messages=messages, stream=True) as events:
                next(iter(events))
            time.sleep(1)
            return {"aborted": True}
        case _:
            sys.exit(64)
    return {"text": answer["content"], "calls": answer.get("calls", []), "finish": answer["finish"]}


try:
    print(json.dumps(main(), ensure_ascii=False))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
