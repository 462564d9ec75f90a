"""Is each fault of a bill found and named, and does an honest bill come out to zero? ``load cache-pricing`` against mocks.

``python benchmarks/bills_verified.py [--seeds N] [--only WORD]`` prints the tables of README.md.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx

from echosounder import specs
from echosounder.load.engine import Step
from echosounder.load.options import Options
from echosounder.load.pricing import BillGoal, verify
from echosounder.mock_server.net.process import spawn
from echosounder.wire.runlog import read

PATIENCE = 0.4  # s; the mock charges at once
# What is wrong with the bill; the mock's deviation; the requirement that must be broken, and the cause that must be named.
FAULTS = (
    ("a hit billed as a miss", "bill-hit-as-miss", "cache.discount", "hit-billed-as-miss"),
    ("one hit in five billed as a miss", "bill-hit-as-miss:when.every=5", "cache.discount", "hit-billed-as-miss"),
    ("an output token too many", "bill-off-by-one", "balance.charged", "off-by-one-token"),
    ("a hit token too few", "bill-off-by-one:kind=hit,by=-1", "balance.charged", "off-by-one-token"),
    ("usage counts a token too many", "completion-tokens-off-by-one", "usage.completion-counted", "off-by-one-token"),
    ("wrong off-peak window", "bill-wrong-window", "balance.price-window", "wrong-price-window"),
    ("hits invented", "cache-always-hits", "cache.hits-within-prefix", "hit-billed-as-miss"),
    ("hits withheld", "cache-always-zero", "load.hits-as-expected", "miss-billed-as-hit"),
    ("another user's prefix hit", "user-id-ignored", "cache.user-id-isolates", None),
    ("streams billed differently", "bill-streams-dearer", "balance.stream-same-price", "stream-other-price"),
    ("balance drifts by its smallest unit", "bill-drifts", "balance.charged", "drift"),
    ("balance stands still", "balance-frozen", "balance.charged", "not-charged"),
)
HONEST: tuple[dict[str, Any], ...] = ({}, {"cache_settle_s": 0.5}, {"balance_digits": 6}, {"cache": "prefix-blocks"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=("faults", "honest", "together"))
    chosen = parser.parse_args()
    if chosen.only in (None, "faults"):
        faults(chosen.seeds)
    if chosen.only in (None, "honest"):
        honest(chosen.seeds)
    if chosen.only in (None, "together"):
        together(2000)


def faults(seeds: int) -> None:
    print(f"| fault | requirement | named | found, of {seeds} | unexplained, USD | exit |\n|---|---|---|--:|--:|--:|")
    for fault, deviation, requirement, cause in FAULTS:
        runs = [verified(seed, deviate=(deviation,)) for seed in range(seeds)]
        right = [requirement in broken(report) and causes(report) == [cause] * bool(cause) for report, _ in runs]
        report, code = runs[0]
        row = (
            fault,
            f"`{requirement}`",
            f"`{cause}`" if cause else "",
            sum(right),
            report["cost"]["unexplained"],
            code,
        )
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def honest(seeds: int) -> None:
    print("\n| honest mock | runs | findings | unexplained | requests of a run | s |\n|---|--:|--:|--:|--:|--:|")
    for profile in specs.PROFILES:
        begin = time.monotonic()
        runs = [verified(seed, profile=profile, **more) for seed in range(seeds) for more in HONEST]
        found = [(*broken(report), *causes(report)) for report, code in runs]
        rest = {report["cost"]["unexplained"] for report, _ in runs}
        bad = [code for _, code in runs if code]
        each = (time.monotonic() - begin) / len(runs)
        sent = Counter(report["counts"]["sent"] for report, _ in runs).most_common(1)[0][0]
        row = (
            profile,
            len(runs),
            sum(map(len, found)) + len(bad),
            ", ".join(sorted(map(str, rest))),
            sent,
            f"{each:.1f}",
        )
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def together(bulk: int) -> None:
    """All of them in flight at the same time: from the last group on the mock waits for longer than it takes to send them."""

    def hold(mock: str, step: Step) -> None:
        if "many at once" in step.said:
            httpx.post(f"{mock}/__mock/deviate", json={"deviate": ["late-head:after_ms=5000,when.path=*chat*"]})

    with tempfile.TemporaryDirectory() as folder:
        goal = BillGoal(bulk=bulk, together=bulk, salt="together")
        report, code = verified(0, goal, Path(folder), hold)
        samples = [sample for sample in read(Path(folder) / "run.jsonl").samples if sample["name"] == "many at once"]
    steps = sorted(step for each in samples for step in ((each["t_sent"], 1), (each["t_closed"], -1)))
    most = max(accumulate(step for _, step in steps))
    cost = report["cost"]
    said = f"billed {cost['usd']} USD, taken {cost['balance_delta']} USD, unexplained {cost['unexplained']}"
    print(f"\n{len(samples)} requests, {most} in flight at once: {said}, findings {len(broken(report))}, exit {code}")


def verified(
    seed: int,
    goal: BillGoal | None = None,
    folder: Path | None = None,
    watch: Callable[[str, Step], None] = lambda mock, step: None,
    **settings: Any,
) -> tuple[dict[str, Any], int]:
    with tempfile.TemporaryDirectory() as other, spawn(seed=seed, **settings) as mock:
        options = Options(
            url=mock.url,
            scenario="cache-pricing",
            api_key="sk-any-key-will-do",
            profile=settings.get("profile", specs.DEFAULT_PROFILE),
            seed=seed,
            out=folder or Path(other),
        )
        goal = goal or BillGoal(patience=PATIENCE, salt=f"seed {seed}")
        outcome = verify(options, partial(watch, mock.url), goal)
    return outcome.report, outcome.exit_code


def broken(report: dict[str, Any]) -> list[str]:
    return [row["id"] for row in report["requirements"] if row["findings"]]


def causes(report: dict[str, Any]) -> list[str]:
    return [cause["name"] for cause in report["cost"]["causes"]]


if __name__ == "__main__":
    main()
