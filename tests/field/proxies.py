"""Third-party proxies, started on free ports and stopped by their own process."""

import os
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import httpx

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LITELLM = ROOT / ".field/litellm/bin/litellm"
PROXY_KEY = "sk-proxy-0123456789"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def litellm(upstream: str, folder: Path):
    """A LiteLLM proxy that forwards to *upstream*; yields its base URL."""
    assert LITELLM.exists(), "LiteLLM is not set up: run `make .field/litellm/ready`"
    config, port = folder / "litellm.yaml", free_port()
    config.write_text((HERE / "litellm.yaml").read_text().replace("{upstream}", upstream))
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "NO_PROXY": "*"}
    command = [str(LITELLM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    with (
        (folder / "litellm.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=os.environ | quiet) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{port}/health/liveliness", process, 90)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Asks first: a proxy that waits for its upstream may not hear."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def wait_for(url: str, process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Returns once *url* answers; fails with the process's own words when it died or took too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the proxy ended with code {process.returncode}; see its log"
        try:
            httpx.get(url, timeout=2)
            return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"{url} did not answer within {seconds} s")
