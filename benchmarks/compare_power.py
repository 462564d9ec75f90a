"""How often `echosounder compare` is right about real runs of equal targets, and of targets that are 10 % slower in one thing.

    python benchmarks/compare_power.py --runs 25 --duration 4s

Four mocks stay up: two alike (A, B), one with a later first token (C) and one with longer gaps (D). They are loaded in turn, A B C D A B …,
so that whatever else the machine does hits all alike. Then every A is compared with every B (right: equal), and with every C and D
(right: worse). The pairs of the same turn share no run and are independent; the others, and pairs of runs minutes apart, show how much
the machine itself drifts. Runs of three turns put together, the same three of both targets, are what runs three times as long would
have been: 100 draws, not independent.
"""

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from echosounder.judgement.comparison import runs as compare
from echosounder.judgement.shares import Share
from echosounder.mock_server.net.process import spawn
from echosounder.reports import source

SLOWER, USERS, ITL_MS = 1.1, 48, 5.0
KEY = os.environ | {"DEEPSEEK_API_KEY": "sk-any-key-will-do"}
Loaded = tuple[dict[str, Any], Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=25)
    parser.add_argument("--duration", default="4s")
    parser.add_argument("--ttft", type=float, default=100.0, help="of A and B, ms")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        ttft = {"A": asked.ttft, "B": asked.ttft, "C": asked.ttft * SLOWER}
        made = {name: (value, ITL_MS) for name, value in ttft.items()} | {"D": (asked.ttft, ITL_MS * SLOWER)}
        urls = {name: stack.enter_context(spawn(ttft_ms=each, itl_ms=itl)).url for name, (each, itl) in made.items()}
        runs: dict[str, list[Loaded]] = {name: [] for name in urls}
        for turn, name in itertools.product(range(asked.runs), urls):
            runs[name].append(loaded(urls[name], asked.duration, Path(folder) / f"{name}{turn}"))
    table(runs)


def loaded(url: str, duration: str, out: Path) -> Loaded:
    command = [sys.executable, "-m", "echosounder", "load", "streaming", url, "--users", str(USERS)]
    done = subprocess.run([*command, "--duration", duration, "--out", out], env=KEY, capture_output=True, check=False)
    assert done.returncode in {0, 4}, (
        done.stderr
    )  # 4: the measurement is invalid, and compare must say that it cannot tell
    return source.load(out)


def table(runs: dict[str, list[Loaded]]) -> None:
    medians = [run[0]["metrics"]["ttft_ms"]["p50"] for run in runs["A"]]
    counts = [run[0]["metrics"]["ttft_ms"]["count"] for run in itertools.chain(*runs.values())]
    verdicts = Counter(run[0]["measurement"]["verdict"] for run in itertools.chain(*runs.values()))
    print(f"{min(counts)} to {max(counts)} answers a run; median TTFT of A {min(medians):.1f} to {max(medians):.1f} ms")
    print(f"measurements: {json.dumps(verdicts)}\n")
    print("| pairs | right | share, 95 % interval | else |\n|---|--:|--:|---|")
    for name, other, right in (("A", "B", compare.EQUAL), ("A", "C", compare.WORSE), ("A", "D", compare.WORSE)):
        one, two = runs[name], runs[other]
        row(f"{name}, {other} of one turn: {right}", zip(one, two, strict=True), right)
        row(f"{name}, {other} of all turns: {right}", itertools.product(one, two), right)
        draws = [sorted(random.Random(seed).sample(range(len(one)), 3)) for seed in range(100)]
        row(f"{name}, {other}, three turns joined: {right}", ((joined(one, d), joined(two, d)) for d in draws), right)


def joined(runs: Sequence[Loaded], turns: Sequence[int]) -> Loaded:
    """The samples of several runs as one, with the largest error of the client among them."""
    chosen = [runs[turn] for turn in turns]
    report = max((report for report, _ in chosen), key=lambda report: report["client_error_ms"]["p99"] or 0.0)
    return report, replace(chosen[0][1], samples=tuple(itertools.chain(*(run.samples for _, run in chosen))))


def row(name: str, pairs: Iterable[tuple[Loaded, Loaded]], right: str) -> None:
    said = [compare.loads(one, two).verdict for one, two in pairs]
    others = Counter(word for word in said if word != right)
    low, high = Share(said.count(right), len(said)).interval
    told = ", ".join(f"{word} {count}" for word, count in others.items()) or "–"
    print(f"| {name} | {said.count(right)} of {len(said)} | {low:.0%} to {high:.0%} | {told} |")


if __name__ == "__main__":
    main()
