"""Clients that we did not write, run by their drivers at the mock: every failure reviewed.

`clients.reviewed.toml` holds what is true of each, in a sentence; a new failure, or one that has gone, fails the test.
The logs stay in runs/field/, and `make field` makes docs/field/clients of them.
"""

import json
import os
import shutil
import time
import tomllib
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.wire.runlog import read

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RUNS = ROOT / "runs/field"
DRIVERS = "conformance/client/drivers"
REVIEWED = tomllib.loads((HERE / "clients.reviewed.toml").read_text(encoding="utf-8"))
BROKEN = {"fail", "nonstrict", "untestable", "error"}
CLIENTS = {
    "client-curl": [f"{DRIVERS}/curl.sh"],
    "client-httpx": [".venv/bin/python", f"{DRIVERS}/httpx_by_hand.py"],
    "client-openai-python": [".venv/bin/python", f"{DRIVERS}/openai_sdk.py"],
    "client-openai-python-1": [".field/openai-old/bin/python", f"{DRIVERS}/openai_sdk.py"],
    "client-openai-node": ["node", ".field/clients/openai_sdk.mjs"],
    "client-ai-sdk": ["node", ".field/clients/ai_sdk_deepseek.mjs"],
    "client-anthropic": [".field/anthropic/bin/python", f"{DRIVERS}/anthropic_sdk.py"],
    "client-langchain": [".field/langchain/bin/python", f"{DRIVERS}/langchain_deepseek_chat.py"],
    "client-litellm": [".field/litellm/bin/python", f"{DRIVERS}/litellm_completion.py"],
}
SECONDS = dict.fromkeys(CLIENTS, 120) | {
    "client-litellm": 300
}  # its import alone takes each process some three seconds
"""A whole run of one client, on two cores that have nothing else to do."""


@pytest.mark.field
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", CLIENTS)
def test_every_fault_of_a_client_is_a_known_true_one(name, monkeypatch):
    command = CLIENTS[name]
    monkeypatch.chdir(ROOT)
    if command[0] == "node":  # looks for packages beside the script: so it is copied to where they are
        shutil.copy(f"{DRIVERS}/{Path(command[1]).name}", command[1])
    begun = time.monotonic()
    run(["client", "--out", str(RUNS / name), "--", *command])
    took = time.monotonic() - begun
    assert read(RUNS / name).footer is not None
    requirements = json.loads((RUNS / name / "report.json").read_text(encoding="utf-8"))["requirements"]
    broken = {each["id"] for each in requirements if each["verdict"] in BROKEN}
    reviewed = REVIEWED.get(name, {})
    assert broken - reviewed.keys() == set()
    assert {id for id in reviewed.keys() - broken if not reviewed[id].startswith("at times")} == set()
    assert took < SECONDS[name] or os.getloadavg()[0] > (os.cpu_count() or 1)


@pytest.mark.field
def test_two_versions_of_one_sdk_are_compared():
    """The runs of the test above, the older version first."""
    runs = [str(RUNS / name) for name in ("client-openai-python-1", "client-openai-python")]
    assert run(["compare", *runs]) in (0, 1)
