"""What a task per stream costs: CPU time of `StreamUser` under plain Locust beside the session carrier of `echosounder load`.

    python benchmarks/stream_user.py --users 32

Both send the same requests to the bundled mock, which answers 64 tokens, one each 5 ms. Each is run for a short and a long time; the
difference of the two is free of what it costs to start.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from echosounder.mock_server.net.process import spawn

LOCUSTFILE = """
from locust import constant, task
from echosounder.load import StreamUser

class Reader(StreamUser):
    model = "deepseek-v4-flash"
    wait_time = constant(0)

    @task
    def story(self):
        self.stream(PROMPT, max_tokens=64, name="story")

PROMPT = "Tell me a long story of the sea, of its ships and of those who sail in them."
"""
SHORT, LONG = 3, 15  # s
ENVIRONMENT = os.environ | {"DEEPSEEK_API_KEY": "sk-any-key-will-do"}
Run = Callable[[str, int, int, Path], int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=32)
    users = parser.parse_args().users
    with spawn(seed=1, ttft_ms=100, itl_ms=5) as mock:
        for name, run in (("StreamUser", own), ("echosounder load", carried)):
            print(
                f"{name:17} {cost(run, mock.url, users):7.0f} µs of CPU per answer of 64 tokens, {users} users",
                flush=True,
            )


def cost(run: Run, url: str, users: int) -> float:
    """CPU time, µs, of one answer."""
    with tempfile.TemporaryDirectory() as folder:
        used, answers = zip(
            *(measured(run, url, users, seconds, Path(folder)) for seconds in (SHORT, LONG)), strict=True
        )
    return 1e6 * (used[1] - used[0]) / (answers[1] - answers[0])


def measured(run: Run, url: str, users: int, seconds: int, folder: Path) -> tuple[float, int]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    answers = run(url, users, seconds, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, answers


def own(url: str, users: int, seconds: int, folder: Path) -> int:
    path = folder / "locustfile.py"
    path.write_text(LOCUSTFILE, encoding="utf-8")
    words = ["-f", str(path), "--host", url, "--headless", "--json", "-u", str(users), "-r", str(users)]
    command = [sys.executable, "-m", "locust", *words, "-t", f"{seconds}s", "-s", "5"]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=folder, capture_output=True, encoding="utf-8", check=True)
    rows = json.loads(done.stdout[done.stdout.index("[\n") :])
    return sum(int(row["num_requests"]) for row in rows if row["method"] == "POST")


def carried(url: str, users: int, seconds: int, folder: Path) -> int:
    out = folder / str(seconds)
    words = [
        "streaming",
        url,
        "--users",
        str(users),
        "--duration",
        f"{seconds}s",
        "--output-tokens",
        "64",
        "--out",
        str(out),
    ]
    command = [sys.executable, "-m", "echosounder", "load", *words, "--prompt-tokens", "20"]
    subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False)
    return int(json.loads((out / "report.json").read_text(encoding="utf-8"))["counts"]["completed"])


if __name__ == "__main__":
    main()
