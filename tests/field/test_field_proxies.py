"""Proxies that we did not write, between the harness and the mock: both sides compared, every failure reviewed.

`proxies.reviewed.toml` holds what is true of each, in a sentence; a new failure, or one that has gone, fails the test.
The logs stay in runs/field/, and `make field` makes docs/field/ of them.
"""

import importlib.util
import json
import os
import time
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.wire.runlog import read

HERE = Path(__file__).parent
RUNS = HERE.parents[1] / "runs/field"
_spec = importlib.util.spec_from_file_location("proxies", HERE / "proxies.py")
proxies = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(proxies)

REVIEWED = tomllib.loads((HERE / "proxies.reviewed.toml").read_text(encoding="utf-8"))
SECONDS = 60
"""A whole run through a proxy, on a machine that has nothing else to do."""
PACKAGED = {"apache2": "apache2", "caddy": "caddy", "lighttpd": "lighttpd", "varnish": "varnishd"}
"""Proxies of the system's packages that not every machine has, and the program of each."""
SET_UP = {
    "mitmproxy": proxies.MITMDUMP,
    "http-proxy": proxies.NODE / "node_modules",
    "http-proxy-middleware": proxies.NODE / "node_modules",
}
"""Proxies that `make field` installs."""
HANGING = {"http-proxy", "http-proxy-middleware"}
"""They leave a client waiting at each stream that their upstream broke off, so a run takes as long as the client's patience."""
BROKEN = {"fail", "nonstrict", "untestable", "error"}

QUICK = {
    "nginx": ("nginx", "faithful", "2026-08"),
    "haproxy": ("haproxy", "faithful", "2026-08"),
}
SLOW = {
    "nginx-buffering": ("nginx", "buffering", "2026-08"),
    "nginx-hasty": ("nginx", "hasty", "2026-08"),
    "haproxy-plain": ("haproxy", "plain", "2026-08"),
    "haproxy-hasty": ("haproxy", "hasty", "2026-08"),
    "apache2": ("apache2", None, "2026-08"),
    "caddy": ("caddy", None, "2026-08"),
    "lighttpd": ("lighttpd", None, "2026-08"),
    "varnish": ("varnish", None, "2026-08"),
    "mitmproxy": ("mitmproxy", None, "2026-08"),
    "http-proxy": ("node", "http-proxy.mjs", "2026-08"),
    "http-proxy-middleware": ("node", "http-proxy-middleware.mjs", "2026-08"),
    "litellm-openai": ("litellm", "litellm-openai.yaml", "openai"),
    "litellm-deepseek": ("litellm", "litellm-deepseek.yaml", "2026-08"),
    "portkey": ("portkey", None, "openai"),
}


def judged(name, row, folder, monkeypatch):
    """The verdicts of a run from the command line, and how long it took, s."""
    start, how, profile = row
    monkeypatch.setenv("DEEPSEEK_API_KEY", proxies.PROXY_KEY)
    port, out = proxies.free_port(), RUNS / name
    with getattr(proxies, start)(f"http://127.0.0.1:{port}", folder, *([how] if how else [])) as url:
        begun = time.monotonic()
        options = ["--model", "deepseek-v4-flash", "--profile", profile, "--timeout", "10", "--out", str(out)]
        run(["check", "--proxy", url, "--upstream-port", str(port), *options])
        took = time.monotonic() - begun
    assert read(out).footer is not None
    requirements = json.loads((out / "report.json").read_text(encoding="utf-8"))["requirements"]
    return {each["id"] for each in requirements if each["verdict"] in BROKEN}, took


@pytest.mark.timeout(150)
@pytest.mark.parametrize("name", ["nginx", pytest.param("haproxy", marks=pytest.mark.field)])
def test_a_faithful_proxy_has_no_fault(name, tmp_path, monkeypatch):
    if not proxies.present(name):
        pytest.skip(f"{name} is not installed; install it with the package manager of the system")
    assert judged(name, QUICK[name], tmp_path, monkeypatch)[0] == set()


@pytest.mark.field
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", SLOW)
def test_every_fault_of_a_proxy_is_a_known_true_one(name, tmp_path, monkeypatch):
    if name in PACKAGED and not proxies.present(PACKAGED[name]):
        pytest.skip(f"{name} is not installed; install it with the package manager of the system")
    if name in SET_UP and not SET_UP[name].exists():
        pytest.skip(f"{name} is not set up; run `make field`")
    broken, took = judged(name, SLOW[name], tmp_path, monkeypatch)
    reviewed = REVIEWED[name]
    assert {id for id in broken if not any(fnmatchcase(id, pattern) for pattern in reviewed)} == set()
    assert {id for id in reviewed.keys() - broken if not reviewed[id].startswith("at times")} == set()
    assert took < SECONDS or name in HANGING or os.getloadavg()[0] > (os.cpu_count() or 1)
