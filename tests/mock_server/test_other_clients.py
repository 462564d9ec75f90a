"""Clients that we did not write, each in an environment of its own (`make field` sets them up): they understand the mock."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from echosounder.mock_server.net.process import RunningMock

pytestmark = pytest.mark.field
ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "clients"
TEXT = "你好 👩‍👩‍👧"


def run(running: RunningMock, *command: str) -> dict[str, Any]:
    done = subprocess.run([*command, running.url], capture_output=True, encoding="utf-8", timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    understood: dict[str, Any] = json.loads(done.stdout)
    return understood


def node(running: RunningMock, script: str, *words: str) -> dict[str, Any]:
    """Node looks for packages beside the script: so it is copied to where they are."""
    home = ROOT / ".field" / "clients"
    assert (home / "node_modules").is_dir(), "run make field, which installs the clients"
    for name in (script, *COPIED):
        (home / name).write_text((HERE / name).read_text(encoding="utf-8"), encoding="utf-8")
    return run(running, "node", str(home / script), *words)


def test_openai_for_node(mock: RunningMock) -> None:
    got = node(mock, "openai.mjs")
    assert got["chat"] == got["streamed"] == TEXT
    assert got["usage"]["total_tokens"] == got["usage"]["prompt_tokens"] + got["usage"]["completion_tokens"]
    assert got["calls"] == [{"city": "Paris"}, {"city": "Tokyo"}]
    assert got["finish"] == ["tool_calls", "stop"]
    assert "24 degrees" in got["answer"]
    assert got["json"] == ["river"]
    assert got["fim"] == ["text_completion", 7]
    assert got["models"] == ["deepseek-flash", "deepseek-v4-pro"]
    assert got["errors"] == {
        "key": ["AuthenticationError", 401],
        "parameter": ["BadRequestError", 400],
        "path": ["NotFoundError", 404],
    }


def test_ai_sdk(mock: RunningMock) -> None:
    got = node(mock, "ai_sdk.mjs")
    assert got["chat"] == got["streamed"] == TEXT
    assert got["reasoned"] is True
    assert all(count > 0 for count in got["usage"])
    assert (got["steps"], got["calls"]) == (["tool-calls", "stop"], [{"city": "Paris"}])
    assert "24 degrees in Paris" in got["answer"]
    assert got["error"] == [True, 401, "Authentication Fails, Your api key: ****1234 is invalid"]


COPIED = ("features.mjs",)
FEATURES = {  # a column of docs/field/sdks.md: the client, and how it is run
    "openai (Node), Responses": ("openai_responses.mjs",),
    "@ai-sdk/openai, Responses": ("ai_sdk_formats.mjs", "openai"),
    "@anthropic-ai/sdk (Node), Messages": ("anthropic.mjs",),
    "@ai-sdk/anthropic, Messages": ("ai_sdk_formats.mjs", "anthropic"),
}
PAGE = ROOT / "docs" / "field" / "sdks.md"


@pytest.fixture(scope="module")
def understood(mock: RunningMock) -> dict[str, dict[str, str]]:
    """What each client says of each feature: yes, or what went wrong."""
    return {name: node(mock, *how) for name, how in FEATURES.items()}


@pytest.mark.parametrize("name", FEATURES)
def test_a_client_understands_every_feature(name: str, understood: dict[str, dict[str, str]]) -> None:
    said = understood[name]
    assert len(said) >= 10
    assert {feature: outcome for feature, outcome in said.items() if outcome != "yes"} == {}


def test_the_page_of_features_is_up_to_date(understood: dict[str, dict[str, str]]) -> None:
    """`ECHOSOUNDER_WRITE=1` writes it anew."""
    made = page(understood)
    if os.environ.get("ECHOSOUNDER_WRITE"):
        PAGE.write_text(made, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == made


def page(understood: dict[str, dict[str, str]]) -> str:
    versions = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    features = list(dict.fromkeys(feature for said in understood.values() for feature in said))
    head = [f"{name} {_version(name, versions)}" for name in understood]
    rows = [
        f"| {feature} | " + " | ".join(said.get(feature, "–") for said in understood.values()) + " |"
        for feature in features
    ]
    lines = [INTRODUCTION, f"| feature | {' | '.join(head)} |", f"|---|{':-:|' * len(head)}", *rows]
    return "\n".join(lines) + "\n"


INTRODUCTION = """# Clients of Responses and Messages

Official SDKs and Vercel's AI SDK, each run by `make field` against the mock in every feature that both have. A dash: the client has no
such feature. `@ai-sdk/openai` shows no reasoning, because it listens to summaries, which DeepSeek never sends; it counts it.
The Python SDKs of OpenAI and Anthropic do the same in `tests/mock_server/test_openai_responses.py` and `test_other_clients.py`.
"""


def _version(name: str, packages: dict[str, Any]) -> str:
    return str(packages[f"node_modules/{name.split(',')[0].split(' ')[0]}"]["version"])


def test_langchain(mock: RunningMock) -> None:
    got = run(mock, str(ROOT / ".field" / "langchain" / "bin" / "python"), str(HERE / "langchain_client.py"))
    assert got["chat"] == got["streamed"] == TEXT
    assert got["reasoned"] is True
    assert got["usage"] > 0
    assert got["calls"] == [{"city": "Paris"}]
    assert "24 degrees in Paris" in got["answer"]
    assert got["json"] == ["river"]
    assert got["wrong_key"] == 401
    assert got["thinking_round_trip"] == 400


def test_anthropic(mock: RunningMock) -> None:
    got = run(mock, str(ROOT / ".field" / "anthropic" / "bin" / "python"), str(HERE / "anthropic_client.py"))
    assert got["chat"] == got["streamed"] == TEXT
    assert got["model"] == "deepseek-v4-pro"
    assert got["usage"][:2] == [got["usage"][0]] * 2
    assert got["usage"][2:] == [got["usage"][2]] * 2
    assert (got["thought"], got["signed"]) == (["thinking", "text"], True)
    assert got["ends"] == ["message_start", "message_stop"]
    assert got["calls"] == [{"city": "Paris"}, {"city": "Tokyo"}]
    assert got["stops"] == ["tool_use", "end_turn", "max_tokens", "stop_sequence", " two"]
    assert "24 degrees" in got["answer"]
    assert got["cut"] == 5
    assert (got["forced"], got["begun"], got["ignored"]) == (["get_weather"], True, TEXT)
    assert got["image"] > 0
    assert got["errors"] == {
        "key": ["AuthenticationError", 401],
        "model": ["BadRequestError", 400],
        "parameter": ["BadRequestError", 400],
        "thought": ["BadRequestError", 400],
    }
