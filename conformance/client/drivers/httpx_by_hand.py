"""Driver: the API by hand, over httpx. The shape that a careful client of one's own has."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx

USE, PROMPT, MODEL = os.environ["ECHO_USE"], os.environ["ECHO_PROMPT"], os.environ["ECHO_MODEL"]
URL = os.environ["ECHO_BASE_URL"] + "/chat/completions"
HEADERS = {"authorization": f"Bearer {os.environ['ECHO_API_KEY']}", "user-agent": "httpx-by-hand/1"}
HTTP = httpx.Client(headers=HEADERS, timeout=float(os.environ["ECHO_TIMEOUT_S"]))
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "get_weather", "description": "Weather", "parameters": CITY}}]
AGAIN, ATTEMPTS = {429, 500, 502, 503, 504}, 3


class Failed(Exception):
    pass


def opened(body: dict[str, Any]) -> httpx.Response:
    """The head of an answer with status 200. Refused requests, and those lost before an answer began, are retried."""
    for attempt in range(1, ATTEMPTS + 1):
        pause = 0.4 * 2**attempt
        try:
            response = HTTP.send(HTTP.build_request("POST", URL, json={"model": MODEL, **body}), stream=True)
        except (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError) as error:
            problem = Failed(f"no answer: {error!r}")
        else:
            if response.status_code == 200:
                return response
            problem = Failed(f"status {response.status_code}: {response.read().decode(errors='replace')[:500]}")
            if response.status_code not in AGAIN:
                break
            after = response.headers.get("retry-after", "")
            pause = max(pause, float(after) + 0.05) if after.isdigit() else pause
        if attempt < ATTEMPTS:
            time.sleep(pause)
    raise problem


def document(body: dict[str, Any]) -> dict[str, Any]:
    answer = json.loads(opened(body).read())
    if "error" in answer:
        raise Failed(f"error: {answer['error']}")
    choice = answer["choices"][0]
    return {**choice["message"], "finish": choice["finish_reason"]}


def events(response: httpx.Response) -> Iterator[bytes]:
    """The data of each event. Lines end with LF, CR LF or CR; reads end anywhere."""
    held, data = b"", list[bytes]()
    for read in response.iter_bytes():
        *lines, held = re.split(rb"\r\n|\n|\r(?!\n|\Z)", held + read)
        for line in lines:
            name, _, value = line.removeprefix(b"\xef\xbb\xbf").partition(b":")
            if name == b"data":
                data.append(value.removeprefix(b" "))
            elif not line and data:
                yield b"\n".join(data)
                data = []


def chunks(response: httpx.Response) -> Iterator[dict[str, Any]]:
    ended = False
    for data in events(response):
        try:
            chunk = json.loads(data)
        except ValueError:
            if ended or data == b"[DONE]":
                return
            raise
        if chunk.get("error"):
            raise Failed(f"error in the stream: {chunk['error']}")
        ended = ended or any(choice.get("finish_reason") for choice in chunk.get("choices") or ())
        yield chunk


def stream(body: dict[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {"content": "", "reasoning_content": "", "finish": None}
    calls: dict[int, dict[str, Any]] = {}
    with closing(opened({**body, "stream": True, "stream_options": {"include_usage": True}})) as response:
        for chunk in chunks(response):
            for choice in chunk.get("choices") or ():
                delta = choice.get("delta") or {}
                for name in ("content", "reasoning_content"):
                    whole[name] += delta.get(name) or ""
                for part in delta.get("tool_calls") or ():
                    add(calls, part)
                whole["finish"] = choice.get("finish_reason") or whole["finish"]
    if not whole["finish"]:
        raise Failed("the stream ended before the answer did")
    return {**whole, **({"tool_calls": [*calls.values()]} if calls else {})}


def add(calls: dict[int, dict[str, Any]], part: dict[str, Any]) -> None:
    call = calls.setdefault(part["index"], {"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
    function = part.get("function") or {}
    call["id"] = call["id"] or part.get("id") or ""
    call["function"]["name"] = call["function"]["name"] or function.get("name") or ""
    call["function"]["arguments"] += function.get("arguments") or ""


def with_tools(ask: Any) -> dict[str, Any]:
    """Asks, runs the requested calls, and asks again with the results."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": PROMPT}]
    first = ask({"messages": messages, "tools": TOOLS})
    calls = first["tool_calls"]
    back = {"role": "assistant", "content": first["content"] or "", "tool_calls": calls}
    back |= {"reasoning_content": first["reasoning_content"]} if first.get("reasoning_content") else {}
    results = [
        {
            "role": "tool",
            "tool_call_id": call["id"],
            "content": f"24 degrees in {json.loads(call['function']['arguments'])['city']}",
        }
        for call in calls
    ]
    last = ask({"messages": [*messages, back, *results], "tools": TOOLS})
    told = [
        {"name": call["function"]["name"], "arguments": json.loads(call["function"]["arguments"])} for call in calls
    ]
    return {**last, "calls": told}


def text_of(number: int) -> str | None:
    try:
        return str(stream({"messages": [{"role": "user", "content": f"{PROMPT} ({number})"}]})["content"])
    except (Failed, httpx.HTTPError, ValueError, KeyError, TypeError, IndexError):
        return None


def abort(body: dict[str, Any]) -> None:
    """Reads the first events of a stream, aborts it, and keeps running for a while."""
    response = opened({**body, "stream": True})
    for number, _ in enumerate(chunks(response)):
        if number == 2:
            break
    response.close()
    time.sleep(1)


def main() -> dict[str, Any]:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": PROMPT}]}
    match USE:
        case "chat":
            answer = document(body)
        case "stream":
            answer = stream(body)
        case "json":
            answer = document({**body, "response_format": {"type": "json_object"}})
        case "tools" | "tools-stream":
            answer = with_tools(document if USE == "tools" else stream)
        case "parallel":
            with ThreadPoolExecutor(4) as pool:
                return {"texts": [*pool.map(text_of, range(4))]}
        case "abort":
            abort(body)
            return {"aborted": True}
        case _:
            sys.exit(64)
    return {"text": answer["content"], "calls": answer.get("calls", []), "finish": answer["finish"]}


try:
    print(json.dumps(main(), ensure_ascii=False))
except (Failed, httpx.HTTPError, ValueError, KeyError, TypeError, IndexError) as error:
    sys.exit(f"{type(error).__name__}: {error}")
