"""What a baseline makes of a run, in sentences that every output has: on these the exit code depends."""

from collections.abc import Iterator, Mapping
from typing import Any

NAMED = 5


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """What has to be done about the baseline: entries whose requirements pass again, and entries past their date."""
    found = report.get("baseline", {})
    for id in found.get("stale", ()):
        yield (
            f"the baseline is stale: {id} passes, but is accepted as broken, and so the run deviates; delete the entry,"
            " or give it `sometimes = true` where the fault comes and goes"
        )
    for id in found.get("expired", ()):
        yield f"the baseline accepts {id} no longer: the entry is past its date; fix the target, or give it a new date"
    if ids := found.get("unjudged"):
        yield (
            f"the run did not judge what the baseline accepts as {', '.join(ids[:NAMED])}"
            f"{f' and {len(ids) - NAMED} more' if len(ids) > NAMED else ''}: try a larger --suite, or delete the entry"
        )
