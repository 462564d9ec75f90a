"""What a request's latencies are: every definition once, as data, for one sample and for columns of many."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple

from load.sample import NOT_FINISHED, Sample
from wire.stream import StreamEnd

REJECTED, TRUNCATED, FAILED, COMPLETED, IN_FLIGHT = "rejected", "truncated", "failed", "completed", "in_flight"
# What a client may call complete: an answer that said it was finished, `[DONE]` or not.
_OUTCOMES = {
    StreamEnd.DONE: COMPLETED,
    StreamEnd.FINISH_WITHOUT_DONE: COMPLETED,
    StreamEnd.EOF_WITHOUT_FINISH: TRUNCATED,
    StreamEnd.CHUNK_TRUNCATED: TRUNCATED,
    StreamEnd.REFUSED: REJECTED,
    StreamEnd.CLIENT_CANCELLED: IN_FLIGHT,
}


class Span(NamedTuple):
    """From one stamp to another; ``whole``: only of complete answers, because a cut one is not fast."""

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
METRICS = ("gap", "tpot", *SPANS)
_STAMPS = {name: attrgetter(span.since, span.until) for name, span in SPANS.items()}


def outcome(sample: Sample) -> str:
    """The kind of end that ``counts`` counts. A reset after the first byte is a truncated answer, before it a failed request.

    What we cancelled is in flight and nobody's fault, but for what the drain waited for in vain.
    """
    if sample.end is StreamEnd.RESET:
        return TRUNCATED if sample.t_first_byte is not None else FAILED
    if sample.failure == NOT_FINISHED:
        return FAILED
    return _OUTCOMES.get(sample.end, FAILED)


def column_us(name: str, samples: Iterable[Sample]) -> list[int]:
    """A latency of every sample that has it, µs; ``gap`` is none of them: a request has many."""
    if name == "tpot":
        return [value for sample in samples if (value := tpot_us(sample)) is not None]
    if SPANS[name].whole:
        samples = (sample for sample in samples if outcome(sample) == COMPLETED)
    stamps = map(_STAMPS[name], samples)
    return [max(until - since, 0) // 1000 for since, until in stamps if since is not None and until is not None]


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


def output_tokens(sample: Sample) -> int:
    """As reported, else the events that carried output."""
    return (sample.usage.completion if sample.usage else None) or sample.token_events
