"""Effect of a cache hit on the time to first token, from two groups of times, without assumptions about their distribution."""

from collections.abc import Sequence
from functools import cache
from itertools import combinations
from math import comb
from statistics import median
from typing import Any

SURE = 0.95
EXACT_UP_TO = 20_000  # number of ways to split the times into two groups


def compared(cold: Sequence[float], warm: Sequence[float]) -> dict[str, Any] | None:
    """``cold_ms``, ``warm_ms``: medians; ``saved_ms``: reduction of the time to first token (Hodges–Lehmann: median of all
    differences), with ``saved_ci``, its interval of at least 95 % by the rank-sum test (None if the groups are too small); ``p``:
    probability of a rank sum this large by chance. None with fewer than two values of either.
    """
    if len(cold) < 2 or len(warm) < 2:
        return None
    differences = sorted(a - b for a in cold for b in warm)
    out = _left_out(len(cold), len(warm))
    low, high = (None, None) if out is None else (round(differences[out], 3), round(differences[-1 - out], 3))
    return {
        "cold_ms": round(median(cold), 3),
        "warm_ms": round(median(warm), 3),
        "pairs": min(len(cold), len(warm)),
        "saved_ms": round(median(differences), 3),
        "saved_ci": [low, high],
        "p": _chance(cold, warm),
    }


def _left_out(many: int, few: int) -> int | None:
    """Number of differences outside the interval at each end: the greatest number that occurs by chance with a
    probability below 2.5 %.
    """
    below, total = 0.0, comb(many + few, many)
    for rank in range(many * few + 1):
        below += _ways(many, few, rank) / total
        if below > (1 - SURE) / 2:
            return rank - 1 if rank else None
    return None


@cache
def _ways(many: int, few: int, rank: int) -> int:
    """Number of orders of two groups in which one precedes the other in *rank* pairs: the distribution of Mann and Whitney's U."""
    if rank < 0 or rank > many * few:
        return 0
    if not many or not few:
        return int(rank == 0)
    return _ways(many - 1, few, rank - few) + _ways(many, few - 1, rank)


def _chance(cold: Sequence[float], warm: Sequence[float]) -> float | None:
    pool = [*cold, *warm]
    if comb(len(pool), len(cold)) > EXACT_UP_TO:
        return None
    found = sum(sum(chosen) >= sum(cold) for chosen in combinations(pool, len(cold)))
    return round(found / comb(len(pool), len(cold)), 4)
