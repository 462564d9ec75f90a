"""What the mock is trusted for: the same bytes, a bill that adds up, times that were planned and kept."""

import http.client
import json
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest

from echosounder import specs
from echosounder.mock_server.net.process import RunningMock, spawn
from echosounder.wire.prices import bill_usage
from echosounder.wire.tokens import count, vocabulary
from echosounder.wire.usage import usage as counts_of

Connect = Callable[..., httpx.Client]
MODELS = ("deepseek-v4-flash", "deepseek-v4-pro")
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
LONG = " ".join(f"fact {number}" for number in range(300))


def said(text: str, **more: Any) -> dict[str, Any]:
    """A chat request in plain mode."""
    return {
        "model": MODELS[0],
        "messages": [{"role": "user", "content": text}],
        "thinking": {"type": "disabled"},
        **more,
    }


def mixed(count: int, seed: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """Chat and FIM, streamed and not, thinking and not, tools, JSON, repeated prompts that hit."""
    rng = random.Random(seed)
    kinds: list[Callable[[], dict[str, Any]]] = [
        lambda: said(f"Write {rng.randint(1, 40)} words."),
        lambda: said(LONG + f" question {rng.randint(0, 3)}", max_tokens=5),
        lambda: said("weather in Paris?", tools=[WEATHER]),
        lambda: said("json please", response_format={"type": "json_object"}),
        lambda: {"prompt": "def fib(a):", "suffix": "return", "max_tokens": rng.randint(1, 20)},
    ]

    def one() -> tuple[str, dict[str, Any]]:
        body = {**rng.choice(kinds)(), "model": rng.choice(MODELS), "stream": rng.random() < 0.5}
        if "prompt" in body:
            return "/beta/completions", body
        return "/chat/completions", {**body, "thinking": {"type": rng.choice(["enabled", "disabled"])}}

    return [one() for _ in range(count)]


def usage_of(raw: str) -> dict[str, Any]:
    if raw.lstrip().startswith("{"):
        usage: dict[str, Any] = json.loads(raw)["usage"]
        return usage
    chunks = [json.loads(part[6:]) for part in raw.split("\n\n") if part.startswith("data: {")]
    return next(chunk["usage"] for chunk in reversed(chunks) if chunk.get("usage"))


def test_same_seed_same_bytes(connect: Connect) -> None:
    def run(seed: int) -> list[bytes]:
        with spawn(seed=seed, clock="2026-08-17T12:00:00Z", ttft_ms=0, itl_ms=0) as running, connect(running) as client:
            answers = [client.post(path, json=body) for path, body in mixed(40)]
            return [repr(answer.headers.raw).encode() + answer.content for answer in answers]

    first = run(7)
    assert first == run(7)
    assert first != run(8)


def send_all(running: RunningMock, requests: list[tuple[str, dict[str, Any]]], at_once: int) -> list[dict[str, Any]]:
    """The usage of each answer; *at_once* threads with a connection each."""
    host = running.url.removeprefix("http://")
    headers = {"Authorization": "Bearer sk-test-0000000000", "Content-Type": "application/json"}

    def send(share: list[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
        connection, usages = http.client.HTTPConnection(host, timeout=30), []
        for path, body in share:
            connection.request("POST", path, json.dumps(body), headers)
            usages.append(usage_of(connection.getresponse().read().decode()))
        connection.close()
        return usages

    with ThreadPoolExecutor(at_once) as pool:
        shares = list(pool.map(send, [requests[offset::at_once] for offset in range(at_once)]))
    return [shares[index % at_once][index // at_once] for index in range(len(requests))]


def price_of(model: str, usage: dict[str, Any], at: datetime) -> Decimal:
    """What the reported usage costs by the shared arithmetic, which knows nothing of accounts."""
    counts = counts_of(usage, specs.grammars()["chat"].counts)
    assert counts is not None
    return bill_usage(counts, specs.price(model, at)).total


def test_a_thousand_concurrent_requests_are_billed_to_the_last_digit(connect: Connect) -> None:
    """Balance before - after = the sum of the journal = the sum that the usage fields give."""
    requests = mixed(1000, seed=3)
    with spawn(seed=1, ttft_ms=2, itl_ms=0.1, granted="0.0001") as running, connect(running) as client:
        before = Decimal(client.get("/user/balance").json()["balance_infos"][0]["total_balance"])
        usages = send_all(running, requests, at_once=25)
        after = Decimal(client.get("/user/balance").json()["balance_infos"][0]["total_balance"])
        entries = client.get("/__mock/journal").json()["entries"]
        state = client.get("/__mock/state").json()
    journalled = sum(Decimal(entry["price"]) for entry in entries if entry["price"])
    at = datetime.fromisoformat(state["priced_at"])
    counted = sum(price_of(body["model"], usage, at) for (_, body), usage in zip(requests, usages, strict=True))
    assert before - after == journalled == counted > 0
    assert any(usage["prompt_cache_hit_tokens"] for usage in usages)
    for usage in usages:
        assert usage["prompt_cache_hit_tokens"] + usage["prompt_cache_miss_tokens"] == usage["prompt_tokens"]
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert state["in_flight"] == 0


def test_who_hangs_up_pays_for_the_prompt_and_for_what_was_written(connect: Connect) -> None:
    with (
        spawn(seed=1, profile="2026-08", ttft_ms=0, itl_ms=5, clock="2026-08-17T12:00:00Z") as running,
        connect(running) as client,
    ):
        body = said("Tell a long story.", stream=True)
        with client.stream("POST", "/chat/completions", json=body) as answer:
            for _ in zip(range(10), answer.iter_raw(), strict=False):
                pass
        while not (entries := client.get("/__mock/journal").json()["entries"]):
            pass
    (entry,) = entries
    written = sum(entry["tokens"][: len(entry["written"])])
    assert entry["complete"] is False
    assert 0 < written < 1000
    usage = {**entry["usage"], "completion_tokens": written}
    assert Decimal(entry["price"]) == price_of(MODELS[0], usage, datetime(2026, 8, 17, 12, tzinfo=UTC))


def test_the_journal_tells_the_schedule_and_that_it_was_kept(connect: Connect) -> None:
    body = said("Write 20 words.", stream=True)
    with spawn(seed=1, ttft_ms=30, schedule="list:4,9") as running, connect(running) as client:
        client.post("/chat/completions", json=body)
        entry = client.get("/__mock/journal").json()["entries"][-1]
    tokens = [due - entry["arrived"] for due, count in zip(entry["due"], entry["tokens"], strict=True) if count]
    assert [round((after - before) / 1e6) for before, after in pairwise(tokens)] == ([4, 9] * 10)[:19]
    assert tokens[0] == 30_000_000
    assert sum(entry["tokens"]) == entry["usage"]["completion_tokens"] == 20
    assert all(done >= due for done, due in zip(entry["written"], entry["due"], strict=True))
    assert len(entry["written"]) == len(entry["due"]) == 1 + 1 + 20 + 2


def test_events_of_a_stream_are_never_merged_even_when_late(client: httpx.Client) -> None:
    """Fifty streams that want a token every 0.1 ms: each write still carries one event."""
    body = said("Write 60 words.", stream=True)
    known = client.get("/__mock/state").json()["requests"]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: client.post("/chat/completions", json=body), range(50)))
    entries = client.get("/__mock/journal", params={"since": known}).json()["entries"]
    assert len(entries) == 50
    for entry in entries:
        assert max(entry["tokens"]) == 1
        assert len(entry["written"]) == len(entry["due"])


def test_prefill_is_proportional_to_what_is_not_cached(connect: Connect) -> None:
    body = said(LONG, stream=True, max_tokens=3)
    with spawn(seed=1, ttft_ms=10, prefill_us=10) as running, connect(running) as client:
        for _ in range(2):
            client.post("/chat/completions", json=body)
        one, two = client.get("/__mock/journal").json()["entries"]

    def first_token(entry: dict[str, Any]) -> int:
        return next(due for due, count in zip(entry["due"], entry["tokens"], strict=True) if count) - int(
            entry["arrived"]
        )

    assert two["cache"]["hit"] > 0
    for entry in (one, two):
        assert first_token(entry) == 10_000_000 + 10_000 * entry["cache"]["miss"]


@pytest.mark.best_of(5)  # they have to come while the first is served
def test_who_waits_gets_keepalives(connect: Connect) -> None:
    body = said("Write 50 words.")
    with (
        spawn(slots=1, queue=2, keepalive_ms=10, ttft_ms=1, itl_ms=1) as running,
        connect(running) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        answers = list(
            pool.map(
                lambda stream: client.post("/chat/completions", json={**body, "stream": stream}),
                [True, True, False, False],
            )
        )
    texts = [answer.text for answer in answers]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 503]
    waited = [text for text in texts if text.startswith((": keep-alive\n\n", "\n"))]
    assert len(waited) == 2
    assert all("Service is too busy" in answer.text for answer in answers if answer.status_code == 503)
    assert all(json.loads(text)["choices"] for text in texts if text.startswith("\n"))


@pytest.mark.best_of(5)
def test_concurrency_is_limited_and_refusals_cost_nothing(connect: Connect) -> None:
    body = said("hi")
    with (
        spawn(limit=("concurrency:count=3,retry_after=seconds",), ttft_ms=200) as running,
        connect(running) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        answers = list(pool.map(lambda _: client.post("/chat/completions", json=body), range(8)))
        entries = client.get("/__mock/journal").json()["entries"]
        assert client.post("/chat/completions", json=body).status_code == 200
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 5
    assert refused[0].headers["retry-after"] == "1"
    assert "exceeds your concurrency limit of 3" in refused[0].json()["error"]["message"]
    assert all(entry["price"] is None for entry in entries if entry["status"] == 429)


def test_user_ids_and_keys_do_not_share_the_cache(connect: Connect, mock: RunningMock) -> None:
    body = said(f"{uuid4()} {LONG}", max_tokens=1)  # the mock serves other tests, and this one twice

    def hit(client: httpx.Client, **more: str) -> int:
        usage = client.post("/chat/completions", json={**body, **more}).json()["usage"]
        return int(usage["prompt_cache_hit_tokens"])

    with connect(mock, "sk-one-11111111") as me, connect(mock, "sk-another-1111") as you:
        hits = [hit(me), hit(me), hit(me, user_id="x"), hit(you), hit(me, user_id="x")]
    assert [hit > 0 for hit in hits] == [False, True, False, False, True]


def test_a_moved_clock_empties_the_cache_and_changes_the_price(connect: Connect) -> None:
    body = said(LONG, max_tokens=1)
    with (
        spawn(profile="2026-08", clock="2026-08-17T12:00:00Z", cache_ttl_s=3600) as running,
        connect(running) as client,
    ):

        def ask() -> dict[str, Any]:
            client.post("/chat/completions", json=body)
            entry: dict[str, Any] = client.get("/__mock/journal").json()["entries"][-1]
            return entry

        first, again = ask(), ask()
        client.post("/__mock/clock", json={"advance_s": 14 * 3600})  # two o'clock at night: peak
        later = ask()
    assert [entry["cache"]["hit"] > 0 for entry in (first, again, later)] == [False, True, False]
    assert Decimal(later["price"]) == 2 * Decimal(first["price"])


def test_exact_tokens_over_the_wire(connect: Connect) -> None:
    """Prompt and completion are counted by the vocabulary, in every alphabet."""
    if vocabulary() is None:
        pytest.skip("needs the extra `tokens`")
    text = "你好 👩‍👩‍👧 über"
    with spawn(tokens="exact", seed=1) as running, connect(running) as client:
        whole = client.post("/chat/completions", json=said(f"Repeat exactly: {text}")).json()
        raw = client.post("/chat/completions", json=said(f"Repeat exactly: {text}", stream=True)).text
        tokens = client.get("/__mock/journal").json()["entries"][-1]["tokens"]
    exact = count(text).tokens
    assert whole["usage"]["completion_tokens"] == exact == sum(tokens)
    assert whole["usage"]["prompt_tokens"] == count(f"Repeat exactly: {text}").tokens + 4
    assert whole["choices"][0]["message"]["content"] == text
    assert usage_of(raw)["completion_tokens"] == exact
