"""``/__mock/``: seen by the loopback, closed where it is told to be, and plain about mistakes."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from echosounder.mock_server.net.process import RunningMock, spawn

Connect = Callable[..., httpx.Client]


def test_health_states_the_timer(client: httpx.Client) -> None:
    assert client.get("/__mock/health").json() | {"pid": 0} == {
        "status": "ok", "pid": 0, "profile": "2026-11", "seed": 1, "timer": "timerfd",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", "/__mock/deviate", {"deviation": "x"}, 400, 'give {"deviate"'),
        ("POST", "/__mock/reset", {"what": "everything"}, 400, "choose from journal, state, deviations, all"),
        ("POST", "/__mock/clock", {"advance_s": "1h"}, 400, "give"),
        ("POST", "/__mock/clock", [], 400, "must be a JSON object"),
        ("GET", "/__mock/journal?since=x", None, 400, "give the number"),
        ("GET", "/__mock/jornal", None, 404, "GET /__mock/journal"),
    ],
)
def test_mistakes(client: httpx.Client, method: str, path: str, body: object, status: int, message: str) -> None:
    answer = client.request(method, path, json=body)
    assert answer.status_code == status
    assert message in answer.json()["error"]


def test_it_can_be_closed(connect: Connect) -> None:
    with spawn(control="none") as running, connect(running) as client:
        assert client.get("/__mock/health").status_code == 404


def test_the_journal_has_what_was_received_and_sent_but_no_key(client: httpx.Client) -> None:
    body = {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": "Repeat exactly: ünï"}]}
    answer = client.post("/chat/completions", json=body)
    entry = client.get("/__mock/journal?bodies=1").json()["entries"][-1]
    assert entry["trace"] == answer.headers["x-ds-trace-id"]
    assert "ünï" in entry["body"]
    assert answer.text in entry["sent"].replace("\r\n", "")
    assert entry["headers"]["authorization"] == "Bearer [redacted]"
    assert "sk-test" not in str(entry)


def test_the_journal_is_bounded_in_memory_and_complete_in_its_file(connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    with spawn(journal=str(file), journal_size=5) as running, connect(running) as client:
        for _ in range(12):
            client.get("/models")
        known = client.get("/__mock/journal").json()
        later = client.get("/__mock/journal?since=10").json()["entries"]
    assert (known["total"], [entry["number"] for entry in known["entries"]]) == (12, [8, 9, 10, 11, 12])
    assert [entry["number"] for entry in later] == [11, 12]
    assert [json.loads(line)["number"] for line in file.read_text(encoding="utf-8").splitlines()] == list(range(1, 13))


def test_reset_opens_new_accounts(connect: Connect) -> None:
    body = {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": "hi"}]}
    with spawn() as running, connect(running) as client:
        fresh = client.get("/user/balance").json()
        client.post("/chat/completions", json=body)
        assert client.get("/user/balance").json() != fresh
        client.post("/__mock/reset", json={"what": "state"})
        assert client.get("/user/balance").json() == fresh


def test_a_person_sees_what_is_going_on(connect: Connect, mock: RunningMock) -> None:
    body = {"model": "deepseek-v4-flash", "messages": [{"role": "user", "content": "hi"}]}
    with connect(mock, "sk-<script>-0000") as client:
        client.post("/chat/completions", json={**body, "stream": True}, headers={"x-mock-deviate": "missing-done"})
        page = client.get("/__mock/")
    assert page.headers["content-type"].startswith("text/html")
    for text in ("missing-done", "****0000", "POST /chat/completions stream", "prefix-units"):
        assert text in page.text
    assert "<script>" not in page.text
