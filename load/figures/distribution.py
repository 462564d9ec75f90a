"""A latency's distribution as in reports: percentiles, the confidence interval of each, and the bias by abandoned requests.

A request that was given up before its token has no TTFT, only an age that its TTFT would have exceeded (a right-censored
value, as survival analysis calls it). Left out, the slowest requests of all would make a target look fast. So ages count as
values, and a percentile that they could have moved up is marked as a lower bound.
"""

from typing import Any

from echosounder.load.figures.histogram import Grouped, Histogram
from echosounder.load.figures.interval import between_groups, interval, of_mean, resolved
from echosounder.wire.latency import nearest_rank

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
WITH_INTERVAL = ("p50", "p95", "p99")
NEGLIGIBLE = 1.01  # a percentile that abandoned requests could have changed by less is reported as exact


def figures(seen: Histogram, given_up: Histogram | None = None) -> dict[str, Any] | None:
    """Milliseconds; None without values. A percentile is None if fewer than one value is expected above it.

    ``count``: number of values; ``censored``: number of requests, or streams, of which only the age at abandonment is known.
    ``at_least`` names the figures that are therefore lower bounds. ``*_ci``: 95 % confidence intervals, None if they cannot be
    computed.
    """
    if not seen.count:
        return None
    every = _together(seen, given_up)
    censored = every.count - seen.count
    shares = {
        name: every.quantile(share) if resolved(every.count, share) else None for name, share in PERCENTILES.items()
    }
    bounds = [name for name, value in shares.items() if value and _hidden(seen, every, name, value)]
    intervals = {
        f"{name}_ci": _between(seen, every, PERCENTILES[name])
        if shares[name] is not None and name not in bounds
        else None
        for name in WITH_INTERVAL
    }
    return {
        "count": seen.count,
        "mean": round(every.mean, 4),
        **shares,
        "max": every.largest,
        **intervals,
        "censored": censored,
        "at_least": ["mean", *bounds, "max"] if censored else [],
    }


def around(seen: Histogram, given_up: Histogram | None, statistic: str) -> tuple[float, float] | None:
    """The 95 % confidence interval, ms, of any statistic; None without values.

    From the smallest to the largest value if there are too few for an interval. The maximum of a run is exact: both ends are the maximum.
    """
    if not seen.count:
        return None
    every = _together(seen, given_up)
    if statistic == "max":
        return every.largest, every.largest
    share = PERCENTILES.get(statistic)
    found = of_mean(every) if share is None else _between(seen, every, share)
    return (found[0], found[1]) if found else (seen.rank(1), seen.largest)


def _together(seen: Histogram, given_up: Histogram | None) -> Histogram:
    if given_up is None or not given_up.count:
        return seen
    every = Histogram()
    every.merge(seen)
    every.merge(given_up)
    return every


def _hidden(seen: Histogram, every: Histogram, name: str, value: float) -> bool:
    """Whether the percentile would differ if all abandoned requests had taken forever."""
    rank = nearest_rank(PERCENTILES[name], every.count)
    return rank > seen.count or seen.rank(rank) > value * NEGLIGIBLE


def _between(seen: Histogram, every: Histogram, share: float) -> list[float] | None:
    if isinstance(seen, Grouped):
        whole = every.quantile(share)
        return between_groups(seen.groups, whole, share) if whole else None
    ranks = interval(every.count, share)
    return None if ranks is None or ranks[1] > seen.count else [every.rank(ranks[0]), seen.rank(ranks[1])]
