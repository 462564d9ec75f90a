"""Driver: LiteLLM's completion() with its provider for DeepSeek."""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # at its import it would ask the network for prices
import litellm

USE, PROMPT = os.environ["ECHO_USE"], os.environ["ECHO_PROMPT"]
litellm.suppress_debug_info = True
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": CITY}}]


def ask(messages: Any, **more: Any) -> Any:  # base URL and key are in DEEPSEEK_API_BASE and DEEPSEEK_API_KEY
    name = f"deepseek/{os.environ['ECHO_MODEL']}"
    return litellm.completion(model=name, messages=messages, timeout=float(os.environ["ECHO_TIMEOUT_S"]), **more)


def document(messages: Any, **more: Any) -> Any:
    return ask(messages, **more).choices[0]


def stream(messages: Any, **more: Any) -> Any:
    """Joined by the library's own helper."""
    chunks = list(ask(messages, stream=True, **more))
    return litellm.stream_chunk_builder(chunks, messages=messages).choices[0]


def with_tools(how: Any) -> tuple[Any, list[dict[str, Any]]]:
    messages: list[Any] = [{"role": "user", "content": PROMPT}]
    first = how(messages, tools=TOOLS).message
    told = [{"name": call.function.name, "arguments": json.loads(call.function.arguments)} for call in first.tool_calls]
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": f"24 degrees in {one['arguments']['city']}"}
        for call, one in zip(first.tool_calls, told, strict=True)
    ]
    return how([*messages, first.model_dump(), *results], tools=TOOLS), told


def text_of(number: int) -> str | None:
    try:
        return str(stream([{"role": "user", "content": f"{PROMPT} ({number})"}]).message.content)
    except Exception:
        return None


def main() -> dict[str, Any]:
    messages = [{"role": "user", "content": PROMPT}]
    calls: list[dict[str, Any]] = []
    match USE:
        case "chat":
            answer = document(messages)
        case "stream":
            answer = stream(messages)
        case "json":
            answer = document(messages, response_format={"type": "json_object"})
        case "tools" | "tools-stream":
            answer, calls = with_tools(document if USE == "tools" else stream)
        case "parallel":
            with ThreadPoolExecutor(4) as pool:
                return {"texts": [*pool.map(text_of, range(4))]}
        case "abort":
            chunks = ask(messages, stream=True)
            next(iter(chunks))
            del chunks
            time.sleep(1)
            return {"aborted": True}
        case _:
            sys.exit(64)
    return {"text": answer.message.content, "calls": calls, "finish": answer.finish_reason}


try:
    print(json.dumps(main(), ensure_ascii=False))
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error} (status {getattr(error, 'status_code', None)})")
