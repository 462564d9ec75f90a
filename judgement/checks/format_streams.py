"""Rules that Responses and Messages streams share: named events in a defined order, up to the final event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, asked, events, parted, stream
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, check_group, excerpt, picks
from echosounder.judgement.checks import framing, refusals
from echosounder.judgement.checks.chunks import HALF, repeats, texts
from echosounder.judgement.checks.formats import both
from echosounder.judgement.checks.outcomes import answered, outcome
from echosounder.judgement.checks.schemas import chunks_valid
from echosounder.wire import sse
from echosounder.wire.exchange import End, Exchange, Observed
from echosounder.wire.strict_json import at

FIRST = {"responses": "response.created", "messages": "message_start"}
SCHEMAS = {"responses": "ResponsesEvent", "messages": "MessagesEvent"}


def told(exchange: Exchange) -> bool:
    """A refusal with a body that is not plain text by design."""
    return refusals.spoke(exchange) and exchange.step not in {"json", "none"}


for format in SCHEMAS:
    check(f"{format}.stream-content-type", stream, rests=[Observed.HEADERS])(framing.content_type)
    check(f"{format}.stream-json", events)(framing.data_is_json)
    check(f"{format}.stream-utf8", framing.flowing, rests=[Observed.BYTES])(framing.utf8)
    check(f"{format}.stream-complete", framing.not_refused, rests=[Observed.FRAMING])(framing.complete)
    mine = unasked.of(format)
    check(f"{format}.error-envelope", told, unasked=unasked.explained(format))(refusals.envelope)
    check(f"{format}.error-code", refusals.enveloped, unasked=mine)(refusals.code_is_name)
    check(f"{format}.error-key-masked", refusals.spoke, unasked=mine)(refusals.masks_key)
    check(f"{format}.error-no-internals", refusals.spoke, unasked=mine)(refusals.no_internals)


def typed(exchange: Exchange) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """``(event index, type, JSON object)`` of each event that is one; the event name replaces a missing type."""
    for index, value in exchange.chunks:
        if isinstance(value, dict):
            kind = value.get("type", name(exchange, index))
            yield index, kind if isinstance(kind, str) else "", value


def name(exchange: Exchange, index: int) -> str:
    """The name of an event, empty without one."""
    item = exchange.events[index].item
    return item.event if isinstance(item, sse.Event) else ""


def of_type(exchange: Exchange, *kinds: str) -> list[tuple[int, dict[str, Any]]]:
    return [(index, value) for index, kind, value in typed(exchange) if kind in kinds]


def last(exchange: Exchange) -> frozenset[str]:
    """The types that end a stream."""
    return exchange.reader.grammar.end_events


@picks("a completed stream")
def finished(exchange: Exchange) -> bool:
    return parted(exchange) and any(kind in last(exchange) for _, kind, _ in typed(exchange))


@both("stream-named", events)
def named(exchange: Exchange, case: Case) -> Problems:
    for index in range(len(exchange.events)):
        if name(exchange, index) in {"", "message"}:
            yield Problem(f"event {index} has no event line, expected its type as the name", event=index)
            return


@both("stream-name-is-type", parted)
def name_is_type(exchange: Exchange, case: Case) -> Problems:
    if all(name(exchange, index) in {"", "message"} for index, _ in exchange.chunks):
        raise Inconclusive("no event has a name")
    for index, value in exchange.chunks:
        given, kind = name(exchange, index), at(value, "type")
        if given not in {"", "message"} and given != kind:
            yield Problem(f"event {index} is named {given!r}, expected its type {excerpt(kind)}", event=index)


@both("stream-no-done", events)
def no_done(exchange: Exchange, case: Case) -> Problems:
    for index, data in enumerate(exchange.data):
        if data.strip(" \"'").upper() == "[DONE]":
            yield Problem("the stream has the marker [DONE], expected none in this format", event=index)


@both("stream-ends-once", parted, rests=[Observed.FRAMING])
def ends_once(exchange: Exchange, case: Case) -> Problems:
    ends = [index for index, kind, _ in typed(exchange) if kind in last(exchange)]
    if not ends and exchange.end is End.COMPLETE and not of_type(exchange, "error"):
        yield Problem(
            f"the stream ends without an event {' or '.join(sorted(last(exchange)))}", event=len(exchange.data) - 1
        )
    for index in ends[1:]:
        yield Problem("the stream has a second final event, expected one", event=index)


@both("stream-nothing-after", finished)
def nothing_after(exchange: Exchange, case: Case) -> Problems:
    found = list(typed(exchange))
    end = next(index for index, kind, _ in found if kind in last(exchange))
    for index, kind, _ in found:
        if index > end and kind not in last(exchange):
            yield Problem(f"{kind or 'an event'} follows the final event, expected nothing", event=index)


@both("stream-opens", parted)
def opens(exchange: Exchange, case: Case) -> Problems:
    wanted = FIRST[exchange.format]
    found = [(index, kind) for index, kind, _ in typed(exchange) if kind not in {"ping", "error"}]
    if not found:
        raise Inconclusive("no event of the stream can be read")
    if found[0][1] != wanted:
        yield Problem(f"the first event is {excerpt(found[0][1])}, expected {wanted}", event=found[0][0])
    for index, kind in found[1:]:
        if kind == wanted:
            yield Problem(f"{wanted} occurs again, expected once", event=index)


@both("stream-event-schema", parted)
def event_schema(exchange: Exchange, case: Case) -> Problems:
    yield from chunks_valid(exchange, SCHEMAS[exchange.format], case)


@picks("a completed stream without an error")
def succeeded(exchange: Exchange) -> bool:
    return finished(exchange) and not any(mark.error for _, mark in exchange.marks)


@both("stream-usage", succeeded)
def stream_usage(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    if found.usage is None or found.usage.completion is None or found.usage.prompt is None:
        yield Problem(
            f"usage is {excerpt(found.usage_raw)}, expected the counts of input and output", event=found.usage_event
        )


@both("stream-characters-whole", parted, rests=[Observed.BYTES])
def characters_whole(exchange: Exchange, case: Case) -> Problems:
    for index, value in exchange.chunks:
        for text in texts(value):
            if half := HALF.search(text):
                yield Problem(f"event {index} holds {half[0]!a}, a lone surrogate", event=index)


@both("stream-incremental", parted)
def incremental(exchange: Exchange, case: Case) -> Problems:
    texts = [(index, mark.text) for index, mark in exchange.marks if isinstance(mark.text, str) and mark.text]
    if len(texts) < 2:
        raise Inconclusive("no stream has two deltas of text")
    yield from repeats(texts, "the text")


@both("thinking-first", parted, unasked=unasked.thinking)
def thinking_first(exchange: Exchange, case: Case) -> Problems:
    spoken = False
    if not all(any(getattr(mark, part) for _, mark in exchange.marks) for part in ("reasoning", "text")):
        raise Inconclusive("the stream has no reasoning, or no text")
    for index, mark in exchange.marks:
        spoken = spoken or bool(mark.text)
        if mark.reasoning and spoken:
            yield Problem("reasoning follows the text, expected it before the text", event=index)
            return


def stream_status(exchanges: Sequence[Exchange], case: Case) -> Problems:
    document = next((each for each in exchanges if each.step == "role"), None)
    streamed = next((each for each in exchanges if asked(each).get("stream")), None)
    if document is None or streamed is None:
        raise Inconclusive("one of the two modes was not answered")
    if streamed.status != document.status:
        yield Problem(
            f"a faulty streaming request got {outcome(streamed)}, expected {outcome(document)} as without stream",
            exchange=streamed,
        )


for format in SCHEMAS:
    check_group(f"{format}.error-stream-status", answered)(stream_status)
