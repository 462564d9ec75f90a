"""A latency's distribution as reports hold it: percentiles, how far to trust each, and what requests that were given up hide.

A request that was given up before its token has no TTFT, only an age that its TTFT would have exceeded (a right-censored
value, as survival analysis calls it). Left out, the slowest requests of all would make a target look fast. So ages count as
values, and a percentile that they could have moved up is marked as a lower bound.
"""

from typing import Any

from echosounder.load.figures.histogram import Grouped, Histogram
from echosounder.load.figures.interval import between_groups, interval, resolved
from echosounder.wire.latency import nearest_rank

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
WITH_INTERVAL = ("p50", "p95", "p99")
NEGLIGIBLE = 1.01  # a percentile that no requests given up could have moved by more stands as it is


def figures(seen: Histogram, given_up: Histogram | None = None) -> dict[str, Any] | None:
    """Milliseconds; None where nothing was seen. A percentile is None where fewer than one value lies above it.

    ``count``: values that were seen; ``censored``: requests, or streams, of which only the age when they were given up is
    known. ``at_least`` names what is a lower bound because of these. ``*_ci``: 95 % intervals, None where they cannot be told.
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
        f"{name}_ci": None if name in bounds else _interval(seen, every, name, shares[name]) for name in WITH_INTERVAL
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


def _together(seen: Histogram, given_up: Histogram | None) -> Histogram:
    if given_up is None or not given_up.count:
        return seen
    every = Histogram()
    every.merge(seen)
    every.merge(given_up)
    return every


def _hidden(seen: Histogram, every: Histogram, name: str, value: float) -> bool:
    """Would the percentile be another if all that was given up had taken for ever?"""
    rank = nearest_rank(PERCENTILES[name], every.count)
    return rank > seen.count or seen.rank(rank) > value * NEGLIGIBLE


def _interval(seen: Histogram, every: Histogram, name: str, value: float | None) -> list[float] | None:
    if isinstance(seen, Grouped):
        return between_groups(seen.groups, value, PERCENTILES[name]) if value else None
    ranks = interval(every.count, PERCENTILES[name])
    return None if ranks is None or ranks[1] > seen.count else [every.rank(ranks[0]), seen.rank(ranks[1])]
