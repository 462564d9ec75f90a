"""The same output as the mock's, from a Starlette application: what one writes first. Served by uvicorn in an environment of its own.

    ITL_MS=20 TTFT_MS=200 uvicorn --app-dir benchmarks mock_starlette:app

It neither plans nor bills nor counts: its events are ready-made, which is in its favour.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

TTFT, ITL = float(os.environ.get("TTFT_MS", "0")) / 1000, float(os.environ.get("ITL_MS", "0")) / 1000


def event(delta: dict[str, str], finish: str | None = None, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    body = {
        "id": "0879b8f1-f548-4b92-a48f-8cc8061da211",
        "object": "chat.completion.chunk",
        "created": 1795341441,
        "model": "deepseek-v4-flash",
        "system_fingerprint": "a26a7955944dc5c60445bff77fac9c8e",
        "choices": [choice],
        **more,
    }
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


FIRST, TOKEN = event({"role": "assistant", "content": ""}), event({"content": " word"})
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 16,
    "total_tokens": 26,
    "prompt_cache_hit_tokens": 0,
    "prompt_cache_miss_tokens": 10,
}
LAST, DONE = event({"content": ""}, "stop", usage=USAGE), b"data: [DONE]\n\n"


async def events(tokens: int) -> AsyncIterator[bytes]:
    yield FIRST
    if TTFT:
        await asyncio.sleep(TTFT)
    for _ in range(tokens):
        yield TOKEN
        await asyncio.sleep(ITL)
    yield LAST
    yield DONE


async def chat(request: Request) -> StreamingResponse:
    body = await request.json()
    return StreamingResponse(events(body["max_tokens"]), media_type="text/event-stream")


app = Starlette(routes=[Route("/chat/completions", chat, methods=["POST"])])
