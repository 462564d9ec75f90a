"""Limiters that we did not write, in front of a mock without one; the truth stands in their configuration."""

import importlib.util
import json
from pathlib import Path

import pytest

from echosounder.__main__ import run
from echosounder.mock_server.net.process import spawn

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("proxies", HERE / "proxies.py")
proxies = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(proxies)

NGINX = """daemon off; master_process off; pid nginx.pid; error_log nginx.log error; events {{ worker_connections 2048; }}
http {{
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  limit_req_zone $server_name zone=req:1m rate=10r/s; limit_conn_zone $server_name zone=conn:1m;
  limit_req_status 429; limit_conn_status 429;
  upstream mock {{ server {upstream}; keepalive 16; }}
  server {{ listen 127.0.0.1:{port}; server_name here;
    location / {{ proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }}
    location /chat {{ {limit}
      proxy_pass http://mock; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }}
  }}
}}
"""
HAPROXY = """defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
backend counts
  stick-table type string len 16 size 1k expire 60s store http_req_rate(4s)
frontend clients
  bind 127.0.0.1:{port}
  http-request track-sc0 str(all) table counts if {{ path_beg /chat }}
  http-request deny deny_status 429 if {{ path_beg /chat }} {{ sc_http_req_rate(0) gt 30 }}
  default_backend mock
backend mock
  server mock {upstream}
"""
# What runs, its configuration, the limit, the kinds that are right, and numbers: exact for a cap, within 5 % else.
LIMITERS = {
    "nginx limit_req burst=20 nodelay": (
        "nginx", NGINX, "limit_req zone=req burst=20 nodelay;", "token-bucket", {"limit": 10, "burst": 21}
    ),
    "nginx limit_req burst=20": ("nginx", NGINX, "limit_req zone=req burst=20;", "leaky-bucket", {"limit": 10, "burst": 21}),
    "nginx limit_conn 7": ("nginx", NGINX, "limit_conn conn 7;", "concurrency", {"limit": 7}),
    "HAProxy http_req_rate(4s) gt 30": ("haproxy", HAPROXY, "", "sliding-window", {"limit": 30, "window_s": 4}),
}  # fmt: skip


def started(program, template, limit, upstream, folder):
    port = proxies.free_port()
    config = folder / "limiter.conf"
    config.write_text(
        template.format(upstream=upstream.removeprefix("http://"), port=port, limit=limit), encoding="utf-8"
    )
    path = str(proxies.present(program))
    command = (
        [path, "-e", "nginx.log", "-p", str(folder), "-c", str(config)]
        if program == "nginx"
        else [path, "-db", "-f", str(config)]
    )
    return f"http://127.0.0.1:{port}", proxies.running(command, folder, f"http://127.0.0.1:{port}/models", 10)


@pytest.mark.field
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", LIMITERS)
def test_a_limiter_that_others_wrote_is_found(name, tmp_path, monkeypatch):
    program, template, limit, kind, numbers = LIMITERS[name]
    if not proxies.present(program):
        pytest.skip(f"{program} is not installed; install it with the package manager of the system")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-limiter")
    with spawn(limit=("none",)) as mock:
        url, running = started(program, template, limit, mock.url, tmp_path)
        with running:
            run(["load", "rate-limit", url, "--users", "64", "--out", str(tmp_path / "run")])
    held_against(name, tmp_path, kind, numbers)


def held_against(name, folder, kind, numbers):
    found = json.loads((folder / "run/report.json").read_text(encoding="utf-8"))["rate_limit"]
    print(name, "->", found["answer"], "| certain" if found["certain"] else f"| {found['doubts']}")
    assert found["kind"] == kind, found["says"]
    for member, truth in numbers.items():
        near = found[member] == truth if kind == "concurrency" else found[member] == pytest.approx(truth, rel=0.05)
        assert near or not found["certain"], (member, found[member], truth)
        assert near, (member, found[member], truth)


# The strategies of the library `limits`, 20 in 4 s. Its fixed window begins with the first request of a key. Two counters of which one
# fades are not told from other kinds with certainty: whatever is said then has to be doubted.
STRATEGIES = {
    "fixed-window": "fixed-window",
    "moving-window": "sliding-window",
    "sliding-window-counter": "unresolved",
}


@pytest.mark.field
@pytest.mark.timeout(400)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_strategies_of_limits_are_found(strategy, tmp_path, monkeypatch):
    python = proxies.ROOT / ".field/limits/bin/python"
    assert python.exists(), "the library is not set up: run `make .field/limits/ready`"
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-limiter")
    with spawn(limit=("none",)) as mock:
        port = proxies.free_port()
        command = [str(python), str(HERE / "limits_app.py"), str(port), mock.url, strategy, "20 per 4 second"]
        with proxies.running(command, tmp_path, f"http://127.0.0.1:{port}/models", 20):
            run(["load", "rate-limit", f"http://127.0.0.1:{port}", "--users", "64", "--out", str(tmp_path / "run")])
    kind = STRATEGIES[strategy]
    if kind == "unresolved":
        found = json.loads((tmp_path / "run/report.json").read_text(encoding="utf-8"))["rate_limit"]
        assert found["kind"] == "sliding-window" or not found["certain"], found["says"]
        return
    held_against(strategy, tmp_path, kind, {"limit": 20, "window_s": 4})


@pytest.mark.field
@pytest.mark.timeout(1000)
def test_the_rpm_of_litellm_is_found(tmp_path, monkeypatch):
    """A counter for each minute of the clock."""
    monkeypatch.setenv("DEEPSEEK_API_KEY", "sk-limiter")
    with spawn(limit=("none",)) as mock, proxies.litellm(mock.url, tmp_path, "litellm-rpm.yaml") as url:
        run(["load", "rate-limit", url, "--users", "64", "--duration", "900", "--out", str(tmp_path / "run")])
    held_against("litellm", tmp_path, "fixed-window", {"limit": 20, "window_s": 60})
