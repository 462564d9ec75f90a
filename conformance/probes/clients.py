"""Requests in the shapes of ordinary clients: everyday requests of SDKs and agents, which suites of single members lack."""

from __future__ import annotations

from typing import Any

from echosounder.conformance.ask import CHAT, Ask
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.tools import forced, has_tools
from echosounder.judgement.setting import Suite
from echosounder.specs import client_requests, requirement
from echosounder.wire.strict_json import compact

SDK = (
    ("accept", "application/json"),
    ("content-type", "application/json"),
    ("user-agent", "OpenAI/Python 2.8.1"),
    ("x-stainless-lang", "python"),
    ("x-stainless-package-version", "2.8.1"),
    ("x-stainless-os", "Linux"),
    ("x-stainless-arch", "x64"),
    ("x-stainless-runtime", "CPython"),
    ("x-stainless-runtime-version", "3.12.3"),
    ("x-stainless-async", "false"),
    ("x-stainless-retry-count", "0"),
    ("x-stainless-read-timeout", "600"),
)
"""The headers of the most common SDK."""
SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "path": {"type": "string", "pattern": "^/[^\\0]*$", "minLength": 1, "maxLength": 100_000},
        "mode": {"anyOf": [{"type": "string", "enum": ["r", "w"]}, {"type": "null"}], "default": None},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}, "maxItems": 1000},
        "not_binary": {"not": {"type": "integer"}},
        "when": {"type": "string", "format": "date-time"},
    },
    "required": ["path"],
    "additionalProperties": False,
    "$defs": {"line": {"type": "object", "properties": {"number": {"type": "integer", "exclusiveMinimum": 0}}}},
}
"""What schemas made from the types of a program are full of."""
TYPES: dict[str, Any] = {
    "flag": True, "nothing": None, "count": 0, "ratio": 0.5, "zip": "01234", "yes": "true", "list": [1, "1"], "object": {"a": {}},
}  # fmt: skip
"""Each JSON type, and texts that look like another one."""


def writer(name: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "Writes.", "parameters": parameters}}


@probe("chat.ordinary", requests=3, prompt=2000, tokens=76)
def ordinary(ask: Ask) -> Steps:
    """No max_tokens (a stop text bounds the answer), the headers of an SDK, and system messages after the first."""
    yield ask.chat("Say hello in one line.", max_tokens=..., stop=["\n", " "], step="no-max-tokens")
    yield ask.chat("Say hello.", max_tokens=4, step="sdk").but(headers=SDK)
    turns = [
        {"role": "system", "content": "You are brief."},
        {"role": "system", "content": "You are kind."},
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Hello."},
        {"role": "system", "content": "The user is in a hurry."},
        {"role": "user", "content": "How are you?"},
    ]
    yield ask.chat(turns, max_tokens=8, step="late-system")


RECORDED = client_requests()


def documented(body: dict[str, Any], ask: Ask) -> bool:
    """Whether the profile documents the features of a recorded request: tools, JSON output, and content in parts, the last for user
    messages only.

    A history with calls lacks the reasoning that an always-thinking model requires, whether the request has tools or not.
    """
    calls = body.get("tools") or any(turn.get("tool_calls") for turn in body["messages"])
    parted = {turn["role"] for turn in body["messages"] if isinstance(turn.get("content"), list)}
    parts = requirement("chat.content-parts").admits(ask.profile)
    able = ask.limits.tools and ask.limits.thinking != "always" if calls else True
    return (
        able and (ask.limits.json_output or "response_format" not in body) and parted <= ({"user"} if parts else set())
    )


@probe(
    "chat.sdks",
    Suite.THOROUGH,
    requests=len(RECORDED),
    prompt=sum(len(compact(dict(row.body)).encode()) + 200 for row in RECORDED),
    tokens=16 * len(RECORDED),
)
def sdks(ask: Ask) -> Steps:
    """Requests as SDKs and agents send them, recorded."""
    for number, row in enumerate(RECORDED):
        body = {**row.body, **{name: value for name, value in ask.body("", messages=...).items() if name != "messages"}}
        send = ask.post(CHAT, body, step=f"{row.client} {number}").but(headers=row.headers)
        yield (
            send
            if documented(body, ask)
            else send.but(notes={"open": "an SDK sends it, and the profile does not document it"})
        )


@probe("tools.ordinary", requests=2, prompt=3500, tokens=132, features={"tools"}, applies=has_tools)
def ordinary_tools(ask: Ask) -> Steps:
    """A schema as programs make them, and arguments of every JSON type."""
    yield ask.chat("Hello.", tools=[writer("write_file", SCHEMA)], max_tokens=4, step="schema")
    values = {name: {"enum": [value]} for name, value in TYPES.items()}
    every = {"type": "object", "properties": values, "required": list(TYPES), "additionalProperties": False}
    prompt = "Write the one row that the schema allows. Use the tool."
    yield ask.chat(
        prompt, tools=[writer("write_row", every)], **forced(ask), max_tokens=128, temperature=0, step="types"
    )
