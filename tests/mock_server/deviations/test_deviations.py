"""What is in the registry, which requests a deviation is for, and what is said about mistakes.

Each deviation is looked at on the wire in ``deviations/``.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from echosounder import specs
from echosounder.mock_server.deviations import Armoury, all_deviations
from echosounder.mock_server.net.http1 import HttpRequest
from echosounder.mock_server.net.process import RunningMock, spawn
from echosounder.wire import sse

MODEL = "deepseek-v4-flash"
HI = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Repeat exactly: one two three"}],
    "thinking": {"type": "disabled"},
}
STREAM = {**HI, "stream": True}
OWN = re.compile(r'"id":"[^"]+"|"created":\d+')  # what differs from one answer to the next
NAMED = {  # faults that were seen in public, by group
    "framing": """
        sse-comment-as-data sse-keepalive-inside-event jsonl-not-sse utf8-split-corrupted sse-keepalive-comment
        sse-keepalive-blank-event done-on-nonstream stream-true-ignored utf8-split-by-token json-split-across-events
        done-not-exact done-after-error no-space-after-colon crlf-line-endings done-twice sse-bom
    """,
    "chunk-schema": """
        cumulative-delta role-in-every-chunk choice-index-runs cumulative-sliced finish-reason-empty-string
        choices-missing-key role-missing-first-chunk id-changes-between-chunks created-wrong-type message-in-chunk
        chunk-reordered delta-null-spam id-empty-or-missing first-content-in-role-chunk finish-reason-absent-interior
        system-fingerprint-absent
    """,
    "final-usage": """
        usage-every-chunk-cumulative usage-missing-stream usage-chunk-crashes-client finish-reason-twice
        finish-on-first-chunk usage-unsolicited usage-sum-mismatch completion-tokens-off-by-one
        usage-stream-vs-nonstream length-overwritten
    """,
    "tool-calls": """
        tool-markup-in-content tool-call-lost-by-chunking tool-id-missing tool-id-new-per-delta tool-id-duplicate
        tool-name-empty-overwrites tool-args-invalid-json tool-calls-empty-array tool-markup-in-arguments
        tool-choice-ignored tool-history-null-content-rejected tool-index-starts-at-one tools-empty-array-rejected
        tool-result-array-content-rejected tool-id-repeated-per-delta tool-type-missing tool-choice-thinking-status
    """,
    "json-mode": "json-fenced response-format-ignored json-whitespace-flood",
    "fim-prefix": "completions-stream-hangs fim-chat-object prefix-beta-route assistant-last-400",
    "reasoning": "reasoning-in-content reasoning-finish-early reasoning-not-accepted-back reasoning-null-key",
    "errors": """
        error-200-nonstream truncation-masked error-flat error-200-sse-first error-bare-close status-500-validation
        status-404-missing error-html choices-null-200 error-string error-code-int error-midstream-wrong-class
        status-422 status-402-remapped status-empty-body error-leak-internals error-param-nonstring
    """,
    "auth": "auth-scheme-case",
    "caching": "cache-fields-missing cache-negative cache-details-null",
    "limits-params": """
        max-tokens-exceeded param-unknown-rejected param-null-rejected stop-string-form role-developer-rejected
        int-precision n-interleave-id max-tokens-invalid models-shape
    """,
    "logprobs": "logprobs-neg-inf logprobs-dropped-in-stream logprobs-wrong-shape logprobs-zero logprobs-count-vs-usage",
    "transport": """
        gzip-read-as-text request-ct-charset-415 compress-batches-tokens no-framing-close chunked-request-hangs
        big-body-413 deepseek-error-octet-stream trailing-slash header-loss
    """,
    "timing": "stream-buffered-by-proxy idle-timeout-cut headers-delayed no-close-after-done",
}

Connect = Callable[..., httpx.Client]


@pytest.mark.parametrize("group", NAMED)
def test_every_named_fault_can_be_committed(group: str) -> None:
    assert set(NAMED[group].split()) <= {each.name for each in all_deviations()}


def test_every_module_of_deviations_is_tested_on_the_wire() -> None:
    modules = {each.apply.__module__.rpartition(".")[2] for each in all_deviations()}
    assert {path.stem for path in Path(__file__).parent.glob("test_at_*.py")} == {f"test_{name}" for name in modules}


@pytest.mark.parametrize("each", all_deviations(), ids=lambda each: each.name)
def test_what_it_breaks_exists(each: Any) -> None:
    assert each.breaks <= {requirement.id for requirement in specs.requirements()}
    assert each.summary.endswith((".", ":"))
    assert each.legal == each.summary.startswith("Legal: ")


def test_armed_but_not_applied_is_said(mock: RunningMock, client: httpx.Client) -> None:
    """A stream of few chunks cannot be cut after fifty."""
    client.post("/chat/completions", json=STREAM, headers={"x-mock-deviate": "error-bare-close:after=50"})
    assert client.get("/__mock/journal").json()["entries"][-1]["deviations"][0]["applied"] is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("missing-dome", "did you mean missing-done"),
        ("error-bare-close:afer=3", "has no parameter 'afer': after"),
        ("error-bare-close:after=x", "give a value of type int"),
        ("stream-cut:act=hang", "choose from close, reset, half-close"),
        ("missing-done:when.sometimes=1", "unknown selector when.sometimes"),
        ("missing-done:when.p=0.5", "a fraction such as 1/10"),
        ("missing-done:when.nth=0", "a whole number from 1"),
        ("missing-done:now", "is not of the form name=value"),
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
def test_selectors(client: httpx.Client, when: str, hit: list[bool]) -> None:
    client.post("/__mock/deviate", json={"deviate": [f"missing-done:{when}"]})
    try:
        ends = [b"[DONE]" not in client.post("/chat/completions", json=STREAM).content for _ in range(4)]
        account = client.get("/__mock/deviations").json()["deviations"][0]
    finally:
        client.post("/__mock/reset", json={"what": "deviations"})
    assert ends == hit
    assert account["armed"] == account["applied"] == sum(hit)


def test_a_probability_is_seeded() -> None:
    request = HttpRequest("POST", "/chat/completions", {}, json.dumps(STREAM).encode(), 0)

    def run(seed: int) -> list[bool]:
        armoury = Armoury(("missing-done:when.p=1/2",), seed)
        armed = [armoury.arm(request, number) for number in range(1, 17)]
        return [bool(each and each.ones) for each in armed]

    first = run(5)
    assert first == run(5)
    assert 0 < sum(first) < 16
    assert first != run(6)


def test_chance_is_seeded(connect: Connect) -> None:
    """The bytes of two runs are the same, also where a deviation throws dice."""

    def run(seed: int) -> bytes:
        dice = ("id-changes-between-chunks", "json-split-across-events")
        with spawn(deviate=dice, seed=seed, clock="2026-08-17T12:00:00Z") as running, connect(running) as client:
            return client.post("/chat/completions", json=STREAM).content

    assert run(5) == run(5) != run(6)


def test_by_key_and_composed(connect: Connect, mock: RunningMock) -> None:
    with connect(mock, "sk-mock-missing-done+sse-bom") as client:
        raw = client.post("/chat/completions", json=STREAM).content
    assert raw.startswith(sse.BOM)
    assert b"[DONE]" not in raw


def test_by_control_and_forgotten_again(mock: RunningMock, client: httpx.Client) -> None:
    client.post("/__mock/deviate", json={"deviate": ["missing-done"]})
    try:
        assert b"[DONE]" not in client.post("/chat/completions", json=STREAM).content
    finally:
        client.post("/__mock/reset", json={"what": "deviations"})
    assert b"[DONE]" in client.post("/chat/completions", json=STREAM).content


def test_the_layers_change_nothing_by_themselves(client: httpx.Client) -> None:
    """Deviations that are not applied leave the very bytes."""
    idle = {"x-mock-deviate": "error-flat; error-bare-close:after=99; sse-bom:when.nth=999; stream-cut:after=99"}
    plain, through = (client.post("/chat/completions", json=STREAM, headers=each).text for each in ({}, idle))
    assert OWN.sub("", through) == OWN.sub("", plain)
