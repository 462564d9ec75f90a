"""What is blamed for buffering: a burst after the time of the whole answer, not one that a busy machine was late for."""

from dataclasses import replace

import pytest

from echosounder import specs
from echosounder.conformance.ask import Ask
from echosounder.judgement.assigned import checks
from echosounder.judgement.check import Case
from echosounder.judgement.score import judge
from echosounder.wire import sse
from echosounder.wire.exchange import End, Exchange, Read, Request
from echosounder.wire.verdict import Verdict

MS = 1_000_000
REQUEST = Request("POST", "/chat/completions", "http://h/chat/completions", body=b'{"stream":true,"messages":[]}')


def stream(count, wait_ms, gap_ms=0.0):
    """*count* events, the first after a wait, the others at even gaps; no gap is one read."""
    stamps = [round((wait_ms + number * gap_ms) * MS) for number in range(count)]
    raw = [sse.encode(sse.Event('{"choices":[]}' if number < count - 1 else "[DONE]")) for number in range(count)]
    reads = tuple(Read(at, data) for at, data in zip(stamps, raw, strict=True))
    return Exchange(
        "1", "chat.stream", REQUEST, status=200, headers=(("content-type", "text/event-stream"),), reads=reads,
        t_sent=0, t_headers=0, t_closed=stamps[-1], end=End.COMPLETE,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("streams", "verdict"),
    [
        ([stream(40, 20, 10)], Verdict.PASS),
        ([stream(40, 400)], Verdict.NONSTRICT),
        ([stream(40, 400), stream(40, 380)], Verdict.NONSTRICT),
        ([stream(40, 400), stream(20, 200), stream(60, 600)], Verdict.NONSTRICT),
        ([stream(40, 400), stream(10, 390)], Verdict.INCONCLUSIVE),
        ([stream(40, 400), stream(40, 20)], Verdict.INCONCLUSIVE),
        ([stream(40, 400), stream(40, 20, 2)], Verdict.PASS),
    ],
    ids=[
        "flows",
        "one burst",
        "two bursts",
        "longer ones later",
        "a slow start",
        "as long came at once",
        "others flow",
    ],
)
def test_a_burst_is_blamed_where_the_wait_was_the_making_of_the_answer(streams, verdict):
    row = specs.requirement("stream.unbuffered")
    assert judge(row, checks()[row.id], streams, Case(Ask("2026-08", "deepseek-v4-flash"))).verdict is verdict


def begun(head_ms, first_ms):
    return replace(stream(3, first_ms), t_headers=round(head_ms * MS))


@pytest.mark.parametrize(
    ("streams", "verdict"),
    [
        ([begun(10, 400)], Verdict.PASS),
        ([begun(400, 400)], Verdict.UNSUPPORTED),
        ([begun(10, 400), begun(300, 300)], Verdict.UNSUPPORTED),
        ([begun(2, 2)], Verdict.INCONCLUSIVE),
        ([begun(2, 2), begun(70, 70)], Verdict.INCONCLUSIVE),
        ([begun(2, 8), begun(70, 70)], Verdict.PASS),
    ],
    ids=["before", "together", "once together", "at once", "at once, and one delayed", "before, and one delayed"],
)
def test_headers_are_held_back_where_even_the_quickest_stream_took_its_time(streams, verdict):
    row = specs.requirement("stream.headers-early")
    assert judge(row, checks()[row.id], streams, Case(Ask("2026-08", "deepseek-v4-flash"))).verdict is verdict
