"""Outcomes of the requests: a verdict separate from that of the measurement, which rates the reliability of the figures.

A run can be measured well but served badly, such as a valid measurement of an endpoint that cuts every fourth stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from echosounder.load.sample import NO_TOKEN

ORDER = ("served", "impaired", "broken")
UNENDED = (
    "idle-timeout",
    "total-timeout",
    "reset",
    "eof-without-finish",
    "chunk-truncated",
    "error-event",
    "not-finished",
    "protocol-error",
    "too-large",
)
TURNED_AWAY = ("http-429", "http-503")
TOGETHER, FEWEST = 0.9, 100
"""Share of events read together with others, and their minimum number, from which streams count as buffered."""


@dataclass(frozen=True, slots=True)
class FailureShare:
    """A kind of failure: its classes, the share at which it invalidates a run, and its sentence."""

    classes: tuple[str, ...]
    broken: float
    says: str

    def of(self, failures: Mapping[str, int]) -> dict[str, int]:
        return {name: count for name, count in failures.items() if name in self.classes}


SHARES = (
    FailureShare(UNENDED, 0.01, "did not end properly, as load.streams-complete requires"),
    FailureShare((NO_TOKEN,), 0.01, "ended without a token"),
    FailureShare(TURNED_AWAY, 0.2, "were refused for lack of capacity"),
)


def judge(sent: int, failures: Mapping[str, int], stream: Mapping[str, int], gap_ms: float | None) -> dict[str, object]:
    """``{"verdict", "reasons"}`` of a run with requests; *stream* has the counts of token events and of their reads."""
    found = [*_failed(sent, failures), *_buffered(stream, gap_ms)]
    worst = max((ORDER.index(grade) for grade, _ in found), default=0)
    return {"verdict": ORDER[worst], "reasons": [says for _, says in found]}


def _failed(sent: int, failures: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    refused = tuple(name for name in failures if name.startswith("http-") and name not in TURNED_AWAY)
    for each in (*SHARES, FailureShare(refused, 0.01, "were refused or failed")):
        mine = each.of(failures)
        if sent and (count := sum(mine.values())):
            how = ", ".join(f"{number} {name}" for name, number in sorted(mine.items(), key=lambda item: -item[1]))
            grade = "broken" if count / sent >= each.broken else "impaired"
            yield grade, f"{count} of {sent} requests ({count / sent:.1%}) {each.says}: {how}"


def _buffered(stream: Mapping[str, int], gap_ms: float | None) -> Iterator[tuple[str, str]]:
    events, reads = stream["token_events"], stream["token_reads"]
    if events >= FEWEST and (share := 1 - reads / events) >= TOGETHER:
        cost = f", {gap_ms:.0f} ms apart" if gap_ms else ""
        yield (
            "impaired",
            f"{share:.0%} of {events} events came in a read with others: streams come in {reads} pieces{cost}",
        )
