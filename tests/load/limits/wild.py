"""What a discovery says of limiters that it has no model of, beside the truth: the table of the documentation, and its calibration."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cache

import limiters_in_the_wild as wild
import simulated
import simulated_limiters as plain

from echosounder.load.limits.bench import Bench
from echosounder.load.limits.discovery import discover
from echosounder.load.limits.goal import LimiterGoal, LimiterJobs
from echosounder.load.limits.report import rate_limit

SEEDS = range(5)


@dataclass(frozen=True)
class Case:
    """A limiter and the truth of it. ``kinds`` that are right; ``unit`` it counts; numbers by member of the report, caps exact.
    ``also`` what must be said besides, by member."""

    make: object
    kinds: tuple
    numbers: dict = field(default_factory=dict)
    unit: str = "requests"
    also: dict = field(default_factory=dict)
    target: dict = field(default_factory=dict)
    seconds: float = 300.0


BUCKET, FIXED, SLIDING, CAP, UNRESOLVED = "token-bucket", "fixed-window", "sliding-window", "concurrency", "unresolved"


def per(limit, window):
    return {"limit": limit, "window_s": window}


CASES = {
    "cap of 8": Case(lambda: plain.Concurrency(8), (CAP,), {"limit": 8}),
    "cap of 40": Case(lambda: plain.Concurrency(40), (CAP,), {"limit": 40}),
    "GCRA, 5/s, burst 10": Case(lambda: wild.LeakyMeter(rate=5, burst=10), (BUCKET,), {"limit": 5, "burst": 10}),
    "GCRA, 20/s, burst 30": Case(lambda: wild.LeakyMeter(rate=20, burst=30), (BUCKET,), {"limit": 20, "burst": 30}),
    "log of hits, 30 per 5 s": Case(lambda: wild.LogOfHits(limit=30, window=5), (SLIDING,), per(30, 5)),
    "calendar, 20 per 4 s": Case(lambda: wild.Calendar(limit=20, window=4), (FIXED,), per(20, 4)),
    "prompt and max_tokens, 900 per 6 s": Case(
        lambda: wild.LogOfHits("prompt and max_tokens", limit=900, window=6), (SLIDING,), per(900, 6), "prompt and max_tokens"
    ),
    "prompt tokens, calendar": Case(
        lambda: wild.Calendar("prompt tokens", limit=1000, window=5), (FIXED,), per(1000, 5), "prompt tokens"
    ),
    "prompt tokens, bucket": Case(
        lambda: wild.LeakyMeter("prompt tokens", rate=200, burst=800), (BUCKET,), {"limit": 200, "burst": 800}, "prompt tokens"
    ),
    "max_tokens, calendar": Case(lambda: wild.Calendar("max_tokens", limit=40, window=5), (FIXED,), per(40, 5), "tokens of max_tokens"),
    "bytes, 12000 per 5 s": Case(lambda: wild.LogOfHits("bytes", limit=12000, window=5), (SLIDING,), per(12000, 5), "bytes"),
    "tokens used, 900 per 6 s": Case(lambda: wild.SpentLater(limit=900, window=6), (SLIDING,), per(900, 6), "tokens used"),
    "cost, an answer's token 4 times": Case(lambda: wild.Calendar("cost", limit=800, window=5), (FIXED,), per(800, 5), "cost"),
    "hits that count refusals": Case(
        lambda: wild.LogOfHits(limit=30, window=5, counts_refused=True), (SLIDING,), per(30, 5), also={"counts_refused": True}
    ),
    "HAProxy, http_req_rate(5s) gt 30": Case(wild.StickTable, (SLIDING,), per(30, 5), also={"counts_refused": True}),
    "nginx limit_req, 5/s, burst 10": Case(wild.LimitReq, ("leaky-bucket",), {"limit": 5, "burst": 11}),
    "nginx limit_req nodelay": Case(lambda: wild.LimitReq(nodelay=True), (BUCKET,), {"limit": 5, "burst": 11}),
    "cap of 6 and GCRA 5/s, burst 20": Case(
        lambda: wild.All((plain.Concurrency(6), wild.LeakyMeter(rate=5, burst=20))), (CAP,), {"limit": 6}, also={"second": BUCKET}
    ),
    "10 per 1 s and 60 per 20 s": Case(
        lambda: wild.All((wild.LogOfHits(limit=10, window=1), wild.LogOfHits(limit=60, window=20))),
        (SLIDING,), per(10, 1), also={"second": SLIDING},
    ),
    "quota of 60": Case(wild.Quota, ("quota",), {"limit": 60}),
    "three replicas by chance": Case(
        lambda: wild.Replicas(make=lambda: wild.LogOfHits(limit=10, window=3)), (UNRESOLVED,), also={"replicas": True}
    ),
    "a limit that follows the load": Case(wild.Adaptive, (UNRESOLVED,)),
    "refusals by chance": Case(lambda: plain.AtRandom(0.05), (UNRESOLVED,)),
    "none": Case(plain.NoLimit, ("none",)),
    "queue of 8": Case(plain.NoLimit, ("queue",), {"limit": 8}, target={"slots": 8}),
}  # fmt: skip


def run(case, seed, policies=False):
    """A discovery against *case*: its report and the target."""
    goal = LimiterGoal(seed=seed, policies=policies, seconds=case.seconds, patience=0.4 * case.seconds)
    bench = Bench(goal, LimiterJobs("deepseek-v4-flash", "2026-08"))
    target = simulated.Target(case.make, seed, **case.target)
    return rate_limit(target.run(discover(bench, simulated.wall), seconds=case.seconds, requests=goal.requests)), target


@cache
def played(name, seed):
    return run(CASES[name], seed)


def wrong(name, report):
    return fault(CASES[name], report)


def fault(case, report):
    """What is wrong with a report, in words; empty where all is right. An honest "cannot tell" is wrong too, but not certain."""
    if report["kind"] not in case.kinds:
        return f"kind {report['kind']}"
    if report.get("unit", "requests") != case.unit and case.kinds[-1] not in {"none", UNRESOLVED, "queue", "quota"}:
        return f"unit {report.get('unit')}"
    for member, truth in case.numbers.items():
        got = report[member]
        exact = member == "limit" and case.kinds[0] in {CAP, "queue"}
        if got is None or (got != truth if exact else abs(got - truth) > 0.05 * truth):
            return f"{member} {got} not {truth}"
    for member, truth in case.also.items():
        got = report.get(member)
        if (got or {}).get("kind") != truth if member == "second" else got != truth:
            return f"{member} {got}"
    return ""


def table(runs):
    """Markdown of ``{name: [(case, report), …]}``: how many were right, and what the first of them said."""
    rows = ["| limiter | right | certain | result |", "|---|--:|--:|---|"]
    counts = Counter()
    for name, made in runs.items():
        right = [not fault(case, report) for case, report in made]
        certain = [report["certain"] for _, report in made]
        counts.update(zip(certain, right, strict=True))
        rows.append(f"| {name} | {sum(right)} of {len(right)} | {sum(certain)} | {made[0][1]['answer']} |")
    sure = counts[True, True] + counts[True, False]
    rows.append(
        f"\n{sum(counts.values())} runs, {counts[True, True] + counts[False, True]} right; {sure} are reported as certain, "
    )
    rows[-1] += f"{counts[True, False]} of these are wrong."
    return rows


if __name__ == "__main__":
    print(*table({name: [(CASES[name], played(name, seed)[0]) for seed in SEEDS] for name in CASES}), sep="\n")
