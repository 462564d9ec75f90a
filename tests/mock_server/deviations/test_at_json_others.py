"""Answers that are another request's: several requests at once, and several over one connection."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from echosounder.mock_server.net.process import spawn
from echosounder.wire import sse


@pytest.fixture(scope="module")
def mock():
    with spawn(ttft_ms=40, itl_ms=2) as running:
        yield running.url


def told(url, deviate):
    httpx.post(f"{url}/__mock/deviate", json={"deviate": [deviate] if deviate else []}, trust_env=False)


def asked(url, letter, client=httpx, stream=False):
    said = f"Repeat exactly: {' '.join(letter * 24)}"
    body = {"model": "deepseek-v4-flash", "thinking": {"type": "disabled"}, "stream": stream}
    body["messages"] = [{"role": "user", "content": said}]
    headers = {"authorization": "Bearer sk-test-0000000000"}
    return text(client.post(f"{url}/chat/completions", json=body, headers=headers).content, stream)


def text(body, stream):
    if not stream:
        return json.loads(body)["choices"][0]["message"]["content"]
    events = [
        json.loads(each.data) for each in sse.decode(body) if isinstance(each, sse.Event) and each.data != "[DONE]"
    ]
    return "".join(choice["delta"].get("content") or "" for each in events for choice in each["choices"])


def together(url, stream):
    with ThreadPoolExecutor(3) as lanes:
        return list(lanes.map(lambda letter: asked(url, letter, stream=stream), "abc"))


@pytest.mark.parametrize(
    ("deviation", "stream", "wrong"),
    [
        ("", True, 0),
        ("streams-crossed", True, 2),
        ("streams-crossed", False, 0),
        ("answers-swapped", True, 2),
        ("answers-swapped", False, 2),
    ],
)
@pytest.mark.best_of(5)  # all three have to be under way before the first has ended
def test_only_answers_that_are_under_way_at_once_are_mixed_up(mock, deviation, stream, wrong):
    told(mock, deviation)
    alone = [asked(mock, letter, stream=stream) for letter in "abc"]
    assert alone == [" ".join(letter * 24) for letter in "abc"]
    assert (
        sum(set(said) - {" "} != {letter} for letter, said in zip("abc", together(mock, stream), strict=True)) == wrong
    )


def test_the_text_of_the_answer_before(mock):
    told(mock, "answers-late-by-one")
    with httpx.Client(trust_env=False) as kept:
        assert [asked(mock, letter, kept)[0] for letter in "abc"] == ["a", "a", "b"]
    assert asked(mock, "z")[0] == "z", "on a connection of its own"
