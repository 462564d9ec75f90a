"""Detects a queue in front of the target, in which excess requests wait instead of being refused, with or without keep-alives."""

from collections.abc import Iterator
from typing import NamedTuple

from echosounder.judgement.limiter import LimiterKind
from echosounder.load.experiment.script import DueRequest, Script
from echosounder.load.limits.bench import HOLD, Bench, fill
from echosounder.load.limits.seen import Fit, Range
from echosounder.load.sample import Sample

LONG_WAIT = (
    0.1  # s beyond the usual time to first token after which a request may have waited in a queue without keep-alives
)
LONGER = 3  # factor for a hold that was too short


def queued(bench: Bench, held: list[DueRequest]) -> Fit | None:
    """Detects a queue: some requests waited, with keep-alives or for long, and at most a fixed number received data at a time. Only the
    excess requests can have waited; if more did, the target is slow for all of them.
    """
    spans = _spans(bench, held)
    waiting = len(list(_waiting(bench, spans)))
    served = max(
        (sum(each.first <= at < each.last - bench.slack for each in spans) for _, at, _, _ in spans), default=0
    )
    return Fit(LimiterKind.QUEUE, 0.0, Range(served, served)) if 0 < waiting <= len(spans) - served else None


def held_for_longer(bench: Bench, held: list[DueRequest]) -> Script[list[DueRequest]]:
    """Repeats the experiment with longer answers if the first request ended too early: before all were in flight, or when requests that
    had waited without a keep-alive received their first token. Else returns *held* unchanged.
    """
    spans = _spans(bench, held)
    waiting, ended = list(_waiting(bench, spans)), min((span.last for span in spans), default=0.0)
    silent = any(not span.keepalives for span in waiting)
    if not silent and (waiting or ended > max((outcome.answered for outcome in bench.book.of(held)), default=0.0)):
        return held
    queue = queued(bench, held)
    most = 2 * round(queue.limit.high) + 2 if queue and queue.limit else bench.goal.in_flight
    bench.hold = min(LONGER * bench.hold, HOLD[1])
    again = yield from fill(bench, min(most, bench.goal.in_flight))
    yield from bench.book.closed(again)
    return again


class _Span(NamedTuple):
    """Times of a request and of its first and last token, s."""

    sent: float
    first: float
    last: float
    keepalives: int


def _spans(bench: Bench, held: list[DueRequest]) -> list[_Span]:
    found = (_span(outcome.sample) for outcome in bench.book.of(held) if outcome.sample)
    return [span for span in found if span is not None]


def _span(sample: Sample) -> _Span | None:
    if sample.t_sent is None or sample.t_first_token is None or sample.t_last_token is None:
        return None
    return _Span(sample.t_sent / 1e9, sample.t_first_token / 1e9, sample.t_last_token / 1e9, sample.keepalives)


def _waiting(bench: Bench, spans: list[_Span]) -> Iterator[_Span]:
    """The requests that waited in a queue: their first token came late, after another answer had ended. A busy target
    would be slow for all.
    """
    ended = min((span.last for span in spans), default=0.0) - bench.slack
    usual = bench.ttft + LONG_WAIT
    return (span for span in spans if span.first >= ended and (span.keepalives or span.first - span.sent > usual))
