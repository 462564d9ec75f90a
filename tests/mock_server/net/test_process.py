"""Starting, listening, stopping."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echosounder.mock_server.config import Config
from echosounder.mock_server.net.process import LISTENING, spawn
from echosounder.wire.errors import CannotJudge, UsageError


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly_in_the_middle_of_a_stream(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "echosounder.mock_server", "--ttft=0", "--itl=1000"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    line = process.stdout.readline()
    host, port = line.removeprefix(LISTENING + "http://").strip().split(":")
    with socket.create_connection((host, int(port))) as client:
        body = b'{"model":"deepseek-v4-flash","stream":true,"messages":[{"role":"user","content":"hi"}]}'
        client.sendall(
            b"POST /chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk-12345678\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK")
        process.send_signal(number)
        assert process.wait(60) == 0
    process.stdout.close()


def test_a_taken_port_is_a_one_line_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = subprocess.run(
            [sys.executable, "-m", "echosounder.mock_server", f"--port={port}"],
            check=False,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert f"cannot listen on 127.0.0.1:{port}" in run.stderr


def test_spawn_reports_a_mock_that_does_not_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotJudge, match="did not start"), spawn(port=port):
            pass


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"profil": "openai"}, "did you mean profile"),
        ({"profile": "2026-8"}, "did you mean 2026-08"),
        ({"ttft_ms": -1}, "must not be negative"),
        ({"control": "everybody"}, "choose from loopback, any, none"),
    ],
)
def test_configuration_mistakes_are_named(settings: dict, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Config.of(settings)


@pytest.mark.best_of(3)
def test_start_is_quick() -> None:
    """A ratio to a bare interpreter that imports asyncio, for machines differ."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio, json"], check=True)
    bare = time.perf_counter() - start
    start = time.perf_counter()
    with spawn():
        ready = time.perf_counter() - start
    assert ready < 8 * bare + 0.2


def test_a_mock_does_not_outlive_who_started_it() -> None:
    program = """
import os, time
from echosounder.mock_server.net.process import spawn
with spawn() as running:
    print(running.pid, flush=True)
    os.kill(os.getpid(), 9)
"""
    starter = subprocess.run(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, encoding="utf-8", check=False, timeout=60
    )
    pid, deadline = int(starter.stdout), time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert starter.returncode == -signal.SIGKILL
    assert not Path(f"/proc/{pid}").exists()


def test_ctrl_c_at_the_terminal_is_not_told_to_the_mock():
    """It would die of it with a traceback, while the run that it serves still ends in good order."""
    with spawn() as mock:
        assert os.getpgid(mock.pid) == mock.pid != os.getpgid(0)
