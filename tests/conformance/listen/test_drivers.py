"""SDK drivers before a forwarder cannot tell that it is there: same outputs, and on both sides the same bytes.

Two servers of one seed and one frozen clock give the same bytes to the same requests. Four more SDKs are in tests/field.
"""

import asyncio
import base64
import threading
from contextlib import contextmanager

import httpx
import openai
import pytest

from echosounder.conformance.listen.delay import WakingSelector
from echosounder.conformance.listen.forwarder import Forwarder, Onward
from echosounder.conformance.listen.tape import Happening
from echosounder.mock_server.net.process import spawn
from echosounder.wire.target import target

KEY = "sk-drivers-00001"
ASK = {"model": "deepseek-flash", "messages": [{"role": "user", "content": "Name three rivers."}], "max_tokens": 12}


@contextmanager
def forwarding(upstream):
    """A forwarder in a thread of its own: its address, and the tape."""
    frames = []
    loop = asyncio.SelectorEventLoop(selector := WakingSelector())
    one = Forwarder(Onward.of(target(upstream), keep_host=True), frames.append, selector)
    server = loop.run_until_complete(loop.create_server(one.client, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", frames
    finally:
        loop.call_soon_threadsafe(one.stop)
        loop.call_soon_threadsafe(loop.call_later, 0.1, loop.stop)
        thread.join()
        server.close()
        loop.close()


def sync(base):
    with openai.OpenAI(base_url=base, api_key=KEY, max_retries=0) as client:
        said = client.chat.completions.create(**ASK).model_dump()
        stream = [chunk.model_dump() for chunk in client.chat.completions.create(**ASK, stream=True)]
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(**ASK | {"temperature": 9})
        return [said, stream, str(refused.value), [model.id for model in client.models.list()]]


def at_once(base):
    async def ask():
        async with openai.AsyncOpenAI(base_url=base, api_key=KEY, max_retries=0) as client:
            first = await client.chat.completions.create(**ASK)
            others = [client.chat.completions.create(**ASK) for _ in range(6)]
            return [
                first.choices[0].message.content,
                *(one.choices[0].message.content for one in await asyncio.gather(*others)),
            ]

    return asyncio.run(ask())


@pytest.mark.parametrize("driver", [sync, at_once])
def test_a_driver_gets_the_same(driver):
    known = {"seed": 7, "clock": "2026-11-30T12:00:00Z"}
    with spawn(**known) as mock:
        direct = driver(mock.url)
    with spawn(**known) as mock, forwarding(mock.url) as (url, frames):
        assert driver(url) == direct
        journal = httpx.get(mock.url + "/__mock/journal?raw=1", trust_env=False).json()["entries"]
    sides = [
        b"".join(frame.data for frame in frames if frame.kind is kind)
        for kind in (Happening.REQUEST, Happening.RESPONSE)
    ]
    arrived = [base64.b64decode(entry["body_b64"]) for entry in journal]
    assert all(body in sides[0] for body in arrived)
    assert sides[0].count(b"HTTP/1.1\r\n") == len(journal)
    written = sum(len(base64.b64decode(part)) for entry in journal for part in entry["writes_b64"])
    assert len(sides[1]) == written
