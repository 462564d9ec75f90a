"""Results on a limiter, for people: in sentences.

The member ``rate_limit`` of a load report; only what the design names must be in it, all else is shown where it is there.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from echosounder.reports.figures import number, percent
from echosounder.reports.text import line

Found = Mapping[str, Any]


def facts(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and value, most important first; empty if no limiter was searched for."""
    found = report["rate_limit"]
    if not found:
        return []
    rows = [(name, say(found)) for name, say in _FACTS.items()]
    return [(name, line(said, 500)) for name, said in rows if said]


def policies(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Result of each retry policy: policy, jobs done, given up, requests per job done, seconds, goodput per second."""
    return [
        (
            row["policy"].replace("-", " ") + " (recommended)" * row.get("recommended", False),
            f"{row['done']} of {row['jobs']}",
            number(row["abandoned"]),
            number(row["requests_per_job"]),
            number(row["seconds"]),
            number(row["goodput_per_s"]),
        )
        for row in (report["rate_limit"] or {}).get("policies", [])
    ]


def _kind(found: Found) -> str:
    numbers = (("limit", found["limit"]), ("window, s", found["window_s"]), ("burst", found["burst"]))
    known = ", ".join(f"{name} {number(value)}" for name, value in numbers if value is not None)
    return found.get("says") or f"{found['kind']}{': ' * bool(known)}{known}"


def _certain(found: Found) -> str:
    if "certain" not in found or found["kind"] == "unresolved":
        return ""
    return "yes" if found["certain"] else f"no: {'; '.join(found['doubts'])}"


def _bounds(found: Found) -> str:
    names = {"limit_ci": "limit", "window_ci": "window, s", "burst_ci": "burst"}
    known = ((name, found.get(key)) for key, name in names.items())
    return "; ".join(f"{name} {_range(*bounds)}" for name, bounds in known if bounds)


def _range(low: float, high: float) -> str:
    return number(low, 4) if low == high else f"{number(low, 4)} to {number(high, 4)}"


def _recovery(found: Found) -> str:
    recovery = found["recovery_s"]
    said = [] if recovery is None else [f"{number(recovery)} s"]
    if hysteresis := found.get("hysteresis"):
        said.append(f"after a refusal only when no more than {_range(*hysteresis['resumes_at'])} are in flight")
    if found.get("lag_s"):
        said.append(f"a place stays taken for {number(found['lag_s'])} s after its answer")
    if found.get("penalty_s"):
        said.append(f"nothing for {number(found['penalty_s'])} s after a refusal, and asking again renews that")
    return "; ".join(said)


def _retry_after(found: Found) -> str:
    said = found["retry_after"]
    if not isinstance(said, Mapping):
        return "" if said is None else str(said)
    if not said.get("present"):
        return "absent"
    verdict = {True: "true when put to the test", False: "not true", None: "not put to the test"}[said.get("honest")]
    return said.get("says") or f"{said.get('example')!r}, {verdict}"


def _announced(found: Found) -> str:
    words = {True: "as found", False: "not as found", None: "not compared"}
    rows = found.get("announced") or []
    return "; ".join(row["says"] or f"{number(row['limit'])} {row['what']}, {words[row['agrees']]}" for row in rows)


def _scope(found: Found) -> str:
    words = {True: "counted together", False: "counted apart", None: "not found out"}
    names = {"key": "two keys", "user_id": "two values of user_id", "model": "two models"}
    compared = [f"{names.get(name, name)} {words[value]}" for name, value in found.get("scope", {}).items()]
    return "; ".join([*compared, *filter(None, [found.get("scope_says")])])


def _refusals(found: Found) -> str:
    refusals = found.get("refusals") or {}
    if not refusals.get("count"):
        return "none"
    parts = [" and ".join(f"{count} with {status}" for status, count in refusals["statuses"].items())]
    parts += [f"in {number(refusals['latency_ms'])} ms", f"body: {(refusals['body'] or 'not kept').replace('-', ' ')}"]
    kept = refusals["kept_connection"]
    return ", ".join(parts) + ("" if kept is None else f", connection kept open by {percent(kept)}")


def _charge(found: Found) -> str:
    charge = found.get("charge")
    if not charge:
        return ""
    if charge["refused"] is None:
        return f"not found out: {charge['says']}"
    cost = charge["refused"] if Decimal(charge["refused"]) else "nothing"
    return f"{cost}, where an accepted one of a single token costs {charge['accepted']}"


def _queue(found: Found) -> str:
    queue = found.get("queue")
    return f"{queue['waited']} waited with keep-alives, up to {number(queue['longest_s'])} s" if queue else ""


def _fairness(found: Found) -> str:
    fairness = found.get("fairness")
    if not fairness:
        return ""
    users = (f"{name} got {row['admitted']} of {row['offered']}" for name, row in fairness["users"].items())
    return f"Jain's index {number(fairness['jain'])}: {', '.join(users)}"


def _clock(found: Found) -> str:
    skew = found.get("clock_skew_s")
    if skew is None or abs(skew) < 2:  # a second is rounding, and half of one is the way
        return ""
    word = "ahead of" if skew > 0 else "behind"
    return f"the target's is {number(abs(skew))} s {word} ours; dates of Retry-After are read by its own"


_FACTS = {
    "Limiter": _kind,
    "Certainty": _certain,
    "Bounds": _bounds,
    "Decisions explained": lambda found: (
        "" if found["kind"] in {"none", "unresolved"} else percent(found["confidence"])
    ),
    "Accepts again after": _recovery,
    "Retry-After": _retry_after,
    "Announced": _announced,
    "Scope": _scope,
    "Refusals": _refusals,
    "A refused request costs": _charge,
    "Queue": _queue,
    "Fairness": _fairness,
    "Clocks": _clock,
}


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """For a terminal and for Markdown: one fact per line, and the goodput of each retry policy."""
    yield from (f"{name}: {said}" for name, said in facts(report))
    rows = (report["rate_limit"] or {}).get("policies", [])
    if rows:
        yield f"Ways of retrying: {'; '.join(map(_way, rows))}"


def _way(row: Found) -> str:
    name = row["policy"].replace("-", " ") + " (recommended)" * row.get("recommended", False)
    given_up = f", {number(row['abandoned'])} given up" if row["abandoned"] else ""
    return f"{name} {row['done']} of {row['jobs']} jobs in {number(row['seconds'])} s{given_up}"
