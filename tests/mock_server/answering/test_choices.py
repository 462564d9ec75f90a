"""Several choices of one request, as the openai dialect has them."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from echosounder.wire import sse

OfProfile = Callable[[str], httpx.Client]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": CITY}}]


def asked(prompt: str = "Tell me about lighthouses.", **more: Any) -> dict[str, Any]:
    return {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": prompt}], **more}


def chunks(raw: str) -> list[dict[str, Any]]:
    data = [item.data for item in sse.decode(raw.encode()) if isinstance(item, sse.Event)]
    assert data[-1] == "[DONE]"
    assert data.count("[DONE]") == 1
    return [json.loads(text) for text in data[:-1]]


@pytest.mark.parametrize(
    ("count", "more"),
    [(2, {}), (5, {"max_tokens": 7}), (3, {"logprobs": True, "top_logprobs": 1}), (2, {"tools": TOOLS})],
)
def test_a_stream_interleaves_the_choices_that_a_plain_answer_lists(
    of_profile: OfProfile, count: int, more: dict[str, Any]
) -> None:
    body = asked("Call weather for Paris." if "tools" in more else "Tell me about lighthouses.", n=count, **more)
    client = of_profile("openai")
    whole = client.post("/chat/completions", json=body).json()
    streamed = {**body, "stream": True, "stream_options": {"include_usage": True}}
    made = chunks(client.post("/chat/completions", json=streamed).text)

    assert [choice["index"] for choice in whole["choices"]] == list(range(count))
    assert len({chunk["id"] for chunk in made}) == 1
    assert made[-1]["choices"] == []
    assert made[-1]["usage"] == whole["usage"]
    for choice in whole["choices"]:
        mine = [one for chunk in made for one in chunk["choices"] if one["index"] == choice["index"]]
        text = "".join(one["delta"].get("content") or "" for one in mine)
        assert text == choice["message"]["content"]
        assert mine[0]["delta"]["role"] == "assistant"
        assert [one["finish_reason"] for one in mine if one["finish_reason"]] == [choice["finish_reason"]]
    first_words = [one["index"] for chunk in made[count : 2 * count] for one in chunk["choices"]]
    assert first_words == list(range(count)), "choices are spoken at the same time, not one after the other"


def test_usage_counts_the_tokens_of_all_choices(of_profile: OfProfile) -> None:
    client = of_profile("openai")
    one, three = (
        client.post("/chat/completions", json=asked("Write a long story.", max_tokens=9, n=n)).json() for n in (1, 3)
    )
    assert one["usage"]["completion_tokens"] == 9
    assert three["usage"]["completion_tokens"] == 27
    assert three["usage"]["total_tokens"] == three["usage"]["prompt_tokens"] + 27
    assert three["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]
    texts = [choice["message"]["content"] for choice in three["choices"]]
    assert texts[0] == one["choices"][0]["message"]["content"]
    assert len(set(texts)) == 3


def test_calls_of_different_choices_have_different_ids(of_profile: OfProfile) -> None:
    body = asked("Call weather for Paris and for Tokyo.", n=2, tools=TOOLS)
    made = of_profile("openai").post("/chat/completions", json=body).json()
    calls = [call for choice in made["choices"] for call in choice["message"]["tool_calls"]]
    assert len(calls) == 4
    assert len({call["id"] for call in calls}) == 4


@pytest.mark.parametrize(("profile", "n"), [("openai", 0), ("openai", 129), ("2026-08", 2), ("2026-08", 0)])
def test_what_is_out_of_range_is_refused(of_profile: OfProfile, profile: str, n: int) -> None:
    answer = of_profile(profile).post("/chat/completions", json=asked(n=n))
    assert answer.status_code == 400
    assert "n" in answer.json()["error"]["message"]
