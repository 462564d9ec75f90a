"""The decoder against the WHATWG rules: each row whole, byte by byte, and cut wherever hypothesis likes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosounder.wire.sse import Comment, Decoder, Event, SseLimitError, decode, encode, lines

ROWS = [
    pytest.param(b"data: a\n\n", [Event("a")], id="one event"),
    pytest.param(b"data: a\r\n\r\n", [Event("a")], id="CRLF"),
    pytest.param(b"data: a\r\r", [Event("a")], id="CR"),
    pytest.param(b"data: a\r\n\ndata: b\r\r\n", [Event("a"), Event("b", offset=10)], id="mixed line ends"),
    pytest.param(b"data:a\n\n", [Event("a")], id="no space after the colon"),
    pytest.param(b"data:  a\n\n", [Event(" a")], id="only one space is removed"),
    pytest.param(b"data: a\ndata: b\n\n", [Event("a\nb")], id="data lines are joined"),
    pytest.param(b"data: a\r\ndata: b\r\n\r\n", [Event("a\nb")], id="the LF of a CRLF is no blank line"),
    pytest.param(b"data\n\n", [Event("")], id="field without colon"),
    pytest.param(b"event: x\n\ndata: a\n\n", [Event("a", offset=10)], id="no data, no event"),
    pytest.param(b"event: x\nid: 7\nretry: 3\ndata: a\n\n", [Event("a", "x", "7", 3)], id="all fields"),
    pytest.param(b"id: a\0b\nretry: 1s\nretry: \xd9\xa3\ndata: a\n\n", [Event("a")], id="bad id and retry are ignored"),
    pytest.param(b"{not sse}\n\ndata: a\n\n", [Event("a", offset=11)], id="unknown fields are ignored"),
    pytest.param(b": keep-alive\n\ndata: a\n\n", [Comment("keep-alive"), Event("a", offset=14)], id="comment"),
    pytest.param(b":\n", [Comment("")], id="bare comment"),
    pytest.param(b"data: a\n: in between\ndata: b\n\n", [Comment("in between", 8), Event("a\nb")], id="comment inside"),
    pytest.param(b"\xef\xbb\xbfdata: a\n\n", [Event("a", offset=3)], id="BOM is swallowed once"),
    pytest.param(b"\xef\xbb\n\ndata: a\n\n", [Event("a", offset=4)], id="half a BOM is an unknown field"),
    pytest.param("data: 那😀\u2028\x0b\n\n".encode(), [Event("那😀\u2028\x0b")], id="only LF and CR end lines"),
    pytest.param(b"data: \xe9\x82\n\n", [Event("\udce9\udc82")], id="bad UTF-8 stays visible"),
    pytest.param(b"data: a\n", [], id="no blank line, no event"),
]


def feed(decoder, *pieces):
    return [item for piece in pieces for item in decoder.feed(piece)]


@pytest.mark.parametrize(("body", "items"), ROWS)
def test_decodes_whole_and_byte_by_byte(body, items):
    assert decode(body) == items
    assert feed(Decoder(), *(bytes([byte]) for byte in body)) == items


@pytest.mark.parametrize(("body", "items"), ROWS)
@given(data=st.data())
def test_decodes_the_same_however_it_is_cut(body, items, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)))))
    edges = [0, *cuts, len(body)]
    assert feed(Decoder(), *(body[a:b] for a, b in pairwise(edges))) == items


TEXT = st.text(st.characters(exclude_characters="\r\n", codec="utf-8"))
EVENTS = st.builds(
    Event,
    data=st.text(st.characters(exclude_characters="\r", codec="utf-8")),
    event=TEXT,
    id=st.none() | TEXT.map(lambda text: text.replace("\0", "")),
    retry=st.none() | st.integers(0, 10**6),
)


@given(st.lists(EVENTS | st.builds(Comment, TEXT)), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_decoding_inverts_encoding(items, eol):
    decoded = decode(b"".join(encode(item, eol) for item in items))
    assert [_placeless(item) for item in decoded] == items


def _placeless(item):
    return Comment(item.text) if isinstance(item, Comment) else Event(item.data, item.event, item.id, item.retry)


@pytest.mark.parametrize(
    ("body", "rest"),
    [(b"data: a\n\n", b""), (b"data: a\n\ndata: b", b"data: b"), (b"data: a\ndata: b", b"data: a\ndata: b")],
)
def test_what_was_cut_off_is_kept(body, rest):
    decoder = Decoder()
    decoder.feed(body)
    assert decoder.unfinished == rest


def test_an_endless_line_is_refused_before_it_fills_the_memory():
    with pytest.raises(SseLimitError, match="byte 8 is longer than 100"):
        feed(Decoder(max_line=100), b": hello\n", *[b"data: aa"] * 50)


def test_an_endless_event_is_refused():
    with pytest.raises(SseLimitError, match="event at byte 0 is longer than 100"):
        feed(Decoder(max_event=100), *[b"data: aa\n"] * 50)


@given(st.binary())
def test_lines_lose_no_byte(body):
    rows = list(lines(body))
    assert b"".join(row.raw + row.ending for row in rows) == body
    assert [row.offset for row in rows] == [sum(len(r.raw + r.ending) for r in rows[:n]) for n in range(len(rows))]
