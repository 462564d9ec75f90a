"""The bodies of refusals: the envelope, and secrets that they must not reveal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.agreed import BAD_KEY
from echosounder.judgement.answers import asked, failed
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, check_group, excerpt, picks
from echosounder.judgement.checks.outcomes import answered, outcome, tried
from echosounder.wire.exchange import End, Exchange, Observed
from echosounder.wire.strict_json import at

INTERNALS = re.compile(
    r"Traceback \(most recent|File \"[^\"]+\", line|/usr/(?:lib|local|src)/|/home/\w+/|site-packages|panicked at|"
    r"\b\w+\.(?:py|rs|go|java|js|cpp):\d+|\bat [\w.$]+\([\w.]+\.java:\d+\)|pydantic_core|pydantic\.error"
)
PARAMETER = re.compile(r"[\w.\[\]'\"-]{0,64}")
SLOW_S = 10
DIED = frozenset({End.RESET, End.TRUNCATED, End.PROTOCOL_ERROR})
"""Ends of a connection before an answer: that is not a hanging."""


@picks("a refusal with a body")
def spoke(exchange: Exchange) -> bool:
    return failed(exchange) and bool(exchange.body.strip())


@picks("a refusal whose body is a JSON object with an object ``error``")
def enveloped(exchange: Exchange) -> bool:
    return failed(exchange) and isinstance(at(exchange.json, "error"), dict)


def web_page(exchange: Exchange) -> bool:
    return exchange.media_type == "text/html" or bool(
        re.match(rb"\s*<(?:!doctype|html)", exchange.body[:200], re.IGNORECASE)
    )


def text_is_known(exchange: Exchange, case: Case) -> bool:
    """Where the API itself answers in plain text: without a usable key, without JSON, and before December 2025 to mistyped members."""
    return (
        exchange.probe in {"errors.no-auth", "errors.bad-scheme", "errors.bad-json", "errors.no-body"}
        or case.subject.limits.malformed_status == 422
    )


@check("error.envelope", spoke, unasked=unasked.explained("chat", "fim"))
def envelope(exchange: Exchange, case: Case) -> Problems:
    if web_page(exchange) or (exchange.parsed is None and text_is_known(exchange, case)):
        raise Inconclusive("the errors are not JSON, which is reported elsewhere or known")
    body = exchange.json
    if exchange.parsed is None:
        yield Problem(
            f"the error body is {excerpt(exchange.text)!r}, expected a JSON object with error",
            cause="no error envelope",
        )
    elif not isinstance(at(body, "error"), dict):
        got = (
            f"error is {excerpt(body['error'])}"
            if isinstance(body, dict) and "error" in body
            else f"the body is {excerpt(body)}"
        )
        yield Problem(
            f"{got}, expected an object error with message, type, param and code",
            pointer="/error",
            cause="no error envelope",
        )
    else:
        yield from members(body["error"])
        if case.policy == "documented" and "param" not in body["error"]:
            yield Problem("error has no member param", pointer="/error")


def members(error: dict[str, Any]) -> Problems:
    for name in ("message", "type"):
        if not isinstance(error.get(name), str) or not error[name]:
            yield Problem(f"error.{name} is {excerpt(error.get(name))}, expected a string", pointer=f"/error/{name}")
    if "code" not in error:
        yield Problem("error has no member code", pointer="/error")


@check("error.code-is-name", enveloped, unasked=unasked.readable)
def code_is_name(exchange: Exchange, case: Case) -> Problems:
    if "code" not in exchange.json["error"]:
        raise Inconclusive("no error has a code, which is reported elsewhere")
    code = exchange.json["error"].get("code")
    nullable = case.subject.behaviour.error_code_nullable and code is None
    if not nullable and (not isinstance(code, str) or code.isdigit()):
        yield Problem(f"error.code is {code!r}, expected a name such as 'invalid_request_error'", pointer="/error/code")


@check("error.param-harmless", enveloped, unasked=unasked.readable)
def param_harmless(exchange: Exchange, case: Case) -> Problems:
    param = exchange.json["error"].get("param")
    if param is not None and not (isinstance(param, str) and PARAMETER.fullmatch(param)):
        yield Problem(
            f"error.param is {excerpt(param)}, expected null or the name of a parameter", pointer="/error/param"
        )


@check("error.message-helps", enveloped, unasked=unasked.readable)
def message_helps(exchange: Exchange, case: Case) -> Problems:
    message = exchange.json["error"].get("message")
    if not isinstance(message, str) or not re.search(r"[^\W\d_]{3,}", message):
        yield Problem(f"error.message is {message!r}, expected a sentence about the cause", pointer="/error/message")


@check("error.body-not-empty", failed, unasked=unasked.readable)
def body_not_empty(exchange: Exchange, case: Case) -> Problems:
    if not exchange.body.strip():
        yield Problem(f"the body is empty (status {exchange.status}), expected an error object")


@check("error.no-internals", spoke, unasked=unasked.readable)
def no_internals(exchange: Exchange, case: Case) -> Problems:
    if found := INTERNALS.search(exchange.text):
        shown = exchange.text[max(0, found.start() - 40) : found.end() + 80]
        yield Problem(f"the error reveals internals of the server: {found[0]!r}", offset=found.start(), excerpt=shown)


@check("error.no-html", spoke, unasked=unasked.readable)
def no_html(exchange: Exchange, case: Case) -> Problems:
    if web_page(exchange):
        yield Problem(f"the body is a web page (status {exchange.status}), expected JSON", cause="errors are web pages")


@check("error.content-type", enveloped, unasked=unasked.readable, rests=[Observed.HEADERS])
def content_type(exchange: Exchange, case: Case) -> Problems:
    known = case.subject.behaviour.error_content_types
    if exchange.media_type not in known:
        got = exchange.header("content-type") or "no content-type"
        yield Problem(f"content-type is {got}, expected {' or '.join(known)}")


@check("error.prompt-refusal", lambda exchange: tried(exchange) and "fault" in exchange.notes, rests=[Observed.TIMES])
def prompt_refusal(exchange: Exchange, case: Case) -> Problems:
    if exchange.status is None and exchange.end in DIED:
        raise Inconclusive("the connection ended before an answer, which another requirement reports")
    if exchange.status is None:
        yield Problem(
            f"{exchange.notes['fault']}: {outcome(exchange)}, expected an immediate refusal", cause="refusals hang"
        )
    elif (
        exchange.t_sent is not None
        and exchange.t_closed is not None
        and (exchange.t_closed - exchange.t_sent) / 1e9 > SLOW_S
    ):
        seconds = (exchange.t_closed - exchange.t_sent) / 1e9
        yield Problem(
            f"{exchange.notes['fault']}: refused after {seconds:.0f} s, expected immediately", cause="refusals hang"
        )
    elif not failed(exchange):
        raise Inconclusive("no faulty request was refused")


@check("error.401-type", lambda exchange: exchange.status == 401 and enveloped(exchange), unasked=unasked.readable)
def authentication_type(exchange: Exchange, case: Case) -> Problems:
    if exchange.json["error"].get("type") != "authentication_error":
        yield Problem(
            f"error.type is {exchange.json['error'].get('type')!r}, expected 'authentication_error'",
            pointer="/error/type",
        )


@check("error.401-masks-key", spoke, unasked=unasked.readable)
def masks_key(exchange: Exchange, case: Case) -> Problems:
    """The runner replaces the real key by asterisks of equal length; a made-up key is found unchanged."""
    if BAD_KEY[-6:] in exchange.text or BAD_KEY[:-4][-8:] in exchange.text or "*" * 8 in exchange.text:
        yield Problem("the error repeats more of the key than its last four characters")


@check_group("error.stream-same-status", answered)
def stream_same_status(exchanges: Sequence[Exchange], case: Case) -> Problems:
    document = next((each for each in exchanges if not asked(each).get("stream")), None)
    stream = next((each for each in exchanges if asked(each).get("stream")), None)
    if document is None or stream is None:
        raise Inconclusive("one of the two modes was not answered")
    if not failed(document) and not failed(stream):
        raise Inconclusive("both modes served the faulty request")
    if stream.status != document.status:
        yield Problem(
            f"a faulty streaming request got {outcome(stream)}, expected {outcome(document)} as without stream",
            exchange=stream,
        )
