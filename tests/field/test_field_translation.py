"""Gateways that translate Responses and Messages into chat, between the harness and the mock: every failure reviewed.

`translation.reviewed.toml` holds what is true of each, in a sentence; a new failure, or one that has gone, fails the test. The logs stay in
runs/field/, and `make field` makes the page docs/field/translation/ of them.
"""

import importlib.util
import json
import tomllib
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.wire.runlog import read

HERE = Path(__file__).parent
RUNS = HERE.parents[1] / "runs/field"
_spec = importlib.util.spec_from_file_location("proxies", HERE / "proxies.py")
proxies = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(proxies)

REVIEWED = tomllib.loads((HERE / "translation.reviewed.toml").read_text(encoding="utf-8"))
BROKEN = {"fail", "nonstrict", "untestable", "error", "unsupported"}


@pytest.mark.field
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", REVIEWED)
def test_every_fault_of_a_translation_is_a_known_true_one(name, tmp_path, monkeypatch):
    gateway, _, front = name.rpartition("-")
    monkeypatch.setenv("DEEPSEEK_API_KEY", proxies.PROXY_KEY)
    port, out = proxies.free_port(), RUNS / name
    with proxies.translating(gateway, f"http://127.0.0.1:{port}", tmp_path) as url:
        options = ["--model", "deepseek-v4-flash", "--format", front, "--only", "translation.*", "--timeout", "10"]
        run(["check", "--proxy", url, "--upstream-port", str(port), *options, "--out", str(out)])
    assert read(out).footer is not None
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    broken = {each["id"] for each in report["requirements"] if each["verdict"] in BROKEN}
    reviewed = REVIEWED[name]
    assert broken - reviewed.keys() == set()
    assert {id for id in reviewed.keys() - broken if not reviewed[id].startswith("at times")} == set()
