"""The fast stream reader against the plain one: :func:`wire.stream.timeline` over the same reads is the oracle."""

import functools
import itertools
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echosounder.load.client.reader import MAX_EVENT, StreamReader
from echosounder.specs import Grammar
from echosounder.wire import sse
from echosounder.wire.answer import Mark
from echosounder.wire.exchange import Exchange, Read, Request
from echosounder.wire.formats import CHAT, FORMATS, Format, Question
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


def event(type: str, **members: Any) -> dict[str, Any]:
    return {"type": type, **members}


def item(**members: Any) -> dict[str, Any]:
    return event("response.output_item.added", output_index=1, item=members)


def block(**members: Any) -> dict[str, Any]:
    return event("content_block_start", index=0, content_block=members)


USED = {"input_tokens": 3, "output_tokens": 2}
KINDS = {  # what a stream of each format may hold, in any order: each brings something else, or nothing
    "responses": [
        st.builds(lambda text: event("response.output_text.delta", item_id="i", delta=text), words),
        st.builds(lambda text: event("response.output_text.delta", item_id="i", delta=text), words),
        st.builds(
            lambda text: event("response.output_text.delta", delta=text, obfuscation="x" * (len(text) % 3)), words
        ),
        st.builds(lambda text: event("response.reasoning_text.delta", delta=text), words),
        st.builds(lambda text: event("response.function_call_arguments.delta", output_index=1, delta=text), words),
        st.builds(lambda text: event("response.output_text.done", text=text), words),
        st.builds(lambda text: item(type="message", id=text, role="assistant"), words | st.just("x_call")),
        st.sampled_from(["function_call", "custom_tool_call"]).map(lambda kind: item(type=kind, call_id="c", name="f")),
        st.sampled_from(["created", "in_progress", "content_part.added", "content_part.done", "output_item.done"]).map(
            lambda kind: event(f"response.{kind}", part={"text": "a"})
        ),
        st.sampled_from(["completed", "incomplete", "failed"]).map(
            lambda kind: event(f"response.{kind}", response={"status": kind, "model": "m", "usage": USED})
        ),
        st.just(event("error", message="No.")),
    ],
    "messages": [
        st.builds(lambda text: event("content_block_delta", index=0, delta=event("text_delta", text=text)), words),
        st.builds(lambda text: event("content_block_delta", index=0, delta=event("text_delta", text=text)), words),
        st.builds(
            lambda text: event("content_block_delta", index=0, delta=event("thinking_delta", thinking=text)), words
        ),
        st.builds(
            lambda text: event("content_block_delta", index=0, delta=event("input_json_delta", partial_json=text)),
            words,
        ),
        st.builds(lambda text: block(type="text", text=text), words | st.just("")),
        st.just(block(type="tool_use", id="c", name="f", input={})),
        st.sampled_from(["ping", "content_block_stop", "message_stop"]).map(event),
        st.just(event("message_start", message={"role": "assistant", "model": "m", "usage": USED})),
        st.just(event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 4})),
        st.just(event("error", error={"message": "No."})),
    ],
}


@st.composite
def named_bodies(draw: Any, form: str) -> bytes:
    """A stream of named events, some without a name, or with one that is not their type, numbered as Responses numbers them."""
    dumps, eol, numbered = draw(style), draw(eols), draw(st.booleans())
    last = draw(st.booleans())  # the members sorted, as some servers have them: the type comes last
    names = st.sampled_from([None] * 20 + ["", "x", "ping", "response.created", "response.output_item.added"])
    parts = []
    for number, value in enumerate(draw(st.lists(st.one_of(KINDS[form]), max_size=14))):
        members = {**value, "sequence_number": number + draw(st.integers(0, 8)) // 8} if numbered else value
        name = draw(names)
        name = value["type"] if name is None else name
        line = f"event: {name}".encode() + eol if name else b""
        parts.append(line + b"data: " + json.dumps(members, sort_keys=last, **dumps).encode() + eol + eol)
    return b"".join(parts)


@st.composite
def named_reads(draw: Any, form: str) -> list[bytes]:
    body = draw(named_bodies(form))
    cuts = sorted(draw(st.sets(st.integers(0, len(body)), max_size=6)) | {0, len(body)})
    return [body[a:b] for a, b in itertools.pairwise(cuts)]


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exchange knows its format by name."""
    monkeypatch.setitem(FORMATS, "counting", counting())


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
    agree(CHAT, pieces, cut)


@settings(max_examples=150, deadline=None)
@pytest.mark.parametrize("form", sorted(KINDS))
@given(data=st.data())
def test_formats_with_named_events_say_what_the_plain_reader_says(form: str, data: Any) -> None:
    pieces = data.draw(named_reads(form))
    for cut in (in_one, by_events, by_tens):
        agree(FORMATS[form], pieces, cut)


@pytest.mark.parametrize("form", sorted(KINDS))
def test_the_example_of_a_format_says_the_same_in_any_cut(form: str) -> None:
    body = FORMATS[form].grammar.example.encode() + b"\n"
    for place in range(1, len(body)):
        reader = agree(FORMATS[form], [body[:place], body[place:]], by_events)
    assert (reader.done, reader.token_events, reader.model) == (True, 2, "m")
    assert FORMATS[form].usage(reader.usage).completion == 2


def agree(format: Format, pieces: list[bytes], cut: Callable[[bytes], list[bytes]] = in_one) -> StreamReader:
    """The fast reader says of these reads what the plain one says."""
    reader = StreamReader(format)
    for at, piece in enumerate(pieces):
        reader.feed(at, cut(piece))
    exchange = Exchange(
        "x",
        "p",
        Request("POST", format.path, ""),
        reads=tuple(Read(at, piece) for at, piece in enumerate(pieces)),
        format=format.name,
    )
    expected = timeline(exchange)
    assert {name: getattr(reader.line, name) for name in MARKS} == {name: getattr(expected, name) for name in MARKS}
    brought = dict(exchange.marks)
    tokens = [stamped.at for stamped in exchange.events if stamped.index in brought and brought[stamped.index].kind]
    assert reader.token_events == len(tokens)
    assert list(reader.token_reads) == sorted(set(tokens))
    assert reader.events == len(exchange.events)
    assert reader.keepalives == len(exchange.items) - len(exchange.events)
    marks = brought.values()
    assert reader.done == any(mark.end for mark in marks)
    assert bool(reader.error) == any(mark.error for mark in marks)
    assert reader.finish == next((mark.finish for mark in reversed(marks) if mark.finish), None)
    assert reader.usage == functools.reduce(
        format.added, (mark.usage for mark in marks if mark.usage is not None), None
    )
    return reader


WORDS = (b"a", b"b", b"", b"\xff", b"\x80c", b'"')
FRAGMENTS = [b"\n", b"\n\n", b"\r", b"\r\n", b":", b": ping\n", sse.BOM, sse.BOM[:2], b"data", b"data:", b"data: "]
FRAGMENTS += [b"event: x\n", b"id: 1\n", b"data: [DONE]\n\n", b"data: 1\n", b"\xff", b"\0"]
FRAGMENTS += [b'data: {"choices":[{"delta":{"content":"%b"}}]}\n\n' % text for text in WORDS]
FRAGMENTS += [b'{"choices":[{"delta":{"content":"c"}}]}']


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=3), max_size=14), st.sets(st.integers(0, 200), max_size=9)
)
def test_it_agrees_with_the_standards_decoder_on_any_bytes_in_any_cuts(parts: list[bytes], places: set[int]) -> None:
    body = b"".join(parts)
    cuts = sorted({min(place, len(body)) for place in places} | {0, len(body)})
    reads = [body[a:b] for a, b in itertools.pairwise(cuts)]
    agree(CHAT, reads)
    agree(CHAT, reads, by_events)


TOKEN = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
ENDINGS = {  # reads -> events, comments
    (sse.BOM + TOKEN, TOKEN): (2, 0),  # one at the start is no part of the stream
    (sse.BOM[:1], sse.BOM[1:] + TOKEN): (1, 0),
    (TOKEN, sse.BOM + TOKEN, TOKEN): (2, 0),  # anywhere else it makes a field that nobody knows
    (TOKEN + sse.BOM + TOKEN,): (1, 0),
    (TOKEN + sse.BOM,): (1, 0),
    (sse.BOM + TOKEN, sse.BOM + TOKEN): (1, 0),
    (b"\n" + sse.BOM + TOKEN,): (0, 0),
    (sse.BOM + b": ping\n",): (0, 1),
    (TOKEN, b": bye\n"): (1, 1),  # a comment is complete with its line
    (TOKEN, b": bye"): (1, 0),
    (TOKEN, b"data: cut\n: bye\n"): (1, 1),
    (sse.BOM + TOKEN + b": bye\n",): (1, 1),
}


@pytest.mark.parametrize(("pieces", "counts"), ENDINGS.items())
def test_a_byte_order_mark_and_a_last_comment_are_what_the_standard_says(
    pieces: tuple[bytes, ...], counts: tuple[int, int]
) -> None:
    reader = agree(CHAT, list(pieces))
    assert (reader.events, reader.keepalives) == counts


class Counting(Format):
    """Named events with a counter in each, as the Responses API has them, and how many of them were parsed."""

    parsed = 0

    def ask(self, model: str, question: Question) -> dict[str, Any]:
        return {}

    def mark(self, event: str, value: Any) -> Mark:
        self.parsed += 1
        return Mark(text=value.get("delta"), model=value.get("n")) if isinstance(value, dict) else Mark()

    def whole(self, value: Any) -> Mark:
        return Mark()


def counting() -> Counting:
    return Counting(Grammar("counting", paths=("/count",), named=True, varying=("n", "pad")))


NUMBERS = [
    "0",
    "1",
    "9",
    "10",
    "-1",
    "-0",
    "01",
    "00",
    "1.5",
    "2.5",
    "1e3",
    "123456789012345678",
    "9" * 30,
    "9" * 5000,
    '"1"',
]
COUNTED = [  # a counter before, after or on both sides of the output, a filling, members twice, counters in other objects
    b'{"n":%b,"delta":"%b"}',
    b'{"delta":"%b","n":%b}',
    b'{"n": %b, "delta": "%b"}',
    b'{"n":%b,"delta":"%b","pad":"%b"}',
    b'{"pad":"%b","n":%b,"delta":"%b"}',
    b'{"n":%b,"n":1,"delta":"%b"}',
    b'{"n":7,"n":%b,"delta":"%b"}',
    b'{"o":{"n":%b},"delta":"%b","n":%b}',
    b'{"s":"\\"n\\":%b","delta":"%b"}',
    b'{"s\\"n":%b,"delta":"%b"}',
]
fillings = st.sampled_from(NUMBERS) | st.integers(-3, 12).map(str)
insides_ = (
    st.sampled_from(
        ["a", "b", "", "\\n", '\\"', '"', "\\", '\\",\\"n\\":5', '","n":5', "n", "\u4f60", "\n", "\x01", "1"]
    )
    | words
)


@st.composite
def counted(draw: Any) -> list[bytes]:
    """A stream of events of one make, some with what no such event should have in its places."""
    make = draw(st.sampled_from(COUNTED))
    name = draw(st.sampled_from([b"", b"event: x\n", b'event: {"n":1\n']))
    parts = []
    for _ in range(draw(st.integers(2, 9))):
        wild = draw(st.integers(0, 5)) == 0
        kinds = [
            fillings | insides_ if wild else (fillings if hole.endswith((b":", b": ")) else insides_)
            for hole in make.split(b"%b")[:-1]
        ]
        parts.append(
            name + b"data: " + make % tuple(draw(kind).encode("utf-8", "surrogatepass") for kind in kinds) + b"\n\n"
        )
    body = b"".join(parts)
    cuts = sorted(draw(st.sets(st.integers(0, len(body)), max_size=4)) | {0, len(body)})
    return [body[a:b] for a, b in itertools.pairwise(cuts)] if draw(st.booleans()) else parts


@settings(max_examples=300, deadline=None)
@given(pieces=counted())
def test_counters_vary_and_nothing_else_does(pieces: list[bytes]) -> None:
    for cut in (in_one, by_events):
        agree(counting(), pieces, cut)


@pytest.mark.parametrize("make", [make for make in COUNTED[:5] if make.count(b"%b") == 2])
def test_an_event_with_a_counter_is_not_parsed_again(make: bytes) -> None:
    """One is, and makes the template. Jumps, signs and further digits are no other make."""
    format = counting()
    before = make.index(b"n") < make.index(b"delta")
    values = [(b"%d" % n, b"t%d" % n) if before else (b"t%d" % n, b"%d" % n) for n in (0, 1, 9, 10, 500, -3)]
    reader = StreamReader(format)
    for at, value in enumerate(values):
        reader.feed(at, [b"event: x\ndata: " + make % value + b"\n\n"])
    assert (reader.token_events, format.parsed) == (6, 1)


def test_a_number_that_is_none_is_parsed() -> None:
    format = counting()
    reader = StreamReader(format)
    for at, number in enumerate([b"1", b"02", b"2.5", b"9" * 30, b'"3"', b"4"]):
        reader.feed(at, [b'data: {"n":%b,"delta":"a"}\n\n' % number])
    assert reader.malformed == 1  # 02
    assert (reader.token_events, reader.events) == (5, 6)


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
