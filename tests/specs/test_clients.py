"""The recorded requests of SDKs and agents: whole, of many clients, and without secrets."""

import json
import re

import pytest

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.conformance.probes.clients import documented

ROWS = specs.client_requests()
PARIS = [{"role": "user", "content": "Hi."}]
PARTS = [{"role": "user", "content": [{"type": "text", "text": "Hi."}]}]
CALL = {"messages": PARIS, "tools": [{"type": "function", "function": {"name": "f"}}]}


def test_ten_clients_and_more():
    clients = [row.client for row in ROWS]
    assert len({name.rpartition(" ")[0] for name in clients}) >= 10
    assert clients == sorted(clients, key=str.lower)
    assert all(re.fullmatch(r".+ \d[\w.]*", name) for name in clients)


def test_they_are_requests_and_hold_no_secret():
    assert all(row.body["messages"] and row.body["model"] for row in ROWS)
    assert not re.search(
        r"authorization|bearer|sk-[\w-]{8}|/home/|/root", json.dumps([[row.headers, row.body] for row in ROWS]), re.I
    )
    assert all("user-agent" in dict(row.headers) for row in ROWS)


@pytest.mark.parametrize(
    ("profile", "model", "body", "expected"),
    [
        ("2026-11", "deepseek-flash", {"messages": PARIS}, True),
        ("2026-11", "deepseek-flash", CALL, True),
        ("2025-01", "deepseek-reasoner", CALL, False),
        ("2025-01", "deepseek-reasoner", {"messages": PARIS, "response_format": {"type": "json_object"}}, False),
        ("2026-11", "deepseek-flash", {"messages": PARTS}, True),
        ("2024-12", "deepseek-chat", {"messages": PARTS}, False),
        ("2026-11", "deepseek-flash", {"messages": [{"role": "system", "content": []}, *PARIS]}, False),
    ],
)
def test_what_a_profile_documents_must_be_served(profile, model, body, expected):
    assert documented(body, Ask(profile, model)) is expected
