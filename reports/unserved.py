"""Number of legal requests that a target served, those that it did not, and those without a verdict: the beginning of a check's report."""

from collections.abc import Iterator, Mapping
from typing import Any

SHOWN = 5


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """``Waited 312 s …`` if there was a limiter.

    Then ``POST /chat/completions: 61 of 74 legal requests served``, and the first of those that were not.
    """
    if waited := report.get("waited"):
        more = "; a longer --patience waits for the rest" if waited["over"] else ""
        yield f"Waited {waited['seconds']:g} s for a limiter: {waited['requests']} refused requests were sent again{more}"
    for row in report.get("served", ()):
        unserved = [f"{each['request']} ({each['outcome']})" for each in row["unserved"]]
        more = f" and {len(unserved) - SHOWN} more" if len(unserved) > SHOWN else ""
        but = f"; not {', '.join(unserved[:SHOWN])}{more}" if unserved else ""
        yield f"POST {row['path']}: {row['served']} of {row['legal']} legal requests served{but}"
    for path, number in report.get("unjudged", {}).items():
        yield f"POST {path}: {number} not judged: no wire format is known for this path"
