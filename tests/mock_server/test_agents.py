"""Two coding agents of others, as npm has them, work with the mock from the first request to the last, one in each format (`make field`).

Claude Code is set up as DeepSeek's guide says (quick_start/agent_integrations/claude_code). Told a model of Anthropic's instead, it asks
for no thoughts, gets some because the API thinks by default, drops them, and is refused after its first call.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from echosounder.mock_server.net.process import RunningMock

pytestmark = pytest.mark.field
HOME = Path(__file__).parents[2] / ".field" / "agents"
KEY = "sk-test-0000000000"
ECHO = "Repeat exactly: the light turns"


def program(pattern: str) -> str:
    found = [path for path in (HOME / "node_modules").glob(pattern) if os.access(path, os.X_OK)]
    assert found, "run make field, which installs the agents"
    return str(found[0])


def run(folder: Path, more: dict[str, str], *command: str) -> list[dict[str, Any]]:
    """The JSON lines that the agent prints; its home is empty, and nothing but the mock is to be reached."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **more}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr + done.stdout
    return [json.loads(line) for line in lines]


GUIDE = {
    "ANTHROPIC_AUTH_TOKEN": KEY,
    "ANTHROPIC_MODEL": "deepseek-flash[1m]",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "deepseek-flash[1m]",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "deepseek-flash[1m]",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "deepseek-flash",
    "CLAUDE_CODE_SUBAGENT_MODEL": "deepseek-flash",
    "CLAUDE_CODE_EFFORT_LEVEL": "max",
}
HAIKU = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_MODEL": "claude-haiku-4-5"}
PATH = "/anthropic/v1/messages"


def claude(mock: RunningMock, folder: Path, prompt: str, setting: dict[str, str] = GUIDE) -> dict[str, Any]:
    words = ("--tools", "Read", "--allowedTools", "Read", "--system-prompt", "You are brief.")
    more = {
        "ANTHROPIC_BASE_URL": f"{mock.url}/anthropic",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        **setting,
    }
    command = (program("@anthropic-ai/claude-code*/**/claude"), "-p", prompt, *words, "--output-format", "json")
    return run(folder, more, *command)[-1]


def codex(mock: RunningMock, folder: Path, prompt: str) -> list[dict[str, Any]]:
    provider = f'model_providers.mock={{name="mock",base_url="{mock.url}",env_key="MOCK_KEY",wire_api="responses"}}'
    words = ("exec", "--skip-git-repo-check", "--json", "-c", "model_provider=mock", "-c", provider)
    return run(
        folder, {"MOCK_KEY": KEY}, program("@openai/codex*/**/bin/codex"), *words, "-m", "deepseek-flash", prompt
    )


def asked(mock: RunningMock, path: str) -> list[dict[str, Any]]:
    entries = httpx.get(f"{mock.url}/__mock/journal", trust_env=False).json()["entries"]
    return [each for each in entries if each["path"].partition("?")[0] == path]


def test_claude_code_says_what_it_is_told(mock: RunningMock, tmp_path: Path) -> None:
    before = len(asked(mock, PATH))
    said = claude(mock, tmp_path, ECHO)
    assert (said["is_error"], said["result"]) == (False, "the light turns")
    [request] = asked(mock, PATH)[before:]
    assert (request["status"], request["stream"]) == (200, True)
    assert said["usage"]["output_tokens"] == request["usage"]["output_tokens"]


def test_claude_code_calls_a_tool_and_sends_its_result_and_its_thoughts(mock: RunningMock, tmp_path: Path) -> None:
    before = len(asked(mock, PATH))
    said = claude(mock, tmp_path, "Call Read for note.txt.")
    assert [each["status"] for each in asked(mock, PATH)[before:]] == [200, 200]
    assert (said["is_error"], said["subtype"]) == (False, "success")


def test_claude_code_with_a_model_of_anthropic_is_refused_as_by_deepseek(mock: RunningMock, tmp_path: Path) -> None:
    """farion1231/cc-switch#3222, Alishahryar1/free-claude-code#599: no thoughts stand beside the call in the history."""
    before = len(asked(mock, PATH))
    said = claude(mock, tmp_path, "Call Read for note.txt.", HAIKU)
    assert [each["status"] for each in asked(mock, PATH)[before:]] == [200, 400]
    assert "The `content[].thinking` in the thinking mode must be passed back to the API." in said["result"]


def test_codex_says_what_it_is_told(mock: RunningMock, tmp_path: Path) -> None:
    events = codex(mock, tmp_path, ECHO)
    texts = [event["item"]["text"] for event in events if event.get("item", {}).get("type") == "agent_message"]
    assert texts == ["the light turns"]
    assert events[-1]["type"] == "turn.completed"
    assert events[-1]["usage"]["output_tokens"] == asked(mock, "/responses")[-1]["usage"]["output_tokens"]


def test_codex_runs_a_command_and_sends_its_output(mock: RunningMock, tmp_path: Path) -> None:
    before = len(asked(mock, "/responses"))
    events = codex(mock, tmp_path, "Call exec_command with 'ls'. Use the tool.")
    kinds = [event["item"]["type"] for event in events if event["type"] == "item.completed"]
    assert kinds[-2:] == ["command_execution", "agent_message"]
    assert [each["status"] for each in asked(mock, "/responses")[before:]] == [200, 200]
