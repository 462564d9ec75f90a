"""What of an exchange is shown: what is marked, what stands around it, the ends; and bounds on all of it."""

from dataclasses import replace

import pytest

from echosounder.reports import source, wireview
from echosounder.reports.wireview import Marks, link, view, views
from echosounder.wire.exchange import End, Read
from echosounder.wire.header import Aimed, Header, RunKind
from echosounder.wire.runlog import Run, RunWriter

HEADER = Header(kind_of_run=RunKind.CHECK, started="2026-11-22T09:30:00+00:00", target=Aimed("http://h"))


@pytest.fixture
def long_stream(make_stream):
    return make_stream("e1", [f"w{i}" for i in range(100)])


def events(shown):
    return [row.label.removeprefix("event ") for row in shown.rows if row.label.startswith("event")]


@pytest.mark.parametrize(
    ("marks", "kept"),
    [
        (Marks(), "0 1 2 98 99 100"),
        (Marks({50}), "0 1 2 48 49 50 51 52 98 99 100"),
        (Marks({4}), "0 1 2 3 4 5 6 98 99 100"),
        (Marks({100}), "0 1 2 98 99 100"),
        (Marks({500}), "0 1 2 98 99 100"),
    ],
)
def test_a_stream_shows_its_ends_and_what_stands_around_a_mark(long_stream, marks, kept):
    assert events(view(long_stream, marks, "x1")) == kept.split()


def test_what_is_left_out_is_counted(long_stream):
    shown = view(long_stream, Marks({50}), "x1")
    assert [row.skipped for row in shown.rows if row.skipped] == [45, 45]
    assert sum(row.skipped or 1 for row in shown.rows) == 101


def test_rows_are_the_bytes_from_one_item_to_the_next(long_stream):
    shown = view(long_stream, Marks(), "x1")
    for row in shown.rows:
        if not row.skipped:
            assert long_stream.body[row.offset :].decode().startswith(row.text)
    assert [row.at_ms for row in shown.rows[:3]] == [100, 110, 120]


def test_an_offset_marks_the_item_that_holds_it(long_stream):
    offset = long_stream.events[50].item.offset
    shown = view(long_stream, Marks(offsets={offset + 3}), "x1")
    assert [row.label for row in shown.rows if row.marked] == ["event 50"]


def test_bytes_after_the_last_event_are_not_lost(long_stream):
    cut = replace(long_stream, reads=(*long_stream.reads, Read(long_stream.reads[-1].at, b'data: {"half')))
    assert view(cut, Marks(), "x1").rows[-1].text.endswith('data: {"half')


def test_bytes_that_are_not_utf8_and_bare_returns_are_seen(make_stream):
    odd = replace(make_stream("e1", []), reads=(Read(1, b"data: \xff\r\rdata: [DONE]\n\n"),))
    assert "\\xff\\x0d\\x0d" in view(odd, Marks(), "x1").rows[0].text


@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_a_long_body_is_cut_and_the_mark_is_still_shown(make_stream, size):
    body = b"a" * (size - 100) + b"HERE" + b"b" * 96
    plain = replace(make_stream("e1", []), headers=(("content-type", "application/json"),), reads=(Read(1, body),))
    shown = view(plain, Marks(offsets={size - 100}), "x1")
    assert any("HERE" in row.text and row.marked for row in shown.rows)
    assert shown.size < 10_000


def test_no_answer_says_why(make_stream):
    dead = replace(make_stream("e1", []), status=None, headers=(), reads=(), end=End.CONNECT_FAILED, error="refused")
    shown = view(dead, Marks(), "x1")
    assert (shown.title, shown.response, shown.rows) == ("POST /chat/completions → no answer", "refused", ())
    assert shown.end.startswith("connect-failed")


def test_a_link_leads_to_the_event_else_to_the_offset_else_to_the_exchange(long_stream, make_finding):
    findings = [
        make_finding("m", "e1", event=50),
        make_finding("m", "e1", offset=long_stream.events[70].item.offset),
        make_finding("m", "e1"),
        make_finding("m", "e1", event=4_000),
        make_finding("m", "gone", event=1),
        make_finding("m", ""),
    ]
    shown = views(findings, Run(HEADER, (long_stream,)))
    assert [link(one, shown) for one in findings] == ["#x1-e50", "#x1-e70", "#x1", "#x1", "", ""]


def test_the_page_is_bounded_however_many_exchanges_are_named(make_stream, make_finding):
    run = Run(HEADER, tuple(make_stream(f"e{i}", ["x" * 700] * 10) for i in range(400)))
    shown = views([make_finding("m", f"e{i}", event=5) for i in range(400)], run)
    assert len(shown) <= wireview.MAX_VIEWS
    assert sum(one.size for one in shown.values()) < wireview.MAX_TOTAL + 20_000


@pytest.fixture
def proxied(make_stream):
    """A proxy that held five events back for 200 ms and dropped the last."""
    upstream = make_stream("e1u1", ["a", "b", "c", "d"])
    upstream = replace(upstream, probe="proxy.stream", side="upstream", notes={"of": "e1"})
    held = tuple(Read(upstream.reads[-1].at + 200_000_000, read.data) for read in upstream.reads[:-1])
    return Run(HEADER, (upstream, replace(make_stream("e1", []), probe="proxy.stream", reads=held)))


def test_a_proxys_two_sides_stand_side_by_side_with_their_times(proxied, make_finding):
    (shown,) = views([make_finding("the last event is missing", "e1", event=3)], proxied).values()
    (other,) = shown.upstream
    assert [row.text for row in other.rows if "DONE" in row.text] == ["data: [DONE]"]
    assert not any("DONE" in row.text for row in shown.rows)
    assert "1 never read" in shown.strip
    assert "the first after 240" in shown.strip


def test_a_lean_log_keeps_both_sides(proxied, make_finding, make_check, make_requirement, tmp_path):
    with RunWriter(tmp_path / "run.jsonl", HEADER) as log:
        for exchange in (*proxied.exchanges, replace(proxied.exchanges[0], id="e9u1", notes={"of": "e9"})):
            log.exchange(exchange)
    report = make_check([make_requirement("proxy.a", "MUST", "fail", [make_finding("m", "e1")])])
    assert [exchange.id for exchange in source.read(tmp_path, report).exchanges] == ["e1u1", "e1"]
