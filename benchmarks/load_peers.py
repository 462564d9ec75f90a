"""Other clients, as their users write them: each reads streams as fast as it can and says what it saw, as one JSON line.

    python benchmarks/load_peers.py CLIENT URL CONNECTIONS SECONDS

CLIENT: fasthttp (Locust's FastHttpUser with its ``client.iter_lines``), fasthttp-measuring (the same user, made to do what ours
does: a stamp per read, every event's JSON, how the stream ended, a record to a file), stream-user (our StreamUser: a user and a greenlet
per stream, and every latency in Locust's statistics), aiohttp, httpx-sse, openai.
``first`` and ``gaps``: monotonic ns of the first token by trace id, and the times between tokens, as the client stamps them.
"""

import sys

if any(argument.startswith(("fasthttp", "stream-user")) for argument in sys.argv):
    import locust  # noqa: F401  # patches what the imports below would else have for good

import asyncio
import itertools
import json
import time

BODY = {
    "model": "deepseek-v4-flash",
    "stream": True,
    "max_tokens": 256,
    "messages": [{"role": "user", "content": "tell me a story"}],
}
KEY = {"Authorization": "Bearer sk-bench-000000000"}


class Seen:
    """What a client noted of its streams."""

    def __init__(self) -> None:
        self.streams = self.events = 0
        self.first: dict[str, int] = {}
        self.gaps: dict[str, list[int]] = {}

    def note(self, trace: str | None, stamps: list[int]) -> None:
        self.streams += 1
        self.events += len(stamps)
        if trace is not None and stamps:
            self.first[trace] = stamps[0]
            self.gaps[trace] = [b - a for a, b in itertools.pairwise(stamps)]


def token(data: str) -> bool:
    if data == "[DONE]":
        return False
    choices = json.loads(data)["choices"]
    return bool(choices and choices[0]["delta"].get("content"))


async def _aiohttp(url: str, seen: Seen, end: float) -> None:
    import aiohttp

    async def user(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < end:
            async with session.post(url + "/chat/completions", json=BODY, headers=KEY) as answer:
                stamps, rest = [], b""
                async for piece in answer.content.iter_any():
                    rest += piece
                    *blocks, rest = rest.split(b"\n\n")
                    for block in blocks:
                        if token(block.removeprefix(b"data: ").decode()):
                            stamps.append(time.monotonic_ns())
                seen.note(answer.headers.get("x-ds-trace-id"), stamps)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(user(session) for _ in range(CONNECTIONS)))


async def _httpx_sse(url: str, seen: Seen, end: float) -> None:
    import httpx
    from httpx_sse import aconnect_sse

    async def user(client: httpx.AsyncClient) -> None:
        while time.monotonic() < end:
            async with aconnect_sse(client, "POST", url + "/chat/completions", json=BODY, headers=KEY) as source:
                stamps = [time.monotonic_ns() async for event in source.aiter_sse() if token(event.data)]
                seen.note(source.response.headers.get("x-ds-trace-id"), stamps)

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(timeout=120, limits=limits) as client:
        await asyncio.gather(*(user(client) for _ in range(CONNECTIONS)))


async def _openai(url: str, seen: Seen, end: float) -> None:
    import httpx
    import openai

    async def user(client: openai.AsyncOpenAI) -> None:
        while time.monotonic() < end:
            answer = await client.chat.completions.with_raw_response.create(**BODY)
            stamps = [
                time.monotonic_ns()
                async for chunk in answer.parse()
                if chunk.choices and chunk.choices[0].delta.content
            ]
            seen.note(answer.headers.get("x-ds-trace-id"), stamps)

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    http = httpx.AsyncClient(timeout=120, limits=limits)
    async with openai.AsyncOpenAI(base_url=url, api_key="sk-bench-000000000", http_client=http) as client:
        await asyncio.gather(*(user(client) for _ in range(CONNECTIONS)))


def _locust(user: type, seen: Seen, end: float) -> None:
    import gevent
    from locust.env import Environment

    runner = Environment(user_classes=[user], stop_timeout=60).create_local_runner()  # s in which streams may end
    runner.start(CONNECTIONS, spawn_rate=CONNECTIONS)
    gevent.sleep(max(end - time.monotonic(), 0))
    runner.quit()


def _fasthttp(url: str, seen: Seen, end: float) -> None:
    from locust import FastHttpUser, task

    class Reader(FastHttpUser):
        host = url

        def on_start(self) -> None:
            """``iter_lines`` keeps the answer to itself; the trace id is in its headers."""
            request = self.client.request

            def remembered(*args, **kwargs):
                self.answer = request(*args, **kwargs)
                return self.answer

            self.client.request = remembered

        @task
        def read(self) -> None:
            lines = self.client.iter_lines("/chat/completions", "POST", json=BODY, headers=KEY)
            stamps = [time.monotonic_ns() for line in lines if line.startswith("data: ") and token(line[6:])]
            seen.note(self.answer.headers.get("x-ds-trace-id"), stamps)

    _locust(Reader, seen, end)


def _stream_user(url: str, seen: Seen, end: float) -> None:
    from itertools import accumulate

    from locust import task

    from echosounder.load import StreamUser

    class Reader(StreamUser):
        host = url
        model = BODY["model"]

        @task
        def read(self) -> None:
            found = self.stream("tell me a story", 256)
            if found.t_first_token is not None:
                seen.note(
                    found.trace, [found.t_first_token + 1000 * gap for gap in accumulate(found.gaps_us, initial=0)]
                )
                seen.events += found.token_events - len(found.gaps_us) - 1  # several events in a read

    _locust(Reader, seen, end)


def _fasthttp_measuring(url: str, seen: Seen, end: float) -> None:
    import tempfile

    from locust import FastHttpUser, task

    log = tempfile.TemporaryFile("w", encoding="utf-8")  # noqa: SIM115  # until the process ends

    class Reader(FastHttpUser):
        host = url

        @task
        def read(self) -> None:
            sent = time.monotonic_ns()
            answer = self.client.request("POST", "/chat/completions", json=BODY, headers=KEY, stream=True)
            response, stamps, rest, events = answer._response, [], b"", []
            data = b""
            while True:
                at = time.monotonic_ns()
                rest += bytes(response._body_buffer)
                del response._body_buffer[:]
                *blocks, rest = rest.split(b"\n\n")
                found = [block[6:].decode() for block in blocks if block.startswith(b"data: ")]
                events += [json.loads(text) for text in found if text != "[DONE]"]
                tokens = sum(token(text) for text in found)
                stamps += [at] * tokens
                if response.message_complete or not (data := response._sock.recv(65536)):
                    break
                response.feed(data)
            record = {
                "status": answer.status_code,
                "t_sent": sent,
                "ttft_us": (stamps[0] - sent) // 1000 if stamps else None,
                "gaps_us": [(b - a) // 1000 for a, b in itertools.pairwise(stamps)],
                "finish": next(
                    (event["choices"][0]["finish_reason"] for event in reversed(events) if event["choices"]), ""
                ),
                "usage": events[-1].get("usage") if events else None,
                "end": "done" if response.message_complete else "truncated",
            }
            log.write(json.dumps(record) + "\n")
            seen.note(answer.headers.get("x-ds-trace-id"), stamps)

    _locust(Reader, seen, end)


CLIENTS = {
    "fasthttp": _fasthttp,
    "fasthttp-measuring": _fasthttp_measuring,
    "stream-user": _stream_user,
    "aiohttp": _aiohttp,
    "httpx-sse": _httpx_sse,
    "openai": _openai,
}

if __name__ == "__main__":
    name, target, CONNECTIONS, duration = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    noted, begin, cpu = Seen(), time.monotonic(), time.process_time()
    running = CLIENTS[name](target, noted, begin + duration)
    if running is not None:
        asyncio.run(running)
    figures = {"seconds": time.monotonic() - begin, "cpu": time.process_time() - cpu, **vars(noted)}
    print(json.dumps(figures))
