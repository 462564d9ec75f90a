"""What one exchange of a load run breaks by itself: the checks of a conformance run that look at one exchange at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from echosounder import specs
from echosounder.judgement.answers import wants_stream
from echosounder.judgement.catalogue import checks, matching
from echosounder.judgement.check import Case
from echosounder.judgement.score import judge
from echosounder.wire.exchange import Exchange
from echosounder.wire.verdict import Verdict

# The probe whose request is like ours, by the end of the path and whether it streams: its requirements hold for any such request.
_LIKE = {
    ("/chat/completions", False): "chat.basic",
    ("/chat/completions", True): "chat.stream.usage",
    ("/beta/completions", False): "fim.basic",
    ("/beta/completions", True): "fim.basic.stream",
}


def broken(exchange: Exchange, case: Case) -> Iterator[str]:
    """The MUSTs that *exchange* breaks, by id; those that compare several are for a conformance run. None where no probe is like it."""
    probe = like(exchange)
    if probe is None:
        return
    exchange = replace(exchange, probe=probe)
    for row in _requirements(case.profile, probe):
        if judge(row, checks()[row.id], [exchange], case).verdict is Verdict.FAIL:
            yield row.id


def like(exchange: Exchange) -> str | None:
    ways = (
        probe for (end, streams), probe in _LIKE.items() if streams is wants_stream(exchange) and _ends(exchange, end)
    )
    return next(ways, None)


def _ends(exchange: Exchange, end: str) -> bool:
    return exchange.request.path.endswith(end)


@cache
def _requirements(profile: str, probe: str) -> tuple[specs.Requirement, ...]:
    """What the answers to a probe must keep, each by itself."""
    rows = (row for row in specs.requirements(profile) if row.id in checks() and not row.excluded)
    return tuple(row for row in rows if checks()[row.id].single and any(matching(row.probes, [probe])))
