"""Every deviation is seen in the bytes, reports that it was applied, and names requirements that exist."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

import specs
from mock_server.deviations import all_deviations
from mock_server.process import Running, spawn
from wire import sse

MODEL = "deepseek-v4-flash"
HI = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Repeat exactly: one two three"}],
    "thinking": {"type": "disabled"},
}
STREAM = {**HI, "stream": True}
TOOLS = {
    **HI,
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            },
        }
    ],
}


@dataclass(frozen=True)
class Wire:
    """What came back; ``raw`` is empty-bodied where the connection broke before the head."""

    status: int
    headers: dict[str, str]
    raw: bytes
    broken: str
    seconds: tuple[float, ...]

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def data(self) -> list[str]:
        return [item.data for item in sse.decode(self.raw) if isinstance(item, sse.Event)]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.data if text.startswith("{")]


@dataclass(frozen=True)
class Case:
    """A deviation in action: what is sent, and what must be true of the bytes with it and false without it."""

    name: str
    body: dict[str, Any]
    shows: Callable[[Wire], bool]
    path: str = "/chat/completions"
    parameters: str = ""
    headers: tuple[tuple[str, str], ...] = ()


CASES = [
    Case("status-500-validation", {**HI, "temperature": 3}, lambda wire: wire.status == 500),
    Case("completion-tokens-off-by-one", HI, lambda wire: wire.json["usage"]["completion_tokens"] == 4),
    Case("usage-sum-mismatch", HI, lambda wire: wire.json["usage"]["total_tokens"] == 7 + sum_of(wire.json["usage"])),
    Case("id-changes-between-chunks", STREAM, lambda wire: len({chunk["id"] for chunk in wire.chunks}) > 1),
    Case("role-missing-first-chunk", STREAM, lambda wire: "role" not in wire.chunks[0]["choices"][0]["delta"]),
    Case("tool-id-missing", TOOLS, lambda wire: "id" not in wire.json["choices"][0]["message"]["tool_calls"][0]),
    Case("cache-fields-missing", HI, lambda wire: "prompt_cache_hit_tokens" not in wire.json["usage"]),
    Case("error-flat", {**HI, "temperature": 3}, lambda wire: "message" in wire.json),
    Case("extra-members", HI, lambda wire: "x_request_region" in wire.json),
    Case("sse-bom", STREAM, lambda wire: wire.raw.startswith(sse.BOM)),
    Case("missing-done", STREAM, lambda wire: wire.data[-1] != "[DONE]"),
    Case("keepalive-comments", STREAM, lambda wire: wire.raw.startswith(b": keep-alive\n\n")),
    Case("error-200-nonstream", {**HI, "temperature": 3}, lambda wire: wire.status == 200 and "error" in wire.json),
    Case("error-bare-close", STREAM, lambda wire: bool(wire.broken) and len(wire.chunks) == 4),
    Case("stream-buffered-by-proxy", {**STREAM}, lambda wire: wire.seconds[-1] - wire.seconds[0] < 0.02),
]


def sum_of(usage: dict[str, Any]) -> int:
    return int(usage["prompt_tokens"] + usage["completion_tokens"])


@pytest.fixture(scope="module")
def slow() -> Iterator[Running]:
    """Slow enough that buffering shows."""
    with spawn(seed=1, ttft_ms=20, itl_ms=20) as running:
        yield running


Connect = Callable[..., httpx.Client]


def send(connect: Connect, running: Running, case: Case, deviate: str = "") -> Wire:
    headers = {"x-mock-deviate": deviate} if deviate else {}
    reads, stamps, broken = [], [], ""
    with (
        connect(running) as client,
        client.stream("POST", case.path, json=case.body, headers={**headers, **dict(case.headers)}) as answer,
    ):
        try:
            for data in answer.iter_raw():
                reads.append(data)
                stamps.append(time.monotonic())
        except httpx.HTTPError as error:
            broken = type(error).__name__
    return Wire(answer.status_code, dict(answer.headers), b"".join(reads), broken, tuple(stamps))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_shows_in_the_bytes(connect: Connect, slow: Running, case: Case) -> None:
    text = f"{case.name}:{case.parameters}" if case.parameters else case.name
    assert not case.shows(send(connect, slow, case))
    assert case.shows(send(connect, slow, case, text))
    with connect(slow) as client:
        entry = client.get("/__mock/journal").json()["entries"][-1]
    assert entry["deviations"] == [{"name": case.name, "text": text, "applied": True}]


def test_every_deviation_is_in_the_table() -> None:
    assert {case.name for case in CASES} == {each.name for each in all_deviations()}


@pytest.mark.parametrize("each", all_deviations(), ids=lambda each: each.name)
def test_what_it_breaks_exists(each: Any) -> None:
    assert each.breaks <= {requirement.id for requirement in specs.requirements()}
    assert each.summary.endswith((".", ":"))
    assert each.legal == each.summary.startswith("Legal: ")


def test_armed_but_not_applied_is_said(mock: Running, client: httpx.Client) -> None:
    """A stream of few chunks cannot be cut after fifty."""
    client.post("/chat/completions", json=STREAM, headers={"x-mock-deviate": "error-bare-close:after=50"})
    assert client.get("/__mock/journal").json()["entries"][-1]["deviations"][0]["applied"] is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("missing-dome", "did you mean missing-done"),
        ("error-bare-close:afer=3", "has no parameter 'afer': after"),
        ("error-bare-close:after=x", "give a value of type int"),
        ("missing-done:when.sometimes=1", "unknown selector when.sometimes"),
        ("missing-done:when.p=0.5", "a fraction such as 1/10"),
        ("missing-done:when.nth=0", "a whole number from 1"),
        ("missing-done:now", "is no name=value"),
    ],
)
def test_mistakes_in_a_selection_are_named(client: httpx.Client, text: str, message: str) -> None:
    by_control = client.post("/__mock/deviate", json={"deviate": [text]})
    assert by_control.status_code == 400
    assert message in by_control.json()["error"]
    by_header = client.get("/models", headers={"x-mock-deviate": text})
    assert by_header.status_code == 400
    assert message in by_header.json()["error"]["message"]


@pytest.mark.parametrize(
    ("when", "hit"),
    [
        ("when.nth=2", [False, True, False, False]),
        ("when.every=2", [False, True, False, True]),
        ("when.times=1", [True, False, False, False]),
        ("when.stream=false", [False] * 4),
        ("when.model=*-pro", [False] * 4),
        ("when.path=/v1/*", [False] * 4),
        ("when.path=/chat/*,when.p=1/1", [True] * 4),
    ],
)
def test_selectors(connect: Connect, when: str, hit: list[bool]) -> None:
    with spawn(deviate=(f"missing-done:{when}",), itl_ms=0) as running, connect(running) as client:
        ends = [b"[DONE]" not in client.post("/chat/completions", json=STREAM).content for _ in range(4)]
        account = client.get("/__mock/deviations").json()["deviations"][0]
    assert ends == hit
    assert account["armed"] == account["applied"] == sum(hit)


def test_a_probability_is_seeded(connect: Connect) -> None:
    def run(seed: int) -> list[bool]:
        with spawn(deviate=("missing-done:when.p=1/2",), itl_ms=0, seed=seed) as running, connect(running) as client:
            return [b"[DONE]" not in client.post("/chat/completions", json=STREAM).content for _ in range(16)]

    first = run(5)
    assert first == run(5)
    assert 0 < sum(first) < 16
    assert first != run(6)


def test_by_key_and_composed(connect: Connect, mock: Running) -> None:
    with connect(mock, "sk-mock-missing-done+sse-bom") as client:
        raw = client.post("/chat/completions", json=STREAM).content
    assert raw.startswith(sse.BOM)
    assert b"[DONE]" not in raw


def test_by_control_and_forgotten_again(mock: Running, client: httpx.Client) -> None:
    client.post("/__mock/deviate", json={"deviate": ["missing-done"]})
    try:
        assert b"[DONE]" not in client.post("/chat/completions", json=STREAM).content
    finally:
        client.post("/__mock/reset", json={"what": "deviations"})
    assert b"[DONE]" in client.post("/chat/completions", json=STREAM).content


def test_the_layers_change_nothing_by_themselves(connect: Connect, mock: Running) -> None:
    """A deviation that is not applied leaves the very bytes."""
    plain = send(connect, mock, Case("", STREAM, bool), "")
    through = send(connect, mock, Case("", STREAM, bool), "error-flat; error-bare-close:after=99; sse-bom:when.nth=999")
    strip = [{**chunk, "id": 0} for chunk in plain.chunks]
    assert [{**chunk, "id": 0} for chunk in through.chunks] == strip
    assert len(plain.raw) == len(through.raw)
