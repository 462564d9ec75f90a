"""Latencies of a request: each from one stamp to another, defined once, and the quantile used for all of them.

TTFT is the first content, reasoning or tool delta after ``t_sent``; E2E is of complete answers alone, for one that was cut is not fast.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple, TypeVar

from echosounder.wire.stream import StreamEnd

COMPLETE = frozenset({StreamEnd.DONE, StreamEnd.FINISH_WITHOUT_DONE})
"""The ends of an answer that said it was finished, with its closing marker or without."""

T = TypeVar("T", int, float)


class Span(NamedTuple):
    """A span from one stamp to another; ``whole``: only of complete answers, because a truncated one is not fast."""

    since: str
    until: str
    whole: bool = False


SPANS = {
    "ttft": Span("t_sent", "t_first_token"),
    "ttft_from_schedule": Span("t_scheduled", "t_first_token"),
    "e2e": Span("t_sent", "t_closed", whole=True),
    "e2e_from_schedule": Span("t_scheduled", "t_closed", whole=True),
    "dispatch_delay": Span("t_scheduled", "t_dispatched"),
    "connect": Span("t_dispatched", "t_connected"),
    "keepalive": Span("t_first_keepalive", "t_kept_alive"),
    "ttft_with_connect": Span("t_dispatched", "t_first_token"),
    "reasoning_ttft": Span("t_sent", "t_first_reasoning"),
    "headers": Span("t_sent", "t_headers"),
}


def nearest_rank(share: float, count: int) -> int:
    """The rank, from 1, of a quantile of *count* values: always that of a measured value."""
    return max(ceil(share * count), 1)


def quantile(ordered: Sequence[T], share: float) -> T | None:
    """The nearest-rank quantile of ascending values; None without values."""
    return ordered[nearest_rank(share, len(ordered)) - 1] if ordered else None


def complete(sample: Mapping[str, Any]) -> bool:
    """Whether the answer of a logged sample is complete; a sample without a recorded end is complete if it did not fail."""
    return sample["end"] in COMPLETE if "end" in sample else not sample.get("failure")


def spans_ms(name: str, samples: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    """One latency for every sample of a log that has it, in the order of the log."""
    since, until, whole = SPANS[name]
    for sample in samples:
        if since in sample and until in sample and (complete(sample) or not whole):
            yield (sample[until] - sample[since]) / 1e6


def mean_gaps_ms(samples: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    """The mean time between two events with output, of every sample of a log that has two reads of them.

    Not between two reads: a busy client reads several events at once, and fewer gaps in the same time are not a slower answer.
    """
    return (sum(gaps) / steps(sample) / 1e3 for sample in samples if (gaps := sample.get("gaps_us")))


def steps(sample: Mapping[str, Any]) -> int:
    """Number of gaps between events with output; at least the number between reads, if a log does not count events."""
    return max(len(sample.get("gaps_us") or ()), int(sample.get("token_events") or 0) - 1)
