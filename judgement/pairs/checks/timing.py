"""Timing through a proxy: write stamps of the upstream compared with read stamps of the client, on one clock."""

from __future__ import annotations

from collections.abc import Iterator

from echosounder.judgement.answers import wants_stream
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems
from echosounder.judgement.pairs.check import at, check
from echosounder.judgement.pairs.pair import Pair
from echosounder.wire.exchange import End
from echosounder.wire.sse import Comment
from echosounder.wire.stream import StreamEnd, stream_end, timeline
from echosounder.wire.strict_json import at as member

MS = 1_000_000
FAR = 40 * MS
"""Writes nearer to each other than this say nothing about buffering on a busy machine, ns."""
SHARE = 0.5
"""Of the events may be late because the machine was busy; a proxy that buffers delays nearly all of them."""


def content(pair: Pair) -> Iterator[tuple[int, int]]:
    """``(written, read)`` of the events that carry text, as far as both sides have them."""
    sides = [
        [
            stamped.at
            for stamped in side.events
            if member(dict(side.chunks).get(stamped.index), "choices", 0, "delta", "content")
        ]
        for side in (pair.source, pair.client)
    ]
    return zip(*sides, strict=False)


@check("proxy.unbuffered", at("paced", "paced-gzip"))
def unbuffered(pair: Pair, case: Case) -> Problems:
    """An event is late if the client receives it only after the upstream has written the next but one event.

    A buffer that delays events by less produces regular bursts: most neighbours are read together although they were written far apart.
    """
    times = list(content(pair))
    apart = [index for index in range(len(times) - 1) if times[index + 1][0] - times[index][0] >= FAR]
    shared = [index for index in apart if times[index][1] == times[index + 1][1]]
    judged = [index for index in range(len(times) - 2) if times[index + 2][0] - times[index][0] >= FAR]
    if len(judged) < 5:
        raise Inconclusive(f"only {len(judged)} events were far enough apart to judge")
    late = [index for index in judged if times[index][1] >= times[index + 2][0]]
    bursting = len(apart) >= 5 and len(shared) > SHARE * len(apart)
    if len(late) <= SHARE * len(judged) and not bursting:
        return
    worst = max(read - written for written, read in times)
    bursts = len({read // (10 * MS) for _, read in times})
    where = "the whole stream came at its end" if bursts <= 2 else f"{len(times)} events came in {bursts} bursts"
    coding = ", compressed" if pair.client.header("content-encoding") else ""
    how = (
        f"{len(late)} of {len(judged)} events reached the client two events late"
        if len(late) > SHARE * len(judged)
        else f"{len(shared)} of {len(apart)} events came together with the next, which was written {FAR // MS} ms later or more"
    )
    yield Problem(
        f"buffered{coding}: {how}, up to {worst / 1e6:.0f} ms late; {where}",
        event=(late or shared)[0],
        cause=f"stream buffered{coding}",
    )


@check("proxy.keepalives-pass", at("quiet-start"))
def keepalives_pass(pair: Pair, case: Case) -> Problems:
    """Counted while the upstream sends nothing else."""
    begin = timeline(pair.source).t_first_event or 0
    written = _comments(pair.source.items, begin)
    got = [stamped for read in pair.client.reads if (stamped := read.at) < begin]
    if len(written) < 3:
        raise Inconclusive(f"the upstream sent {len(written)} keep-alive comments before its first event")
    if len(got) < len(written) // 2:
        start = pair.source.t_headers or begin
        yield Problem(
            f"the upstream sent {len(written)} keep-alive comments in {(begin - start) / 1e6:.0f} ms, "
            f"the client got {len(got)} reads in that time",
            cause="keep-alives swallowed",
        )


def _comments(items: tuple[object, ...], before: int) -> list[object]:
    return [
        each for each in items if isinstance(getattr(each, "item", None), Comment) and getattr(each, "at", 0) < before
    ]


@check("proxy.headers-at-once", at("quiet-start"))
def headers_at_once(pair: Pair, case: Case) -> Problems:
    written, got, event = pair.source.t_headers, pair.client.t_headers, timeline(pair.source).t_first_event
    if written is None or got is None or event is None or event <= written + FAR:
        raise Inconclusive("the head and the first event of the upstream did not lie apart")
    if got >= event:
        delay = (got - written) / 1e6
        yield Problem(
            f"the head of the stream came {delay:.0f} ms after the upstream wrote it, with its first event",
            cause="head held back",
        )


@check("proxy.status-not-early", at("late", "429-stream-late", "500-stream-late"))
def status_not_early(pair: Pair, case: Case) -> Problems:
    """A write is stamped when it is complete, so a read may be stamped slightly earlier."""
    written, got, status = pair.source.t_headers, pair.client.t_headers, pair.client.status or 500
    if status < 400 and written is not None and got is not None and got < written - FAR:
        yield Problem(
            f"the client had status {pair.client.status} {(written - got) / 1e6:.0f} ms before the upstream wrote "
            f"its own ({pair.source.status})",
            cause="status committed early",
        )


GAVE_UP = frozenset({None, 408, 502, 503, 504, 522, 524})
"""What proxies say, or do not say, when they have waited long enough."""


@check("proxy.silence-tolerated", lambda pair: pair.arrived and pair.step in {"late", "quiet-start"})
def silence_tolerated(pair: Pair, case: Case) -> Problems:
    if pair.client.status not in GAVE_UP:
        return
    after = ((pair.client.t_closed or 0) - (pair.client.t_sent or 0)) / 1e6
    yield Problem(
        f"{pair.step}: gave up after {after:.0f} ms while the upstream was still at work: "
        f"status {pair.client.status}, {pair.client.error or pair.client.end}",
        cause="impatient",
    )


def streamed(pair: Pair) -> bool:
    return pair.judgeable and wants_stream(pair.client) and pair.client.status == pair.source.status == 200


@check("proxy.ends-at-once", lambda pair: streamed(pair) and stream_end(pair.source) is StreamEnd.DONE)
def ends_at_once(pair: Pair, case: Case) -> Problems:
    """The end of a stream must not take longer to pass than half a second."""
    ended, closed = pair.source.notes["ended"], pair.client.t_closed
    if not wants_stream(pair.client) or ended is None or closed is None:
        raise Inconclusive("the log does not say when both sides of the stream ended")
    if pair.client.end is not End.CLIENT_CANCELLED and closed - ended > 500 * MS:
        yield Problem(f"the body ended {(closed - ended) / 1e6:.0f} ms after the upstream's", cause="end held back")
