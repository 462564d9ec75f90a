"""Framing of streams, judged on the bytes, below the events."""

from __future__ import annotations

import re

from echosounder.judgement import unasked
from echosounder.judgement.answers import events, stream, wants_stream
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, Untestable, check, excerpt, picks
from echosounder.judgement.checks.controls import REPLACEMENT, question, replaced
from echosounder.wire import sse, strict_json
from echosounder.wire.exchange import End, Exchange, Observed
from echosounder.wire.stream import StreamEnd, stream_end
from echosounder.wire.strict_json import at

FIELDS = frozenset({b"data", b"event", b"id", b"retry"})
KEEPALIVE_WORDS = ("keep-alive", "keepalive", "ping", "openrouter processing")
WORDS_OF_A_COMMENT = re.compile(r":[\w .-]*")  # not the tail of a document that was cut at a colon


@check("stream.content-type", stream, rests=[Observed.HEADERS])
def content_type(exchange: Exchange, case: Case) -> Problems:
    if exchange.media_type != "text/event-stream":
        got = exchange.header("content-type") or "no content-type"
        yield Problem(f"content-type is {got}, expected text/event-stream", cause="not an event stream")
    if not exchange.events and exchange.end is End.COMPLETE:
        yield Problem(
            "a streaming request was answered with a body without a single event", cause="not an event stream"
        )


@check("stream.data-is-json", events)
def data_is_json(exchange: Exchange, case: Case) -> Problems:
    for index, text in enumerate(exchange.data):
        if looks_like(text, marker(exchange)):
            continue
        try:
            parsed = strict_json.parse(text)
        except ValueError as error:
            yield Problem(f"the data of event {index} is not JSON: {error}", event=index, cause="data is not JSON")
            continue
        for problem in parsed.problems:
            yield Problem(f"event {index} holds a {problem}, which is not JSON", event=index)
        if not isinstance(parsed.value, dict):
            yield Problem(f"event {index} is {type(parsed.value).__name__}, expected an object", event=index)


def marker(exchange: Exchange) -> str:
    """The data of the event that ends a stream; empty in a format whose streams end by the name of an event."""
    return exchange.reader.grammar.end_data or ""


def looks_like(text: str, done: str) -> bool:
    """The marker or a misspelling of it, which has its own requirement."""
    return bool(done) and text.strip().strip("\"'").upper() == done.upper()


@picks("a stream with events that did not break off before its marker")
def at_its_end(exchange: Exchange) -> bool:
    done = marker(exchange)
    return bool(done) and events(exchange) and (exchange.end is End.COMPLETE or done in exchange.data)


@picks("a stream with its closing marker")
def marked(exchange: Exchange) -> bool:
    done = marker(exchange)
    return bool(done) and events(exchange) and done in exchange.data


@picks("a stream with at least one byte")
def flowing(exchange: Exchange) -> bool:
    return stream(exchange) and bool(exchange.body)


@check("stream.ends-with-done", at_its_end, rests=[Observed.FRAMING])
def ends_with_done(exchange: Exchange, case: Case) -> Problems:
    if (done := marker(exchange)) not in exchange.data:
        bare = exchange.body.rstrip(b"\r\n").endswith(f"data: {done}".encode())
        yield Problem(
            f"the line data: {done} is not followed by a blank line, so clients never see it"
            if bare
            else f"the last event is {excerpt(exchange.data[-1])}, expected {done}",
            event=len(exchange.data) - 1,
            cause="no [DONE]",
        )


@check("stream.done-once", marked)
def done_once(exchange: Exchange, case: Case) -> Problems:
    done = marker(exchange)
    found = [index for index, text in enumerate(exchange.data) if text == done]
    if len(found) > 1:
        yield Problem(f"{done} occurs {len(found)} times, expected once", event=found[1])


@check("stream.nothing-after-done", marked)
def nothing_after_done(exchange: Exchange, case: Case) -> Problems:
    done = marker(exchange)
    first = exchange.data.index(done)
    for index, text in enumerate(exchange.data[first + 1 :], first + 1):
        if text != done:
            yield Problem(f"the event {excerpt(text)} follows {done}, expected nothing", event=index)


@check("stream.done-exact", at_its_end, rests=[Observed.FRAMING])
def done_exact(exchange: Exchange, case: Case) -> Problems:
    done = marker(exchange)
    for index, text in enumerate(exchange.data):
        if text != done and (looks_like(text, done) or text.startswith(done)):
            yield Problem(f"the closing marker is written {text!r}, expected {done!r}", event=index)
    for line in sse.lines(exchange.body):
        if line.raw.strip().upper() == done.upper().encode():
            yield Problem("the closing marker is on a line without data:", offset=line.offset)


@check("stream.utf8", flowing, rests=[Observed.BYTES])
def utf8(exchange: Exchange, case: Case) -> Problems:
    try:
        exchange.body.decode("utf-8")
    except UnicodeDecodeError as error:
        yield Problem(
            f"byte {error.start} is not UTF-8 ({error.reason})", offset=error.start, cause="characters were cut"
        )
    if REPLACEMENT in exchange.request.body.decode("utf-8", "replace") or case.controls.excuse(question(exchange)):
        return
    for index, text in enumerate(exchange.data):
        if replaced(text):
            yield Problem(
                f"event {index} contains U+FFFD, expected the whole character: it was cut",
                event=index,
                cause="characters were cut",
            )


@check("stream.no-bom", flowing, rests=[Observed.BYTES])
def no_bom(exchange: Exchange, case: Case) -> Problems:
    if exchange.body.startswith(sse.BOM):
        yield Problem("the stream begins with a byte order mark (EF BB BF), expected data:", offset=0)


@check("stream.fields-known", flowing)
def fields_known(exchange: Exchange, case: Case) -> Problems:
    for line in sse.lines(exchange.body.removeprefix(sse.BOM)):
        name = line.raw.partition(b":")[0]
        if line.raw and not line.raw.startswith(b":") and name not in FIELDS:
            yield Problem(
                f"the line {excerpt(line.raw)} is neither a field, a comment nor blank",
                offset=line.offset,
                cause="not an event stream",
            )


@check("stream.events-heard", events)
def events_heard(exchange: Exchange, case: Case) -> Problems:
    """The standard dispatches an event under its name, or as ``message``, the only name that clients of unnamed formats listen to."""
    for stamped in exchange.events if not exchange.reader.grammar.named else ():
        event = stamped.item
        assert isinstance(event, sse.Event)
        if event.event not in {None, "", "message"} and event.data:
            yield Problem(
                f"event {stamped.index} is named {event.event!r}, expected no name: clients that listen to messages never see it",
                event=stamped.index,
                cause="events are named",
            )
            return


@check("stream.one-line-per-event", events)
def one_line_per_event(exchange: Exchange, case: Case) -> Problems:
    for stamped in exchange.events:
        event = stamped.item
        assert isinstance(event, sse.Event)
        if "\n" in event.data:
            yield Problem(
                f"event {stamped.index} has {event.data.count(chr(10)) + 1} data lines, expected one",
                event=stamped.index,
            )
        if (event.event and not exchange.reader.grammar.named) or event.id is not None:
            field = f"event: {event.event}" if event.event else f"id: {event.id}"
            yield Problem(
                f"event {stamped.index} has the field {field}, expected a data line alone", event=stamped.index
            )


@check("stream.data-space", events)
def data_space(exchange: Exchange, case: Case) -> Problems:
    line = next(
        (
            line
            for line in sse.lines(exchange.body)
            if line.raw.startswith(b"data:") and line.raw[5:6] not in {b" ", b""}
        ),
        None,
    )
    if line is not None:
        yield Problem(
            "data: is not followed by a space: legal, but strict readers lose every event", offset=line.offset
        )


@check("stream.keepalive-is-comment", events)
def keepalive_is_comment(exchange: Exchange, case: Case) -> Problems:
    for index, text in enumerate(exchange.data):
        bare = text.strip()
        if not bare or WORDS_OF_A_COMMENT.fullmatch(bare) or bare.lower() in KEEPALIVE_WORDS:
            yield Problem(
                f"event {index} is the keep-alive {text!r}, expected a comment line",
                event=index,
                cause="data is not JSON",
            )
        elif ": keep" in text.lower() and not _parses(text):
            yield Problem(
                f"a keep-alive is inside the data of event {index}, expected between events",
                event=index,
                cause="data is not JSON",
            )


def _parses(text: str) -> bool:
    try:
        strict_json.parse(text)
    except ValueError:
        return False
    return True


@check("stream.error-not-done", events)
def error_not_done(exchange: Exchange, case: Case) -> Problems:
    errors = [index for index, mark in exchange.marks if mark.error]
    if not errors:
        raise Inconclusive("no stream broke off with an error")
    done = marker(exchange)
    if errors and done and done in exchange.data[errors[0] :]:
        yield Problem(f"{done} follows an error event, so clients take the stream for complete", event=errors[0])


@check("stream.error-class", events)
def error_class(exchange: Exchange, case: Case) -> Problems:
    if not any(mark.error for _, mark in exchange.marks):
        raise Inconclusive("no stream broke off with an error")
    for index, value in exchange.chunks:
        if at(value, "error", "type") == "invalid_request_error":
            yield Problem(
                "an accepted stream (status 200) ends with an error event that blames the request, expected a refusal with a 4xx status",
                event=index,
                pointer="/error/type",
            )


_BROKEN = {
    StreamEnd.FINISH_WITHOUT_DONE: "got a finish_reason but no [DONE]",
    StreamEnd.EOF_WITHOUT_FINISH: "ended without finish_reason and without [DONE]",
    StreamEnd.RESET: "was reset by the peer",
    StreamEnd.CHUNK_TRUNCATED: "was closed in the middle of its transfer coding",
    StreamEnd.IDLE_TIMEOUT: "fell silent and did not end",
    StreamEnd.ERROR_EVENT: "broke off with an error event",
}


def not_refused(exchange: Exchange) -> bool:
    return wants_stream(exchange) and exchange.status in {None, 200} and exchange.end is not End.CLIENT_CANCELLED


@check("stream.complete", not_refused, rests=[Observed.FRAMING])
def complete(exchange: Exchange, case: Case) -> Problems:
    if not exchange.events and exchange.end is End.COMPLETE:
        raise Untestable("no event stream came at all")
    end = stream_end(exchange)
    if end is StreamEnd.ERROR_EVENT and any(mark.end and mark.error for _, mark in exchange.marks):
        return  # the format has an event of its own for an answer that failed
    if end in _BROKEN:
        at = f" after {len(exchange.events)} events" if exchange.events else " before its first event"
        why = f" ({exchange.error})" if exchange.error else ""
        yield Problem(
            f"the stream {_BROKEN[end]}{at}{why}",
            event=len(exchange.events) - 1 if exchange.events else None,
            cause="no [DONE]" if end is StreamEnd.FINISH_WITHOUT_DONE else "stream cut",
        )
    elif exchange.end not in {End.COMPLETE, End.IDLE_TIMEOUT}:
        yield Problem(
            f"after [DONE] the transfer ended with {exchange.end}: {exchange.error}",
            event=len(exchange.events) - 1,
            cause="stream cut",
        )


@check("stream.no-cache", stream, unasked=unasked.of("chat", "fim"), rests=[Observed.HEADERS])
def no_cache(exchange: Exchange, case: Case) -> Problems:
    value = exchange.header("cache-control") or ""
    if "no-cache" not in value and "no-store" not in value:
        yield Problem(f"cache-control is {value or 'absent'}, expected no-cache")
