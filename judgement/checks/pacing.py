"""Timing of the events of a stream: sent as they are produced, not held back, with the end at the end."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement import unasked
from echosounder.judgement.answers import events, stream
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, Untestable, check, check_group
from echosounder.judgement.checks.framing import marked, marker
from echosounder.wire import sse
from echosounder.wire.exchange import End, Exchange, Observed


@check("stream.closes-after-done", marked, rests=[Observed.TIMES])
def closes_after_done(exchange: Exchange, case: Case) -> Problems:
    done = next(stamped for stamped in exchange.events if exchange.data[stamped.index] == marker(exchange))
    if exchange.t_closed is None:
        raise Inconclusive("the log does not say when the stream was closed")
    seconds = (exchange.t_closed - done.at) / 1e9
    if seconds > 1 or exchange.end in {End.IDLE_TIMEOUT, End.TOTAL_TIMEOUT}:
        yield Problem(f"the body was still open {seconds:.1f} s after [DONE], expected at most 1 s", event=done.index)


def _stamps(exchange: Exchange) -> list[int]:
    return [stamped.at for stamped in exchange.events]


@check_group("stream.unbuffered", events, rests=[Observed.TIMES])
def unbuffered(exchanges: Sequence[Exchange], case: Case) -> Problems:
    """Judged by shares of the streams' own duration; a stream that arrives in a burst only counts if there was time to send it
    gradually.

    A slow start looks like buffering. A buffered answer takes as long as the whole generation: a shorter one arrives sooner, one of the
    same length does not.
    """
    spreads = _spreads(exchanges)
    late = held_back(spreads, exchanges)
    for exchange, spread in late:
        yield Problem(
            f"{spread.events} events arrived within {spread.span_ms:.0f} ms after a wait of {spread.wait_ms:.0f} ms: "
            "expected each event as soon as it is generated",
            event=0,
            exchange=exchange,
            cause=HELD_BACK,
        )
    if not late and all(spread.late for _, spread in spreads):
        raise Inconclusive(TOO_SHORT)


@check_group("stream.flows", events, rests=[Observed.TIMES])
def flows(exchanges: Sequence[Exchange], case: Case) -> Problems:
    """One or two streams may be delayed in transit or by a busy machine; if all long ones are late, the server or the proxy buffers
    them.
    """
    spreads = [each for each in _spreads(exchanges) if each[1].long]
    late = held_back(spreads, exchanges)
    if len(spreads) < FEWEST:
        raise Inconclusive(f"fewer than {FEWEST} streams had enough events over enough time to tell")
    if len(late) == len(spreads):
        exchange, spread = late[0]
        yield Problem(
            f"each of {len(late)} streams came in one piece or in lumps: {spread.events} events in {spread.reads} reads, the first after "
            f"{spread.wait_ms:.0f} ms",
            event=0,
            exchange=exchange,
            cause=HELD_BACK,
        )


FEWEST = 3
"""Streams that are long in time, of which none flows, before the target is blamed."""
HELD_BACK = "streams are held back"
TOO_SHORT = "no stream had enough events over a long enough time to judge"


def _spreads(exchanges: Sequence[Exchange]) -> list[tuple[Exchange, _Spread]]:
    return [(exchange, spread) for exchange in exchanges if (spread := _spread(exchange)) is not None]


def held_back(
    spreads: Sequence[tuple[Exchange, _Spread]], exchanges: Sequence[Exchange]
) -> list[tuple[Exchange, _Spread]]:
    """The *spreads* of long streams that arrived late without another explanation in *exchanges*."""
    everyone = [spread for _, spread in spreads]
    late = [each for each in spreads if each[1].late and each[1].long]
    return [each for each in late if not _slow_start(*each, exchanges) and not _outrun(each[1], everyone)]


def _slow_start(exchange: Exchange, spread: _Spread, exchanges: Sequence[Exchange]) -> bool:
    """Comments came before the burst, or a much shorter stream waited just as long."""
    if any(isinstance(stamped.item, sse.Comment) and stamped.at < exchange.events[0].at for stamped in exchange.items):
        return True
    short = [each for each in exchanges if each.t_sent is not None and len(each.events) * 2 < spread.events]
    return any((each.events[0].at - (each.t_sent or 0)) / 1e6 > 0.6 * spread.wait_ms for each in short)


def _outrun(spread: _Spread, everyone: Sequence[_Spread]) -> bool:
    """Another stream, as long, came whole in little of that time: so long does its making not take, and a machine was busy."""
    return any(
        each.events >= 0.9 * spread.events and each.wait_ms + each.span_ms < 0.6 * spread.wait_ms for each in everyone
    )


STARVED_MS = 15
"""Time between the reads of a process that shares its core with some others: a time slice of each."""


class _Spread:
    """How the events of a stream lie in its time."""

    def __init__(self, stamps: list[int], sent: int) -> None:
        self.events = len(stamps)
        self.wait_ms = (stamps[0] - sent) / 1e6
        self.span_ms = (stamps[-1] - stamps[0]) / 1e6
        self.reads = len(set(stamps))

    @property
    def long(self) -> bool:
        """Enough time for the events of an honest server to be apart."""
        return self.wait_ms + self.span_ms >= 150

    @property
    def late(self) -> bool:
        """One burst at the end, or a few lumps as large as a buffer; a reader that is not scheduled for less than `STARVED_MS` sees
        lumps too.
        """
        burst = self.span_ms < 0.1 * self.wait_ms and self.reads <= max(2, self.events // 8)
        lumps = self.reads * 6 <= self.events and self.span_ms > STARVED_MS * (self.reads - 1)
        return burst or lumps


def _spread(exchange: Exchange) -> _Spread | None:
    stamps = _stamps(exchange)
    if exchange.t_sent is None or len(stamps) < 24:
        return None
    return _Spread(stamps, exchange.t_sent)


@check_group("stream.headers-early", events, rests=[Observed.TIMES])
def headers_early(exchanges: Sequence[Exchange], case: Case) -> Problems:
    """A busy machine can delay a stream; the fastest stream shows the target's own time."""
    known = [
        (e, e.t_headers, e.t_sent, e.events[0].at)
        for e in exchanges
        if e.t_headers is not None and e.t_sent is not None
    ]
    if not known:
        raise Inconclusive("the log does not say when the headers came")
    together = [exchange for exchange, headers, _, first in known if first - headers < 1e6]
    if min(first - sent for _, _, sent, first in known) < 50e6:
        if len(together) == len(known):
            raise Inconclusive("the first event came too soon to tell its time from that of the headers")
        return
    for exchange in together:
        yield Problem(
            "the headers arrived together with the first event, expected before it", event=0, exchange=exchange
        )


@check("stream.uncompressed-flush", stream, unasked=unasked.of("chat", "fim"), rests=[Observed.TIMES])
def flushed(exchange: Exchange, case: Case) -> Problems:
    if not exchange.header("content-encoding"):
        if not exchange.body:
            raise Untestable("nothing came")
        return  # nothing is held back by a compression that is not there
    if not exchange.events:
        yield Problem("the compressed stream does not decompress to events", offset=0)
        return
    spread = _spread(exchange)
    if spread is None or (spread.late and not spread.long):
        raise Inconclusive("the compressed stream was too short to judge")
    if spread.late:
        yield Problem(f"compression held {spread.events} events back into {spread.reads} reads", event=0)
