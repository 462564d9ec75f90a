"""Requests of a client, judged against the OpenAPI document of the profile, RFC 9110 and the client's instructions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from echosounder import specs
from echosounder.judgement.check import Case, Problem, Problems, excerpt
from echosounder.judgement.client.check import check, check_requests
from echosounder.judgement.client.scene import Scene
from echosounder.judgement.schema import request_mismatches
from echosounder.wire import strict_json
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

PRODUCT = re.compile(r"[!#$%&'*+.^`|~\w-]+/[!#$%&'*+.^`|~\w-]+")
"""``product/version`` of RFC 9110, 10.1.5."""


def sent(exchange: Exchange, name: str) -> str | None:
    """A header of the request."""
    return next((value for key, value in exchange.request.headers if key.lower() == name), None)


@check_requests("client.request-valid")
def request_valid(exchange: Exchange, case: Case) -> Problems:
    for mismatch in request_mismatches(exchange, case.profile):
        yield Problem(
            f"the request does not match the OpenAPI description: {mismatch.message}",
            pointer=mismatch.pointer,
            excerpt=exchange.request.body.decode(errors="replace"),
        )


@check_requests("client.members-known")
def members_known(exchange: Exchange, case: Case) -> Problems:
    known = _members(case.profile, exchange.request.path)
    for name in exchange.asked if known else ():
        if name not in known:
            yield Problem(
                f"the request has the member {name!r}, expected documented members only",
                pointer=f"/{name}",
                excerpt=excerpt(exchange.asked),
            )


def _members(profile: str, path: str) -> frozenset[str]:
    """The members that the document gives a request under *path*; none where it does not say."""
    document = specs.document(profile)
    operation = at(document, "paths", path.partition("?")[0], "post")
    schema = at(operation, "requestBody", "content", "application/json", "schema")
    return frozenset(_properties(schema, document))


def _properties(schema: Any, document: dict[str, Any]) -> Iterator[str]:
    if reference := at(schema, "$ref"):
        schema = at(document, *reference.removeprefix("#/").split("/"))
    yield from at(schema, "properties") or ()
    for way in ("allOf", "anyOf", "oneOf"):
        for part in at(schema, way) or ():
            yield from _properties(part, document)


@check_requests("client.body-json")
def body_json(exchange: Exchange, case: Case) -> Problems:
    if not isinstance(exchange.request.json, dict):
        yield Problem("the body is not a JSON object in UTF-8", excerpt=exchange.request.body.decode(errors="replace"))


@check_requests("client.members-once")
def members_once(exchange: Exchange, case: Case) -> Problems:
    try:
        found = strict_json.parse(exchange.request.body.decode()).problems
    except ValueError:
        return
    for problem in found:
        yield Problem(f"the body is JSON with a {problem}", excerpt=exchange.request.body.decode(errors="replace"))


@check_requests("client.content-type")
def content_type(exchange: Exchange, case: Case) -> Problems:
    media, _, rest = (sent(exchange, "content-type") or "").partition(";")
    if media.strip().lower() != "application/json":
        yield Problem(f"Content-Type is {sent(exchange, 'content-type')!r}, expected application/json")
    elif rest and not re.fullmatch(r"\s*charset=\"?utf-8\"?\s*", rest, re.IGNORECASE):
        yield Problem(f"Content-Type has the parameter {rest.strip()!r}, expected none, or charset=utf-8")


@check_requests("client.accept")
def accept(exchange: Exchange, case: Case) -> Problems:
    wanted = sent(exchange, "accept")
    expected = "text/event-stream" if exchange.wants_stream else "application/json"
    kinds = {part.partition(";")[0].strip().lower() for part in (wanted or "*/*").split(",")}
    if not kinds & {"*/*", expected, expected.partition("/")[0] + "/*", "application/json"}:
        yield Problem(f"Accept is {wanted!r}, expected it to accept {expected}")


@check_requests("client.user-agent")
def user_agent(exchange: Exchange, case: Case) -> Problems:
    if not PRODUCT.match(sent(exchange, "user-agent") or ""):
        yield Problem(f"User-Agent is {sent(exchange, 'user-agent')!r}, expected product/version")


@check_requests("client.key-in-header")
def key_in_header(exchange: Exchange, case: Case) -> Problems:
    places = exchange.notes.get("key_in", ())
    if not any(place.startswith("header ") for place in places):
        other = "another key" if exchange.notes.get("credential") else "no key"
        yield Problem(f"the request carries {other}, expected the API key given to the client")


@check_requests("client.key-nowhere-else")
def key_nowhere_else(exchange: Exchange, case: Case) -> Problems:
    for place in exchange.notes.get("key_in", ()):
        if place not in ("header authorization", "header x-api-key"):
            yield Problem(f"the key is also in the {place} of the request, expected only in its header")


@check_requests("client.http-version")
def http_version(exchange: Exchange, case: Case) -> Problems:
    if exchange.http_version != "HTTP/1.1":
        yield Problem(f"the request is {exchange.http_version}, expected HTTP/1.1")


@check_requests("client.no-legacy-members")
def no_legacy_members(exchange: Exchange, case: Case) -> Problems:
    for old, new in (("functions", "tools"), ("function_call", "tool_choice")):
        if old in exchange.asked:
            yield Problem(f"the member {old!r} is outdated, expected {new!r}", pointer=f"/{old}")


@check("client.path-served")
def path_served(scene: Scene, case: Case) -> Problems:
    for exchange in scene.exchanges:
        if exchange.status in (404, 405):
            asked = f"{exchange.request.method} {exchange.request.path}"
            yield Problem(f"{asked} got status {exchange.status}, expected an endpoint of the API", exchange=exchange)


@check("client.request-accepted")
def request_accepted(scene: Scene, case: Case) -> Problems:
    for exchange in scene.asked:
        if exchange.status in (400, 413, 415, 422):
            yield Problem(
                f"a correct server refuses the request with {exchange.status}: {excerpt(exchange.text)}",
                exchange=exchange,
            )


@check("client.asked-once")
def asked_once(scene: Scene, case: Case) -> Problems:
    bodies = [exchange.request.body for exchange in scene.asked]
    for body in dict.fromkeys(bodies):
        if bodies.count(body) > 1:
            yield Problem(
                f"the same request was sent {bodies.count(body)} times, expected once: the server answered it"
            )


@check("client.keep-alive")
def keep_alive(scene: Scene, case: Case) -> Problems:
    used = [exchange.notes.get("connection") for exchange in scene.exchanges]
    if len(used) > 1 and len(set(used)) == len(used):
        yield Problem(f"{len(used)} requests, one after the other, opened {len(used)} connections, expected one")


@check("client.call-answered")
def call_answered(scene: Scene, case: Case) -> Problems:
    calls = [call for exchange in scene.asked for call in exchange.answer.calls]
    later = b" ".join(exchange.request.body for exchange in scene.asked[1:])
    for call in calls:
        if len(scene.asked) > 1 and str(call.id).encode() not in later:
            yield Problem(f"the next request has no result for the call {call.id}, expected a tool message with its id")


@check("client.arguments-verbatim")
def arguments_verbatim(scene: Scene, case: Case) -> Problems:
    for before, after in pairwise(scene.asked):
        back = list(_texts(after.asked))
        for call in before.answer.calls:
            if call.arguments not in back and str(call.id) in back and not _holds(after.asked, call.arguments):
                yield Problem(
                    f"the arguments of the call were sent back changed, expected "
                    f"{excerpt(call.arguments)} byte for byte, or the prefix cache misses",
                    exchange=after,
                )


def _holds(value: Any, arguments: str) -> bool:
    """Do *arguments* stand in *value* as an object, as formats have them whose calls carry no text?"""
    try:
        wanted = strict_json.parse(arguments).value
    except ValueError:
        return False
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value == wanted or any(_holds(each, arguments) for each in inner)


def _texts(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(each)
