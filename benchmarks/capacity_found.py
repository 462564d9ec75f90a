"""Is the true capacity of a target in the interval that `echosounder load capacity` gives, and what does it cost beside a plain sweep?

    python benchmarks/capacity_found.py --seeds 20

Per seed a bundled mock with other slots and other times serves what it can and lets the rest wait. The truth is what it completes per
second with three times as many users as it has slots. A plain sweep to the same width of the answer would try level after level, each
with as many requests as show that it meets the objective, from where the search began until one misses. On a busy machine a search may
find that the client was the limit: that is no interval, so it is counted, and the search is made again, at most five times in all.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from echosounder.load.capacity.holding import needed
from echosounder.load.capacity.hunting import LEAST
from echosounder.load.capacity.search import Search
from echosounder.load.figures.slo import parse
from echosounder.mock_server.net.process import spawn

SLO, FIRST, TRIES = "ttft_p95<500ms", 4.0, 5
KEY = os.environ | {"DEEPSEEK_API_KEY": "sk-any-key-will-do"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    asked = parser.parse_args()
    right = sent = plain = late = 0
    print(f"{'seed':>4} {'truth':>7}  {'interval':>16}  {'in':>3} {'requests':>8} {'sweep':>6}")
    for seed in range(asked.first, asked.first + asked.seeds):
        truth, found, again = one(seed)
        late += again
        low, high = found["interval"]
        within = low is not None and high is not None and low <= truth <= high
        sweep = swept(truth)
        right, sent, plain = right + within, sent + found["requests"], plain + sweep
        print(
            f"{seed:4} {truth:7.2f}  {low or 0:7.2f} {high or 0:8.2f}  {'yes' if within else 'NO':>3} {found['requests']:8} {sweep:6}",
            flush=True,
        )
    print(f"{late} searches found that the client was the limit, and were made again")
    print(f"{right} of {asked.seeds} intervals hold the truth, with {sent / plain:.0%} of the requests of a sweep")


def one(seed: int) -> tuple[float, dict[str, Any], int]:
    """The true capacity of the mock of a seed, what was found, and how often the client was in the way before."""
    draw = Random(seed)
    slots, ttft, itl = draw.randint(4, 12), draw.uniform(20, 80), draw.uniform(1, 5)
    with spawn(slots=slots, ttft_ms=ttft, itl_ms=itl, seed=seed) as mock, tempfile.TemporaryDirectory() as folder:
        full = loaded(
            Path(folder) / "full",
            "streaming",
            mock.url,
            "--users",
            str(3 * slots),
            "--warmup",
            "2s",
            "--duration",
            "8s",
        )
        truth = full["throughput"]["requests_per_s"]
        for again in range(TRIES):
            words = ("--slo", SLO, "--rate", f"{FIRST:g}..1000", "--seed", str(seed))
            found = loaded(Path(folder) / f"found-{again}", "capacity", mock.url, *words)["capacity"]
            if found["limit"] != "client":
                break
    return truth, found, again


def loaded(out: Path, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "echosounder", "load", *words, "--out", str(out)]
    subprocess.run(command, env=KEY, capture_output=True, check=False)
    report: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return report


def swept(truth: float) -> int:
    """The requests of a plain sweep."""
    step, level, requests = 1 + Search(FIRST, 1000).precision, FIRST, 0
    while level <= truth * step:
        requests += max(needed([parse(SLO)]), round(LEAST * level))
        level *= step
    return requests


if __name__ == "__main__":
    main()
