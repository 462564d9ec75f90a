"""Definitions of a request's latencies, as data, for single samples and for columns of many."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress
from operator import attrgetter
from typing import Any

from echosounder.load.sample import NO_TOKEN, NOT_FINISHED, Sample
from echosounder.wire.latency import SPANS, Span
from echosounder.wire.stream import StreamEnd

REJECTED, TRUNCATED, FAILED, COMPLETED, IN_FLIGHT = "rejected", "truncated", "failed", "completed", "in_flight"
# Ends that count as complete: the answer was finished, with or without `[DONE]`.
_OUTCOMES = {
    StreamEnd.DONE: COMPLETED,
    StreamEnd.FINISH_WITHOUT_DONE: COMPLETED,
    StreamEnd.EOF_WITHOUT_FINISH: TRUNCATED,
    StreamEnd.CHUNK_TRUNCATED: TRUNCATED,
    StreamEnd.REFUSED: REJECTED,
    StreamEnd.CLIENT_CANCELLED: IN_FLIGHT,
}


METRICS = ("gap", "tpot", *SPANS, "keepalive_interval")
# Latencies of which an abandoned request gives a lower bound, its age. Not those of optional parts, such as reasoning.
CENSORED = ("ttft", "ttft_from_schedule", "ttft_with_connect", "headers", "e2e", "e2e_from_schedule", "gap")
FROM_SCHEDULE = (
    "ttft_from_schedule",
    "e2e_from_schedule",
)  # known to be long of requests that were never sent
GIVEN_UP = (StreamEnd.CLIENT_CANCELLED, StreamEnd.IDLE_TIMEOUT)  # ended by the client, not by the target
_NAMES = tuple(dict.fromkeys(stamp for name, span in SPANS.items() if name != "keepalive" for stamp in span[:2]))
_row = attrgetter(*_NAMES)
_STAMPS = {name: attrgetter(span.since, span.until) for name, span in SPANS.items()}


def outcome(sample: Sample) -> str:
    """The kind of end for ``counts``. A reset after the first byte is a truncated answer, before it a failed request. Requests cancelled
    by us are in flight, not failed, except those that the drain awaited in vain.
    """
    if sample.failure == NO_TOKEN:
        return FAILED
    if sample.end is StreamEnd.DONE:
        return COMPLETED
    if sample.end is StreamEnd.RESET:
        return TRUNCATED if sample.t_first_byte is not None else FAILED
    if sample.failure == NOT_FINISHED:
        return FAILED
    return _OUTCOMES.get(sample.end, FAILED)


def columns_us(samples: Sequence[Sample], outcomes: Sequence[str]) -> dict[str, list[int]]:
    """Every latency except gaps, of every sample that has it, µs; ``outcomes`` are those of the samples.

    All stamps of a sample are read at once: each request is counted while others are being measured.
    """
    columns = dict(zip(_NAMES, zip(*map(_row, samples), strict=True), strict=False)) if samples else {}
    whole = [kind == COMPLETED for kind in outcomes]
    made = {name: [] if name == "keepalive" else _between(columns, span, whole) for name, span in SPANS.items()}
    kept = [sample for sample in samples if sample.t_first_keepalive is not None]
    made["keepalive"] = column_us("keepalive", kept)
    made["keepalive_interval"] = column_us("keepalive_interval", kept)
    made["tpot"] = [value for sample in compress(samples, whole) if (value := tpot_us(sample)) is not None]
    return made


def _between(columns: Mapping[str, Sequence[Any]], span: Span, whole: Sequence[bool]) -> list[int]:
    pairs = zip(columns.get(span.since, ()), columns.get(span.until, ()), strict=True)
    return _differences(compress(pairs, whole) if span.whole else pairs)


def _differences(pairs: Iterable[tuple[int | None, int | None]]) -> list[int]:
    return [
        (until - since) // 1000 if until > since else 0
        for since, until in pairs
        if until is not None and since is not None
    ]


def column_us(name: str, samples: Iterable[Sample]) -> list[int]:
    """One latency of every sample that has it, µs; not for ``gap``, of which a request has many values."""
    if name in _OF_ONE:
        return [value for sample in samples if (value := _OF_ONE[name](sample)) is not None]
    if SPANS[name].whole:
        samples = (sample for sample in samples if outcome(sample) == COMPLETED)
    return _differences(map(_STAMPS[name], samples))


def ages_us(name: str, samples: Iterable[Sample]) -> list[int]:
    """Lower bounds for a latency of :data:`CENSORED` from requests that were abandoned before it was known, µs."""
    waits = ("t_last_token", "finish") if name == "gap" else SPANS[name][:2]
    over = attrgetter(*waits, "t_closed")
    return [
        max(closed - since, 0) // 1000
        for since, until, closed in map(over, samples)
        if since is not None and closed is not None and (until is None or until == closed)
    ]


def latencies_us(name: str, sample: Sample) -> Sequence[int]:
    """The values of one sample that an objective about this latency judges, µs."""
    return sample.gaps_us if name == "gap" else column_us(name, (sample,))


def tpot_us(sample: Sample) -> int | None:
    """(t_last - t_first) / (N - 1), N from the reported usage, else the events that carried output."""
    tokens = output_tokens(sample)
    first, last = sample.t_first_token, sample.t_last_token
    if tokens < 2 or first is None or last is None or outcome(sample) != COMPLETED:
        return None
    return (max(last - first, 0) // 1000) // (tokens - 1)


def keepalive_interval_us(sample: Sample) -> int | None:
    """The mean time between keep-alives of the request; None with fewer than two."""
    first, last = sample.t_first_keepalive, sample.t_last_keepalive
    if first is None or last is None or sample.keepalives < 2:
        return None
    return max(last - first, 0) // (sample.keepalives - 1) // 1000


def output_tokens(sample: Sample) -> int:
    """Output tokens as reported, else the number of events that carried output."""
    return (sample.usage.completion if sample.usage else None) or sample.token_events


_OF_ONE: dict[str, Callable[[Sample], int | None]] = {"tpot": tpot_us, "keepalive_interval": keepalive_interval_us}
