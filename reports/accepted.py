"""Effect of a baseline on a run, in the sentences of every output; the exit code depends on them."""

from collections.abc import Iterator, Mapping
from typing import Any

NAMED = 5


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Required changes to the baseline: stale and expired entries, each with its reason."""
    found = report.get("baseline", {})
    for name in found.get("stale", ()):
        yield (
            f"the baseline is stale: {name} passes, but is accepted as broken{_because(found, name)}, and so the run deviates;"
            " delete the entry, or give it `sometimes = true` where the fault comes and goes"
        )
    for name in found.get("expired", ()):
        yield (
            f"the baseline accepts {name} no longer{_because(found, name)}: the entry is past its date; fix the target,"
            " or give it a new date"
        )
    if names := found.get("unjudged"):
        named = ", ".join(f"{name}{_because(found, name)}" for name in names[:NAMED])
        yield (
            f"the run did not judge what the baseline accepts as {named}"
            f"{f' and {len(names) - NAMED} more' if len(names) > NAMED else ''}: try a larger --suite, or delete the entry"
        )


def _because(found: Mapping[str, Any], name: str) -> str:
    reason = found.get("reasons", {}).get(name)
    return f" ({reason})" if reason else ""
