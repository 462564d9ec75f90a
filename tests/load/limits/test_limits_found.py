"""The discovery against simulated limiters, in virtual time: the kind, and the numbers within what the issue of it promises."""

import pytest
import simulated
import simulated_limiters

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.limits.bench import Bench
from echosounder.load.limits.discovery import discover
from echosounder.load.limits.goal import LimiterGoal, LimiterJobs


def found(make, seed):
    bench = Bench(LimiterGoal(seed=seed, policies=False), LimiterJobs("deepseek-v4-flash", "2026-08"))
    target = simulated.Target(make, seed)
    return target.run(discover(bench, simulated.wall)), target


NUMBERS = [
    pytest.param(lambda: simulated_limiters.Concurrency(8), {"limit": 8}, LimiterKind.CONCURRENCY, id="cap of 8"),
    pytest.param(lambda: simulated_limiters.Concurrency(64), {"limit": 64}, LimiterKind.CONCURRENCY, id="cap of 64"),
    pytest.param(
        lambda: simulated_limiters.Bucket(20.0, 30), {"limit": 20, "burst": 30}, LimiterKind.BUCKET, id="20/s, burst 30"
    ),
    pytest.param(
        lambda: simulated_limiters.Bucket(40.0, 2), {"limit": 40, "burst": 2}, LimiterKind.BUCKET, id="40/s, burst 2"
    ),
    pytest.param(
        lambda: simulated_limiters.Fixed(30, 4.0), {"limit": 30, "window": 4}, LimiterKind.FIXED, id="30 per fixed 4 s"
    ),
    pytest.param(
        lambda: simulated_limiters.Sliding(30, 4.0),
        {"limit": 30, "window": 4},
        LimiterKind.SLIDING,
        id="30 per sliding 4 s",
    ),
]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("make", "truth", "kind"), NUMBERS)
def test_kind_and_numbers_are_found_out(make, truth, kind, seed):
    discovery, target = found(make, seed)
    fit = discovery.identified.fit
    assert fit.kind is kind
    for name, value in truth.items():
        known = getattr(fit, name)
        assert known.low <= value <= known.high, name
        assert known.high - known.low <= max(0.05 * value, name == "burst"), name
    assert target.requests <= 2000
    assert target.clock <= 60


@pytest.mark.parametrize("seed", range(3))
def test_no_limiter_is_never_called_one(seed):
    discovery, _ = found(simulated_limiters.NoLimit, seed)
    assert discovery.identified.fit.kind is LimiterKind.NONE
