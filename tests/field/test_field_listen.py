"""SDKs that we did not write, before `echosounder listen`: they get what they get without it, and their servers see the same requests.

Two mocks of one seed and one frozen clock say the same to the same requests. The drivers are those of the client position.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from echosounder.mock_server.net.process import spawn
from tests.field.test_field_clients import CLIENTS, DRIVERS, ROOT

NAMES = ("client-curl", "client-httpx", "client-openai-python", "client-openai-node", "client-ai-sdk", "client-anthropic",
       "client-langchain", "client-litellm")  # fmt: skip
USES = ("chat", "stream", "tools-stream", "json")
KNOWN = {"seed": 7, "clock": "2026-11-30T12:00:00Z"}


def said(command, url):
    """What the driver prints for each use, and how it ends."""
    places = {
        **dict.fromkeys(
            ("OPENAI_BASE_URL", "OPENAI_API_BASE", "DEEPSEEK_BASE_URL", "DEEPSEEK_API_BASE", "ECHO_BASE_URL"), url
        ),
        **dict.fromkeys(("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE", "ECHO_ANTHROPIC_URL"), f"{url}/anthropic"),
        **dict.fromkeys(
            ("OPENAI_API_KEY", "DEEPSEEK_API_KEY", "ANTHROPIC_API_KEY", "ECHO_API_KEY"), "sk-field-listen-01"
        ),
    }
    found = []
    for use in USES:
        asked = {
            "ECHO_MODEL": "deepseek-flash",
            "ECHO_USE": use,
            "ECHO_PROMPT": "Say JSON of a city.",
            "ECHO_TIMEOUT_S": "20",
        }
        done = subprocess.run(
            command,
            env=os.environ | places | asked,
            cwd=ROOT,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        found.append((use, done.returncode, done.stdout))
    return found


def asked(mock):
    entries = httpx.get(f"{mock.url}/__mock/journal?raw=1", trust_env=False).json()["entries"]
    return [(entry["method"], entry["path"], entry["status"], entry["body_b64"]) for entry in entries]


@pytest.mark.field
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_an_sdk_cannot_tell(name, tmp_path):
    command = CLIENTS[name]
    if command[0] == "node":
        shutil.copy(f"{DRIVERS}/{Path(command[1]).name}", ROOT / command[1])
    with spawn(**KNOWN) as mock:
        direct, before = said(command, mock.url), asked(mock)
    assert any(code == 0 and out for _, code, out in direct)
    with spawn(**KNOWN) as mock:
        line = [
            sys.executable,
            "-m",
            "echosounder",
            "listen",
            "--upstream",
            mock.url,
            "--out",
            str(tmp_path),
            "--bodies",
            "all",
        ]
        process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8")
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        through, after = said(command, url), asked(mock)
        process.send_signal(signal.SIGINT)
        _, wrong = process.communicate(timeout=60)
    assert through == direct
    assert after == before
    assert wrong == ""
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    broken = {row["id"] for row in report["requirements"] if row["verdict"] in ("fail", "nonstrict")}
    assert broken <= {"chat.created-recent", "stream.created-recent"}  # the server's clock is frozen
