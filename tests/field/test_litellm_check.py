"""The main job against software that we did not write: a LiteLLM proxy in front of the mock.

Every failure that it is charged with was reviewed by hand; the reviews are `tests/field/litellm.baseline.toml`, and
`docs/field-notes.md` tells them in prose. A new failure, or one that has gone, fails this test.
"""

import importlib.util
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn
from echosounder.wire.runlog import read

FIELD = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("proxies", FIELD / "proxies.py")
proxies = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(proxies)


@pytest.mark.field
@pytest.mark.timeout(240)
def test_litellm_is_judged_and_every_failure_is_a_known_true_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEEPSEEK_API_KEY", proxies.PROXY_KEY)
    with spawn(profile="openai") as mock, proxies.litellm(mock.url, tmp_path) as url:
        baseline = str(FIELD / "litellm.baseline.toml")
        code = run(
            [
                "check",
                url,
                "--model",
                "deepseek-v4-flash",
                "--profile",
                "openai",
                "--out",
                str(tmp_path / "run"),
                "--baseline",
                baseline,
            ]
        )
    assert code == 0, capsys.readouterr().out
    assert read(tmp_path / "run").footer is not None
