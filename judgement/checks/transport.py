"""HTTP below the API."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echosounder.judgement.answers import answer, asked, chat_completion, choices, objects, ok, wants_stream
from echosounder.judgement.belonging import mixed_up, overlap, owned
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, Unsupported, check, check_group, picks
from echosounder.judgement.checks.framing import marker
from echosounder.judgement.checks.outcomes import answered, outcome, tried
from echosounder.judgement.checks.refusals import enveloped, web_page
from echosounder.wire.exchange import End, Exchange, Observed
from echosounder.wire.strict_json import at

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
OTHER_CHARSET = re.compile(r";\s*charset=\"?(?!utf-?8\b)([^;\"\s]+)", re.IGNORECASE)
MEDIA_TYPE = re.compile(rf'{TOKEN}/{TOKEN}(?:\s*+;(?:\s*+{TOKEN}=(?:{TOKEN}|"[^"]*"))?)*+\s*')


@check("transport.answered", tried, rests=[Observed.FRAMING])
def gets_answered(exchange: Exchange, case: Case) -> Problems:
    hung = exchange.status is None and exchange.end not in {End.RESET, End.TRUNCATED, End.PROTOCOL_ERROR}
    if hung and "fault" in exchange.notes:  # a refusal needs no model that might be slow
        yield Problem(f"{exchange.notes['fault']}: {outcome(exchange)}, expected an answer", cause="refusals hang")
    elif hung:
        raise Inconclusive(f"no byte arrived within the time limit: {outcome(exchange)}")
    elif exchange.status is None:
        yield Problem(f"the connection ended before a status line: {outcome(exchange)}", cause="no answer")


@check("transport.framed", answered, rests=[Observed.FRAMING])
def framed(exchange: Exchange, case: Case) -> Problems:
    chunked = (exchange.header("transfer-encoding") or "").lower() == "chunked"
    if exchange.http_version == "HTTP/1.1" and not chunked and exchange.header("content-length") is None:
        yield Problem(
            "the answer has neither content-length nor transfer-encoding: chunked, expected one: a cut body looks complete"
        )
    if exchange.http_version not in {"HTTP/1.1", "HTTP/2", ""}:
        yield Problem(
            f"the answer is {exchange.http_version}, expected HTTP/1.1: its end is only that of the connection"
        )


@check_group("transport.trace-id", answered)
def trace_id(exchanges: Sequence[Exchange], case: Case) -> Problems:
    seen: dict[str, Exchange] = {}
    for exchange in exchanges:
        value = exchange.header("x-ds-trace-id")
        if value is None or not re.fullmatch(r"[0-9a-f]{32}", value):
            yield Problem(f"x-ds-trace-id is {value or 'absent'}, expected 32 hex digits", exchange=exchange)
        elif value in seen:
            yield Problem(
                f"exchanges {seen[value].id} and {exchange.id} have the same x-ds-trace-id {value}", exchange=exchange
            )
        else:
            seen[value] = exchange
    if len(exchanges) == len(seen) == 1:
        raise Inconclusive("there is only one answer, and no other x-ds-trace-id to compare with")


@check("transport.content-type-exact", answered, rests=[Observed.HEADERS])
def content_type_exact(exchange: Exchange, case: Case) -> Problems:
    value = exchange.header("content-type")
    if value is not None and not MEDIA_TYPE.fullmatch(value.strip()):
        yield Problem(f"content-type {value!r} is not a media type")
    elif value is not None and OTHER_CHARSET.search(value):
        yield Problem(f"content-type is {value!r}, expected charset utf-8 or none (RFC 8259, 8.1)")
    elif value is None and exchange.body.strip() and ok(exchange):
        yield Problem("content-type is absent, expected one for a body")
    elif value is None:
        raise Inconclusive("no answer has a body with a content-type")


@check("transport.encoding-honest", answered, rests=[Observed.HEADERS, Observed.BYTES])
def encoding_honest(exchange: Exchange, case: Case) -> Problems:
    coding = (exchange.header("content-encoding") or "identity").lower()
    offered = next((value for name, value in exchange.request.headers if name.lower() == "accept-encoding"), "")
    if coding != "identity" and coding not in offered.lower():
        yield Problem(f"content-encoding is {coding}, expected one that the request accepts ({offered or 'none'})")
    elif exchange.end is End.COMPLETE and any(read.data for read in exchange.reads) and not exchange.body:
        yield Problem(f"content-encoding is {coding}, but the body does not decompress")
    elif coding != "identity" and exchange.end is End.COMPLETE and not _as_labelled(exchange):
        yield Problem(f"content-encoding is {coding}, but the decompressed body is not {exchange.media_type}")
    elif coding == "identity" and exchange.body.startswith(b"\x1f\x8b"):
        yield Problem("the body is gzip, expected content-encoding: gzip or no compression", offset=0)


def _as_labelled(exchange: Exchange) -> bool:
    """Is the body what its media type says, as far as that can be told?"""
    if exchange.media_type == "application/json":
        return exchange.parsed is not None
    return exchange.media_type != "text/event-stream" or bool(exchange.events)


@check_group("transport.big-body", answered)
def big_body(exchanges: Sequence[Exchange], case: Case) -> Problems:
    """Its JSON is truncated: any response of the API to a small truncated body is accepted."""
    usual = {400, 422, *(each.status for each in exchanges if each.probe == "errors.bad-json" and each.step == "cut")}
    big = [each for each in exchanges if each.probe == "transport.big-body"]
    if not big:
        raise Inconclusive("the large body was not answered")
    for exchange in big:
        if web_page(exchange) or (not ok(exchange) and not enveloped(exchange) and exchange.status not in usual):
            yield Problem(
                f"a body of {len(exchange.request.body)} bytes got {outcome(exchange)}, expected an answer of the API",
                exchange=exchange,
                cause="the server or a proxy refuses large bodies",
            )


@check_group("transport.keep-alive", tried, rests=[Observed.FRAMING])
def keep_alive(exchanges: Sequence[Exchange], case: Case) -> Problems:
    if any(exchange.status is None for exchange in exchanges):
        raise Inconclusive("a request of the three was not answered")
    if len(exchanges) < 2:
        raise Inconclusive("only one request was answered")
    for exchange in exchanges[1:]:
        if exchange.t_connected is not None:
            yield Problem(
                "the server closed the connection after an answer, expected it open for the next request",
                exchange=exchange,
            )


@picks("answered with text that no other request asks for")
def told_apart(exchange: Exchange) -> bool:
    return answered(exchange) and bool(owned(exchange))


@check_group("transport.connection-order", told_apart)
def connection_order(exchanges: Sequence[Exchange], case: Case) -> Problems:
    yield from mixed_up(exchanges, "over one connection")


@check_group("chat.answers-own", told_apart)
def answers_own(exchanges: Sequence[Exchange], case: Case) -> Problems:
    yield from mixed_up(exchanges, f"{len(exchanges)} requests at a time")
    if not overlap((each.t_sent, each.t_closed) for each in exchanges):
        raise Inconclusive("the answers came one after the other")


def two_choices(exchange: Exchange) -> bool:
    return asked(exchange).get("n") == 2 and tried(exchange)


@check("limits.n-choices", two_choices)
def n_choices(exchange: Exchange, case: Case) -> Problems:
    if not ok(exchange) or not wants_stream(exchange):
        raise Unsupported(f"n above 1: {outcome(exchange)}")
    ids = {str(chunk.get("id")) for _, chunk in objects(exchange)}
    if len(ids) > 1:
        yield Problem(f"the chunks of two choices have {len(ids)} ids, expected one")
    done = marker(exchange)
    if (ends := exchange.data.count(done)) > 1:
        yield Problem(
            f"the stream of two choices has {ends} markers {done}, expected one", event=exchange.data.index(done)
        )
    rows = [choice for _, chunk in objects(exchange) for _, choice in choices(chunk)]
    for index in (0, 1):
        mine = [choice for choice in rows if choice.get("index") == index]
        if not any(at(choice, "delta", "role") for choice in mine) or not any(
            choice.get("finish_reason") for choice in mine
        ):
            yield Problem(f"choice {index} has no role or no finish_reason, expected both")


@check("limits.max-completion-tokens", chat_completion)
def max_completion_tokens(exchange: Exchange, case: Case) -> Problems:
    counts = answer(exchange).usage
    bound = asked(exchange)["max_completion_tokens"]
    if counts is None or counts.completion is None or (counts.completion == 0 and not answer(exchange).empty):
        raise Inconclusive("the answer does not count its tokens")
    if counts.completion > bound:
        yield Problem(f"completion_tokens is {counts.completion}, expected at most max_completion_tokens {bound}")
