"""The member ``capacity`` of ``report.json``: the answer with its interval, and the result of each level."""

from typing import Any

from echosounder.load.capacity.holding import STEADY
from echosounder.load.capacity.hunting import CLIENT, Hunt, Watched
from echosounder.load.figures.members import metrics
from echosounder.load.figures.tally import Tally

UNITS = {True: "users", False: "requests/s"}


def capacity(state: Hunt) -> dict[str, Any]:
    """``interval`` of the highest level that meets the objectives (95 % CI); an end that was not found is None, and ``limit`` states
    why.

    ``limit``: target, client, range (the highest allowed level still met the objectives), or the cause that stopped the search. The
    ends are widened by the resolution of the measurement.
    """
    low, high = state.search.bracket.low, state.search.bracket.high
    return {
        "unit": UNITS[state.closed_loop],
        "interval": [_outward(state, low, -1), _outward(state, high, 1)],
        "confidence": 0.95,
        "limit": _limit(state),
        "says": says(state),
        "objectives": [slo.expr for slo in state.slos],
        "requests": state.asked,
        "levels": [_level(watched) for watched in sorted(state.watched, key=lambda each: each.level)],
    }


def _outward(state: Hunt, level: float | None, side: int) -> float | None:
    """Widen the ends of an interval of rates by the growth too slow to be detected; numbers of users are exact."""
    if level is None or state.closed_loop:
        return level
    return float(f"{level * (1 + side * STEADY / 1000):.4g}")


def _limit(state: Hunt) -> str:
    if state.by_client:
        return "client"
    if state.stopped is not None:
        return state.stopped.kind
    return "range" if state.search.bracket.high is None else "target"


def says(state: Hunt) -> str:
    """``41 to 44 requests/s, 95 %``, or the partial result."""
    unit = UNITS[state.closed_loop]
    low, high = (
        _outward(state, each, side) for each, side in ((state.search.bracket.low, -1), (state.search.bracket.high, 1))
    )
    if low is not None and high is not None:
        return f"{low:.4g} to {high:.4g} {unit}, 95 %"
    if high is not None:
        return f"below {high:.4g} {unit}: no level met the objectives"
    known = f"at least {low:.4g} {unit}" if low is not None else "not found"
    return known + {
        "client": ": the client, not the target, limits higher loads",
        "range": ": the highest level of the range still met the objectives",
    }.get(_limit(state), f": {state.stopped.reason}" if state.stopped else "")


def _level(watched: Watched) -> dict[str, Any]:
    tally = Tally()
    tally.samples(watched.samples)
    seconds = watched.end - watched.steady
    error = {"p50": None, "p99": None, "ttft_p99": None}
    found = metrics(tally, error)
    return {
        "level": watched.level,
        "verdict": watched.verdict,
        "why": watched.why,
        "from_s": round(watched.begin, 3),
        "steady_s": round(watched.steady, 3),
        "until_s": round(watched.end, 3),
        "sent": watched.sent,
        "judged": len(watched.samples),
        "completed_per_s": round(tally.counts["completed"] / seconds, 3) if seconds > 0 else None,
        "failed": sum(tally.counts[name] for name in ("failed", "rejected", "truncated")),
        "late_ms": round(watched.late_ms, 3),
        "limiter": CLIENT if watched.verdict == CLIENT else "rejected" if tally.counts["rejected"] else None,
        "held": [{"expr": row.expr, "beyond": row.beyond, "of": row.of, "met": row.met} for row in watched.held],
        "metrics": {name: found[name] for name in ("ttft_ms", "ttft_from_schedule_ms", "gap_ms", "e2e_ms")},
    }
