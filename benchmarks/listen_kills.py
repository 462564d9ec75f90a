"""Which faults does passive listening find, over what ordinary clients ask? And is it silent where nothing is wrong?

python benchmarks/listen_kills.py [--only GLOB] [--honest 2000]     # prints the table of docs/listen-kills.md

A mock commits each of its faults for a few requests as applications send them, through the forwarder of `listen`; what passes is
judged by the checks that need no request of ours. Legal variants and honest traffic must break nothing.
"""

import argparse
import asyncio
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from typing import Any

import httpx

from echosounder.conformance.listen.delay import WakingSelector
from echosounder.conformance.listen.forwarder import Forwarder, Onward
from echosounder.conformance.listen.reassembly import assembled
from echosounder.conformance.listen.tape import TapeFrame
from echosounder.judgement.passive import judged
from echosounder.mock_server.deviations import all_deviations
from echosounder.mock_server.net.process import spawn
from echosounder.specs import DEFAULT_PROFILE
from echosounder.wire.exchange import Exchange
from echosounder.wire.header import ClockReading
from echosounder.wire.target import target

CLOCK = ClockReading(time.time(), time.monotonic_ns())
MODEL = "deepseek-flash"
SAY = [{"role": "user", "content": "Name three rivers of Europe, and say JSON and café."}]
TOOL = {
    "name": "weather",
    "description": "The weather of a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CHAT = {"model": MODEL, "messages": SAY, "max_tokens": 60}
OFF = {"thinking": {"type": "disabled"}}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}
CHAT_TOOL = {"tools": [{"type": "function", "function": TOOL}], "tool_choice": "required"}
RESPONSES = {
    "model": MODEL,
    "input": "Name three rivers of Europe.",
    "max_output_tokens": 60,
    "reasoning": {"effort": "none"},
}
MESSAGES = {"model": MODEL, "messages": SAY, "max_tokens": 60, "thinking": {"type": "disabled"}}
MESSAGES_TOOL = {
    "tools": [{"name": TOOL["name"], "description": TOOL["description"], "input_schema": TOOL["parameters"]}],
    "tool_choice": {"type": "any"},
}
UNICODE = [{"role": "user", "content": "Repeat: 東京 🎉 Ελλάδα naïve"}]
ASKED: list[tuple[str, str, Any]] = [
    ("chat", "/chat/completions", CHAT | OFF),
    ("chat", "/chat/completions", CHAT),
    ("chat", "/chat/completions", CHAT | STREAM),
    ("chat", "/chat/completions", CHAT | OFF | {"stream": True}),
    ("chat", "/chat/completions", CHAT | OFF | STREAM | CHAT_TOOL),
    ("chat", "/chat/completions", CHAT | OFF | CHAT_TOOL),
    ("chat", "/chat/completions", CHAT | OFF | {"response_format": {"type": "json_object"}}),
    ("chat", "/chat/completions", CHAT | OFF | {"logprobs": True, "top_logprobs": 2}),
    ("chat", "/chat/completions", CHAT | OFF | {"messages": []}),
    ("chat", "/chat/completions", CHAT | OFF | STREAM | {"logprobs": True}),
    ("chat", "/chat/completions", CHAT | OFF | {"max_tokens": 3}),
    ("chat", "/chat/completions", CHAT | {"messages": UNICODE} | STREAM),
    (
        "chat",
        "/beta/chat/completions",
        CHAT | OFF | {"messages": [*SAY, {"role": "assistant", "content": "The", "prefix": True}]},
    ),
    ("chat", "/chat/completions?key=bad", CHAT),
    ("fim", "/beta/completions", {"model": MODEL, "prompt": "def fib(n):", "suffix": "return n", "max_tokens": 30}),
    ("fim", "/beta/completions", {"model": MODEL, "prompt": "def fib(n):", "max_tokens": 30, "stream": True}),
    ("responses", "/responses", RESPONSES),
    ("responses", "/responses", RESPONSES | {"stream": True}),
    ("responses", "/responses", RESPONSES | {"stream": True, "reasoning": {"effort": "high"}}),
    ("responses", "/responses", RESPONSES | {"stream": True, "max_output_tokens": 3}),
    ("responses", "/responses", RESPONSES | {"max_output_tokens": 3}),
    (
        "responses",
        "/responses",
        RESPONSES | {"stream": True, "tools": [{"type": "function"} | TOOL], "tool_choice": "required"},
    ),
    ("responses", "/responses", RESPONSES | {"tools": [{"type": "function"} | TOOL], "tool_choice": "required"}),
    ("messages", "/anthropic/v1/messages", MESSAGES),
    ("messages", "/anthropic/v1/messages", MESSAGES | {"max_tokens": 3, "stop_sequences": ["zebra"]}),
    ("messages", "/anthropic/v1/messages", MESSAGES | {"stream": True} | MESSAGES_TOOL),
    ("messages", "/anthropic/v1/messages", MESSAGES | MESSAGES_TOOL),
    ("messages", "/anthropic/v1/messages", MESSAGES | {"stream": True}),
    (
        "messages",
        "/anthropic/v1/messages",
        MESSAGES | {"stream": True, "thinking": {"type": "enabled", "budget_tokens": 50}},
    ),
    ("", "/models", None),
    ("", "/user/balance", None),
]


@contextmanager
def listening(upstream: str) -> Iterator[tuple[str, list[TapeFrame]]]:
    """A forwarder in a thread; its address, and the tape."""
    frames: list[TapeFrame] = []
    loop = asyncio.SelectorEventLoop(selector := WakingSelector())
    one = Forwarder(Onward.of(target(upstream)), frames.append, selector)
    server = loop.run_until_complete(loop.create_server(one.client, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", frames
    finally:
        loop.call_soon_threadsafe(one.stop)
        loop.call_later(0.2, loop.stop)
        loop.call_soon_threadsafe(lambda: loop.call_later(0.2, loop.stop))
        thread.join()
        loop.close()


def ask(client: httpx.Client, path: str, body: Any, fault: str) -> None:
    secret = "sk-invalid-kills-0123456789" if "key=bad" in path else "sk-kills-0123456789"
    own = {"x-api-key": secret} if "anthropic" in path else {"authorization": f"Bearer {secret}"}
    headers = own | ({"x-mock-deviate": fault} if fault else {}) | {"accept-encoding": "identity"}
    with (
        suppress(httpx.HTTPError),
        client.stream("GET" if body is None else "POST", path, json=body, headers=headers) as answer,
    ):
        for _ in answer.iter_raw():
            pass


def passed(faults: list[tuple[str, str]], times: int = 1) -> dict[str, list[Exchange]]:
    """``(fault, format)`` each: what passed while each was committed."""
    with spawn(port=0) as mock, listening(mock.url) as (url, frames):
        limits = httpx.Limits(max_connections=16)
        with (
            httpx.Client(base_url=url, timeout=3, trust_env=False, limits=limits) as client,
            ThreadPoolExecutor(12) as pool,
        ):
            for fault, format in faults:
                for _ in range(times):
                    for form, path, body in ASKED:
                        if not format or form == format:
                            pool.submit(ask, client, path, body, fault)
    found = defaultdict(list)
    for exchange in assembled(frames)[0]:
        name = next((value for header, value in exchange.request.headers if header.lower() == "x-mock-deviate"), "")
        found[name].append(exchange)
    return found


def breaks(exchanges: list[Exchange]) -> Counter[str]:
    return Counter(
        result.requirement
        for exchange in exchanges
        for result in judged(exchange, DEFAULT_PROFILE, clock=CLOCK)
        if result.verdict in ("fail", "nonstrict")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="*")
    parser.add_argument("--honest", type=int, default=2000, help="honest requests")
    given = parser.parse_args()
    every = [each for each in all_deviations() if fnmatchcase(each.name, given.only)]
    seen = passed([(each.name, each.format) for each in every])
    rows = [(each, breaks(seen[each.name])) for each in every]
    faults = [(each, found) for each, found in rows if not each.legal]
    alarms = {each.name: dict(found) for each, found in rows if each.legal and found}
    honest = [one for group in passed([("", "")], max(1, given.honest // len(ASKED))).values() for one in group]
    wrong = breaks(honest)
    caught = [each.name for each, found in faults if found]
    exact = [each.name for each, found in faults if set(found) & each.breaks]
    print(f"{len(caught)} of {len(faults)} faults found, {len(exact)} of them by a requirement that the fault names.")
    print(
        f"False alarms: {len(alarms)} of {len(rows) - len(faults)} legal variants, {sum(wrong.values())} on {len(honest)} honest exchanges."
    )
    print(json.dumps({"alarms": alarms, "honest": wrong}) if alarms or wrong else "")
    print("\n| fault | found by |\n|---|---|")
    for each, found in faults:
        names = sorted(found, key=lambda id: (id not in each.breaks, -found[id]))[:3]
        print(f"| `{each.name}` | {', '.join(f'`{id}`' for id in names) or '–'} |")


if __name__ == "__main__":
    main()
