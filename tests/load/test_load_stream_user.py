"""The locustfile of the documentation, run by plain ``locust``: our figures in Locust's statistics, and the journal agrees."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from echosounder.mock_server.net.process import spawn

DOCS = (Path(__file__).parents[2] / "docs" / "load.md").read_text(encoding="utf-8")
USERS = 3
LISTENER = """
from locust import events

@events.request.add_listener
def on_request(name, context, **_):
    print("sample of", name, context["sample"].token_events)
"""
STOPPED = """
import time
import gevent
from locust import constant, task
from locust.env import Environment
from echosounder.load import StreamUser

sent = []

class Waiting(StreamUser):
    wait_time = constant(0.02)

    @task
    def send(self):
        sent.append(self)
        gevent.sleep(0.001)

def halt():
    until = time.monotonic() + 0.03
    while time.monotonic() < until:
        pass  # the loop stands still, as on a busy machine: by then each wait is over
    before = len(sent)
    runner.stop()
    print(before, len(sent) - before)

runner = Environment(user_classes=[Waiting]).create_local_runner()
runner.environment.stop_timeout = 3
runner.start(3, 3)
gevent.sleep(0.3)
gevent.spawn_later(0, halt).join()
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[tuple[str, str], Any], str, list[Any]]:
    """Locust's statistics by method and name, what it printed, and the journal."""
    path = tmp_path_factory.mktemp("own") / "locustfile.py"
    code = DOCS.split("## Your own locustfile")[1].split("```python\n")[1].split("```")[0]
    path.write_text(code.replace("between(0.5, 2)", "between(0.01, 0.02)") + LISTENER, encoding="utf-8")
    with spawn(seed=1, ttft_ms=40, itl_ms=2) as mock:
        command = [sys.executable, "-m", "locust", "-f", str(path), "--host", mock.url, "--headless", "--json"]
        done = subprocess.run(
            [*command, "-u", str(USERS), "-r", str(USERS), "-t", "4s", "-s", "3"],
            env=os.environ | {"DEEPSEEK_API_KEY": "sk-x"},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
            cwd=path.parent,
        )
        journal = httpx.get(mock.url + "/__mock/journal").json()["entries"]
    assert done.returncode == 0, done.stderr
    printed, _, document = done.stdout.partition("[\n")
    rows = json.loads("[" + document)
    return {(row["method"], row["name"]): row for row in rows}, printed, journal


def test_our_figures_stand_beside_the_requests(ran: Any) -> None:
    rows, _, journal = ran
    streams = [entry for entry in journal if entry["path"].endswith("/chat/completions") and entry["complete"]]
    assert {name for _, name in rows} == {"story", "name"}
    for name in ("story", "name"):
        answers, first = rows["POST", name], rows["TTFT", name]
        assert answers["num_requests"] == first["num_requests"] > 0
        assert answers["num_failures"] == 0
        assert 38 <= first["min_response_time"] < answers["max_response_time"]
        assert rows["gap", name]["num_requests"] > first["num_requests"]
    told = sum(rows["POST", name]["num_requests"] for name in ("story", "name"))
    assert len(streams) == told, "no user sends when it is to stop, and each hears the answer that is on its way"


def test_listeners_find_the_sample(ran: Any) -> None:
    rows, printed, _ = ran
    said = [line for line in printed.splitlines() if line.startswith("sample of ")]
    assert len(said) == sum(row["num_requests"] for (method, _), row in rows.items() if method == "POST")
    assert all(int(line.rpartition(" ")[2]) > 0 for line in said)


def test_a_user_that_waits_sends_nothing_after_it_was_stopped() -> None:
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, encoding="utf-8", check=False)
    before, after = map(int, done.stdout.split())
    assert before > 3, done.stderr
    assert after == 0


def test_nothing_patches_sockets_until_a_user_is_asked_for() -> None:
    code = "import sys, echosounder.load; print('locust' in sys.modules); echosounder.load.Nobody"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert (done.stdout.strip(), "has no attribute 'Nobody'" in done.stderr) == ("False", True)
