"""The fast stream reader against the plain one: :func:`wire.stream.timeline` over the same reads is the oracle."""

import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder.load.client.reader import MAX_EVENT, StreamReader
from echosounder.wire import sse
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.formats import CHAT
from echosounder.wire.stream import Timeline, timeline

BASE = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "system_fingerprint": "fp"}


def chat(delta: Any, finish: Any = None, **more: Any) -> dict[str, Any]:
    return {**BASE, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}], **more}


TRICKY = ['"', "\\", '\\"', "\n", "\n\n", "}", '","finish_reason":"stop', "你好"]
words = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from(TRICKY)
deltas = st.one_of(
    st.builds(lambda text: {"content": text}, words),
    st.builds(lambda text: {"content": None, "reasoning_content": text}, words),
    st.builds(lambda text: {"content": text, "reasoning_content": None}, words),
    st.builds(lambda text: {"tool_calls": [{"index": 0, "function": {"arguments": text}}]}, words),
    st.just({"role": "assistant", "content": ""}),
    st.just({}),
)
chunks = st.one_of(
    st.builds(chat, deltas),
    st.builds(chat, deltas),
    st.builds(lambda delta: chat(delta, "stop", usage={"completion_tokens": 3}), deltas),
    st.builds(lambda text: {**BASE, "choices": [{"text": text, "index": 0, "finish_reason": None}]}, words),
    st.just({**BASE, "choices": [], "usage": {"completion_tokens": 4}}),
)
style = st.sampled_from([{"separators": (",", ":"), "ensure_ascii": False}, {"separators": (",", ":")}, {}])
eols = st.sampled_from([b"\n", b"\n", b"\r\n", b"\r"])


@st.composite
def bodies(draw: Any) -> bytes:
    """A stream as some server might write it: one style of JSON throughout, like all of them have."""
    dumps, eol, mark = draw(style), draw(eols), draw(st.sampled_from([b"data: ", b"data:"]))
    parts = []
    for chunk in draw(st.lists(chunks, max_size=12)):
        parts.append(mark + json.dumps(chunk, **dumps).encode() + eol + eol)
        parts += draw(st.lists(st.sampled_from([b": keep-alive" + eol + eol, eol, b"event: x" + eol]), max_size=1))
    return b"".join([*parts, *draw(st.sampled_from([[], [mark + b"[DONE]" + eol + eol]]))])


@st.composite
def reads(draw: Any) -> list[bytes]:
    body = draw(bodies())
    cuts = sorted(draw(st.sets(st.integers(0, len(body)), max_size=8)) | {0, len(body)})
    return [body[a:b] for a, b in itertools.pairwise(cuts)]


MARKS = [
    name
    for name in Timeline.__struct_fields__
    if name not in {"t_sent", "t_connected", "t_headers", "t_first_byte", "t_closed"}
]


def in_one(piece: bytes) -> list[bytes]:
    return [piece]


def by_events(piece: bytes) -> list[bytes]:
    return re.findall(rb".*?(?:\n\n)|.+", piece, re.DOTALL)


def by_tens(piece: bytes) -> list[bytes]:
    return [piece[at : at + 10] for at in range(0, len(piece), 10)]


@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("cut", [in_one, by_events, by_tens])
@given(pieces=reads())
def test_the_marks_are_those_of_the_shared_timeline(cut: Callable[[bytes], list[bytes]], pieces: list[bytes]) -> None:
    reader = StreamReader(CHAT)
    for at, piece in enumerate(pieces):
        reader.feed(at, cut(piece))
    exchange = Exchange(
        "x", "p", Request("POST", CHAT.path, ""), reads=tuple(Read(at, piece) for at, piece in enumerate(pieces))
    )
    expected = timeline(exchange)
    assert {name: getattr(reader.line, name) for name in MARKS} == {name: getattr(expected, name) for name in MARKS}
    brought = dict(exchange.marks)
    tokens = [stamped.at for stamped in exchange.events if stamped.index in brought and brought[stamped.index].kind]
    assert reader.token_events == len(tokens)
    assert list(reader.token_reads) == sorted(set(tokens))
    assert reader.events == len(exchange.events)


def test_a_template_saves_the_parser_and_does_not_hide_a_change() -> None:
    """After the first token, events of the same make are counted without JSON; the finish among them is still seen."""
    reader = StreamReader(CHAT)
    like = [chat({"content": "a"}), chat({"content": "b"}), chat({"content": ""}), chat({"content": "c"}, "stop")]
    for at, chunk in enumerate(like):
        reader.feed(at, [b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"])
    assert reader.token_events == 3
    assert reader.finish == "stop"


LOOKALIKES = [
    '{"content":"","x":"y"}',
    '{"content":"","reasoning_content":""}',
    '{"content":"\\\\"","x":"a"}',
    '{"content":""}',
]


@pytest.mark.parametrize("delta", LOOKALIKES)
def test_what_begins_and_ends_like_the_template_is_not_taken_for_it(delta: str) -> None:
    """Same bytes before and after, but what stands between is more than the inside of one string."""
    event = b'data: {"choices":[{"delta":%b,"finish_reason":null}]}\n\n'
    reader = StreamReader(CHAT)
    reader.feed(0, [event % b'{"content":"a"}'])
    reader.feed(1, [event % b'{"content":"b"}', event % delta.encode()])
    assert (reader.token_events, reader.events) == (2, 3)


@pytest.mark.parametrize("bytes_", [b"data: " + b"x" * (MAX_EVENT + 10), b"\r" + b"x" * (MAX_EVENT + 10)])
def test_an_endless_line_is_refused(bytes_: bytes) -> None:
    with pytest.raises(sse.SseLimitError):
        StreamReader(CHAT).feed(0, [bytes_])
