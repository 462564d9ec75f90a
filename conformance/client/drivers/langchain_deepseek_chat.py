"""Driver: LangChain with its package for DeepSeek."""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from langchain_core.messages import AIMessageChunk, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_deepseek import ChatDeepSeek

USE, PROMPT = os.environ["ECHO_USE"], os.environ["ECHO_PROMPT"]


@tool
def get_weather(city: str) -> str:
    """Weather"""
    return f"24 degrees in {city}"


def model(thinking: str = "enabled") -> Any:  # base URL and key are in DEEPSEEK_API_BASE and DEEPSEEK_API_KEY
    switch = {"thinking": {"type": thinking}}
    return ChatDeepSeek(model=os.environ["ECHO_MODEL"], timeout=float(os.environ["ECHO_TIMEOUT_S"]), extra_body=switch)


def document(messages: list[BaseMessage], asked: Any) -> Any:
    return asked.invoke(messages)


def stream(messages: list[BaseMessage], asked: Any) -> Any:
    whole: AIMessageChunk | None = None
    for chunk in asked.stream(messages):
        whole = chunk if whole is None else whole + chunk
    return whole


def with_tools(ask: Any) -> tuple[Any, list[dict[str, Any]]]:
    """Without thinking: the package does not return reasoning, which the API would require."""
    asked = model("disabled").bind_tools([get_weather])
    messages: list[BaseMessage] = [HumanMessage(PROMPT)]
    first = ask(messages, asked)
    results = [ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]) for call in first.tool_calls]
    told = [{"name": call["name"], "arguments": call["args"]} for call in first.tool_calls]
    return ask([*messages, first, *results], asked), told


def text_of(number: int) -> str | None:
    try:
        return str(stream([HumanMessage(f"{PROMPT} ({number})")], model()).content)
    except Exception:
        return None


def main() -> dict[str, Any]:
    messages: list[BaseMessage] = [HumanMessage(PROMPT)]
    calls: list[dict[str, Any]] = []
    match USE:
        case "chat":
            answer = document(messages, model())
        case "stream":
            answer = stream(messages, model())
        case "json":
            answer = document(messages, model().bind(response_format={"type": "json_object"}))
        case "tools" | "tools-stream":
            answer, calls = with_tools(document if USE == "tools" else stream)
        case "parallel":
            with ThreadPoolExecutor(4) as pool:
                return {"texts": [*pool.map(text_of, range(4))]}
        case "abort":
            chunks = model().stream(messages)
            next(chunks)
            chunks.close()
            time.sleep(1)
            return {"aborted": True}
        case _:
            sys.exit(64)
    return {"text": answer.content, "calls": calls, "finish": answer.response_metadata.get("finish_reason")}


try:
    print(json.dumps(main(), ensure_ascii=False))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
