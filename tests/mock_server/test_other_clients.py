"""Clients that we did not write, each in an environment of its own (`make field` sets them up): they understand the mock."""

import json
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


def node(running: RunningMock, script: str) -> dict[str, Any]:
    """Node looks for packages beside the script: so it is copied to where they are."""
    home = ROOT / ".field" / "clients"
    assert (home / "node_modules").is_dir(), "run make field, which installs the clients"
    copy = home / script
    copy.write_text((HERE / script).read_text(encoding="utf-8"), encoding="utf-8")
    return run(running, "node", str(copy))


def test_openai_for_node(mock: RunningMock) -> None:
    got = node(mock, "openai.mjs")
    assert got["chat"] == got["streamed"] == TEXT
    assert got["usage"]["total_tokens"] == got["usage"]["prompt_tokens"] + got["usage"]["completion_tokens"]
    assert got["calls"] == [{"city": "Paris"}, {"city": "Tokyo"}]
    assert got["finish"] == ["tool_calls", "stop"]
    assert "24 degrees" in got["answer"]
    assert got["json"] == ["river"]
    assert got["fim"] == ["text_completion", 7]
    assert got["models"] == ["deepseek-v4-flash", "deepseek-v4-pro"]
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
    assert got["errors"] == {
        "key": ["AuthenticationError", 401],
        "model": ["BadRequestError", 400],
        "parameter": ["BadRequestError", 400],
        "thought": ["BadRequestError", 400],
    }
