"""Scenes in virtual time that the tests of this folder look at from several sides; each is played once."""

from dataclasses import dataclass, field
from functools import cache

import simulated
from simulated_limiters import AtRandom, Both, Bucket, Concurrency, Fixed, NoLimit, Punishing, Sliding

from echosounder.load.limits.bench import Bench
from echosounder.load.limits.discovery import Discovery, discover
from echosounder.load.limits.goal import LimiterGoal, LimiterJobs
from echosounder.load.limits.judge import results
from echosounder.load.limits.report import rate_limit

PRICE = "0.0000003"


@dataclass(frozen=True)
class Scene:
    """A target as :class:`simulated.Target` takes it, and what is asked of it."""

    limiter: object
    goal: dict = field(default_factory=dict)
    target: dict = field(default_factory=dict)


def scene(limiter, goal=None, **target):
    return Scene(limiter, {"policies": False, **(goal or {})}, target)


def window():
    return Sliding(20, 3.0)


SCENES = {
    "cap": scene(lambda: Concurrency(8), price=PRICE, skew=0.0),
    "cap of one": scene(lambda: Concurrency(1), {"in_flight": 2}),
    "cap that lets in late": scene(lambda: Concurrency(16, resume=8)),
    "cap that frees late": scene(lambda: Concurrency(16, lag=0.4)),
    "cap that punishes": scene(lambda: Punishing(Concurrency(8), 1.0)),
    "bucket that punishes": scene(lambda: Punishing(Bucket(20.0, 10), 1.0)),
    "at random": scene(lambda: AtRandom(0.02)),
    "always busy": scene(NoLimit, failing=lambda number: 503),
    "cap and window": scene(lambda: Both(Concurrency(10), Sliding(100, 3.0))),
    "rpm": scene(lambda: Fixed(60, 60.0, 13.0)),
    "busy": scene(lambda: Concurrency(8), status=503, retry_after=None),
    "other envelope": scene(lambda: Concurrency(8), envelope="requests"),
    "cap, refusals charged": scene(lambda: Concurrency(8), price=PRICE, refusal_price="0.000006"),
    "bucket": scene(lambda: Bucket(20.0, 30), price=PRICE),
    "bucket of one": scene(lambda: Bucket(20.0, 1)),
    "bucket, refusals charged": scene(lambda: Bucket(20.0, 30), price=PRICE, refusal_price="0.000006"),
    "window, refusals charged": scene(lambda: Fixed(20, 2.0), price=PRICE, refusal_price="0.000006"),
    "slow window": scene(lambda: Fixed(20, 2.0), price=PRICE, ttft=0.2),
    "settled late": scene(lambda: Fixed(20, 2.0), price=PRICE, settle=0.5),
    "cut": scene(lambda: Concurrency(8), cut_every=10),
    "cents": scene(lambda: Concurrency(8), price=PRICE, refusal_price="0.000006", digits=2),
    "queue": scene(NoLimit, slots=8),
    "silent queue": scene(NoLimit, slots=8, silent=True),
    "slow": scene(NoLimit, ttft=0.4),
    "crowded": scene(NoLimit, crowding=0.03),
    "key": scene(lambda: Concurrency(8), {"keys": 2, "models": ("deepseek-v4-pro",)}, scope=("key",)),
    "model": scene(lambda: Concurrency(8), {"models": ("deepseek-v4-pro",)}, scope=("key", "model")),
    "user": scene(lambda: Bucket(10.0, 20), {"keys": 2}, scope=("user",)),
    "hint: true": scene(window),
    "hint: now": scene(window, retry_after=lambda wait: "0"),
    "hint: now, of a fast bucket": scene(lambda: Bucket(21.4, 20), retry_after=lambda wait: "0", latency=0.008),
    "hint: far too long": scene(window, retry_after=lambda wait: "60"),
    "hint: too long, of a clock": scene(
        lambda: Fixed(20, 2.0, 0.3), {"seed": 2}, seed=2, retry_after=lambda wait: str(int(wait) * 4 + 6)
    ),
    "hint: no number": scene(window, retry_after=lambda wait: "soon"),
    "hint: a fraction": scene(window, retry_after=lambda wait: f"{wait:.1f}"),
    "hint: a date by a clock that is an hour ahead": scene(window, retry_after="date", skew=3600.0),
    "hint: a Unix time": scene(window, retry_after=lambda wait: str(round(simulated.NOON.timestamp() + wait + 1))),
    "hint: a Unix time in ms": scene(
        window, retry_after=lambda wait: str(round(simulated.NOON.timestamp() + wait) * 1000)
    ),
    "hint: negative": scene(window, retry_after=lambda wait: "-1"),
    "hint: absurd": scene(window, retry_after=lambda wait: "9" * 30),
    "hint: a day": scene(window, retry_after=lambda wait: "86400"),
    "hint: a date that has passed": scene(window, skew=0.0, retry_after=lambda wait: "Mon, 17 Aug 2020 12:00:00 GMT"),
    "hint: in the body": scene(window, retry_after=None, told=lambda wait: {"retry_after": simulated.math.ceil(wait)}),
    "hint: in words": scene(
        window, retry_after=None, told=lambda wait: {"message": f"Please try again in {wait:.1f}s."}
    ),
    "hint: none": scene(window, retry_after=None),
    "clients of a bucket": scene(lambda: Bucket(10.0, 20), {"policies": True}),
    "clients told lies": scene(lambda: Bucket(10.0, 20), {"policies": True}, retry_after=lambda wait: "0"),
}


@dataclass(frozen=True)
class Played:
    discovery: Discovery
    report: dict
    results: dict
    target: simulated.Target


@cache
def played(name):
    chosen = SCENES[name]
    bench = Bench(LimiterGoal(**chosen.goal), LimiterJobs("deepseek-v4-flash", "2026-08"))
    target = simulated.Target(chosen.limiter, **chosen.target)
    discovery = target.run(discover(bench, simulated.wall))
    judged = {result.requirement: result for result in results(discovery, "2026-08")}
    return Played(discovery, rate_limit(discovery), judged, target)
