"""Three servers that we did not write, each with a model that a script makes, checked in the OpenAI dialect.

Every failure was reviewed by hand in its bytes: `<server>.baseline.toml` keeps the reviews, `docs/field-notes.md` tells them in
prose. A new failure, or one that has gone, fails the test. `make field` sets the servers up.
"""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from echosounder.__main__ import run
from echosounder.wire.runlog import read

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEY = "sk-field-0123456789"
SECONDS = 300
"""A whole check takes 10 to 100 s on two busy cores; one that takes longer hangs."""


@dataclass(frozen=True)
class Server:
    """``make`` prepares a model below a folder, ``serve`` starts the server on a port; both are command lines."""

    name: str
    model: str
    serve: Callable[[Path, int], list[object]]
    make: Callable[[Path], list[object]] | None = None
    environment: Callable[[Path], dict[str, str]] = field(default=lambda folder: {})


def python(environment: str) -> Path:
    return ROOT / f".field/{environment}/bin/python"


SERVERS = (
    Server(
        name="aimock",
        model="gpt-4o",
        serve=lambda folder, port: ["node", HERE / "servers/aimock.mjs", ROOT / ".field/aimock", port, KEY],
    ),
    Server(
        name="transformers",
        model="field/tiny",
        make=lambda folder: [python("transformers"), HERE / "servers/transformers_model.py", folder / "home"],
        serve=lambda folder, port: [
            python("transformers").with_name("transformers"),
            "serve",
            "field/tiny",
            "--device",
            "cpu",
            "--host",
            "127.0.0.1",
            "--port",
            port,
        ],
        environment=lambda folder: {"HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
    ),
    Server(
        name="llama",
        model="tiny",
        make=lambda folder: [python("llama"), HERE / "servers/llama_model.py", folder / "tiny.gguf"],
        serve=lambda folder, port: [
            python("llama"),
            "-m",
            "llama_cpp.server",
            "--model",
            folder / "tiny.gguf",
            "--model_alias",
            "tiny",
            "--n_ctx",
            16384,
            "--n_threads",
            1,
            "--logits_all",
            "true",
            "--verbose",
            "false",
            "--api_key",
            KEY,
            "--host",
            "127.0.0.1",
            "--port",
            port,
        ],
    ),
)


@pytest.mark.field
@pytest.mark.timeout(SECONDS + 200)
@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_every_failure_of_a_real_server_is_a_known_true_one(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DEEPSEEK_API_KEY", KEY)
    out, baseline = ROOT / "runs/field" / server.name, HERE / f"{server.name}.baseline.toml"
    shutil.rmtree(out, ignore_errors=True)
    with started(server, tmp_path) as url:
        began = time.monotonic()
        command = ["check", url, "--model", server.model, "--profile", "openai", "--out", out, "--baseline", baseline]
        code = run([str(word) for word in command])
        took = time.monotonic() - began
    assert code == 0, capsys.readouterr().out
    assert took < SECONDS
    assert read(out).footer is not None
    assert "error" not in json.loads((out / "report.json").read_text(encoding="utf-8"))["counts"]


@contextmanager
def started(server: Server, folder: Path) -> Iterator[str]:
    """The base URL of a fresh *server*, which is stopped at the end; its words are in ``server.log``."""
    port = free_port()
    with (folder / "server.log").open("wb") as log:
        shared = {"stdout": log, "stderr": log, "cwd": folder, "env": os.environ | server.environment(folder)}
        if server.make:
            subprocess.run(list(map(str, server.make(folder))), check=True, timeout=120, **shared)
        with subprocess.Popen(list(map(str, server.serve(folder, port))), **shared) as process:
            try:
                wait_for(port, process, 120)
                yield f"http://127.0.0.1:{port}/v1"
            finally:
                process.terminate()
                process.wait(20)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server ended with code {process.returncode}; see server.log"
        try:
            httpx.get(f"http://127.0.0.1:{port}/v1/models", timeout=5)
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"nothing answered on port {port} within {seconds:.0f} s; see server.log")
