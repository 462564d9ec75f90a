"""Faults without a network: mutants of recorded exchanges, by the hundred.

Checks are pure, so their strength can be measured on a log alone: a check that no mutant of its own exchanges can fail is
no check, and a mutant that makes one raise is a hole in it. Every mutant changes one thing; its name says which, and it is
made only when it is called for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from echosounder.conformance.content_mutations import Make, Mutant, contents, with_body, without
from echosounder.wire import sse
from echosounder.wire.exchange import End, Exchange, Read
from echosounder.wire.strict_json import at

TYPES = ("text/html", "text/event-stream", "application/json", "text/plain", "application/json;", "")
PAGE = b"<html><title>502 Bad Gateway</title></html>"


def mutants(exchange: Exchange) -> Iterator[Mutant]:
    """Mutants of one exchange: of its status, head and timing, of its body as bytes, of the request, and of its content."""
    yield from _outcomes(exchange)
    yield from _heads(exchange)
    yield from _times(exchange)
    yield from _bodies(exchange)
    yield from _echoes(exchange)
    yield (
        "a request that is not legal",
        partial(replace, exchange, request=replace(exchange.request, body=b'{"model":7}')),
    )
    yield from contents(exchange)


def together(exchanges: Sequence[Exchange]) -> Iterator[tuple[str, Callable[[], list[Exchange]]]]:
    """The same mutation applied to several exchanges, because a single one among repeated probes would be attributed to the model."""
    makers = [dict(mutants(exchange)) for exchange in exchanges]
    for name in makers[0]:
        if all(name in each for each in makers):
            yield name, partial(_all, [each[name] for each in makers])


def _all(makes: list[Make]) -> list[Exchange]:
    return [make() for make in makes]


def _outcomes(exchange: Exchange) -> Iterator[Mutant]:
    error = b'{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":"invalid_request_error"}}'
    for status in (200, 302, 400, 403, 404, 422, 500):
        if status != exchange.status:
            yield f"status {status}", partial(replace, exchange, status=status)
            yield f"status {status} with an envelope", partial(with_body, replace(exchange, status=status), error)
    silent = {"status": None, "headers": (), "reads": (), "end": End.IDLE_TIMEOUT, "error": "timed out"}
    yield "no answer", partial(replace, exchange, **silent)
    for end in (End.RESET, End.TRUNCATED, End.IDLE_TIMEOUT):
        half = exchange.reads[: len(exchange.reads) // 2]
        yield f"cut by {end}", partial(replace, exchange, end=end, error=str(end), reads=half)


def _heads(exchange: Exchange) -> Iterator[Mutant]:
    untyped = without(exchange.headers, "content-type")
    for media_type in TYPES:
        typed = (*untyped, ("content-type", media_type)) if media_type else untyped
        yield f"labelled {media_type or 'nothing'}", partial(replace, exchange, headers=typed)
    for name, _ in exchange.headers:
        yield f"without {name}", partial(replace, exchange, headers=without(exchange.headers, name.lower()))
    unframed = without(without(exchange.headers, "transfer-encoding"), "content-length")
    yield "without framing", partial(replace, exchange, headers=unframed)
    yield "compressed by word", partial(replace, exchange, headers=(*exchange.headers, ("content-encoding", "gzip")))
    yield "HTTP/1.0", partial(replace, exchange, http_version="HTTP/1.0")
    yield "on a new connection", partial(replace, exchange, t_connected=exchange.t_sent)


def _times(exchange: Exchange) -> Iterator[Mutant]:
    if not exchange.reads or exchange.t_sent is None:
        return
    late = exchange.t_sent + 3_000_000_000
    burst = tuple(Read(late, read.data) for read in exchange.reads)
    yield "in one burst", partial(replace, exchange, reads=burst, t_closed=late)
    yield "in one burst with its headers", partial(replace, exchange, reads=burst, t_headers=late, t_closed=late)
    yield "open for long", partial(replace, exchange, t_closed=exchange.reads[-1].at + 30_000_000_000)


def _bodies(exchange: Exchange) -> Iterator[Mutant]:
    body = exchange.body
    for name, changed in (
        ("empty", b""),
        ("blank", b"\n\n"),
        ("half", body[: len(body) // 2]),
        ("a page", PAGE),
        ("with a byte order mark", sse.BOM + body),
        ("after a comment", b": OPENROUTER PROCESSING\n\n" + body),
        ("before [DONE]", body + b"\ndata: [DONE]\n\n"),
        ("with bytes that are no UTF-8", body.replace(b"e", b"\xff", 1)),
        ("with NaN", body.replace(b"null", b"NaN", 1)),
        ("with a key twice", body.replace(b'"id"', b'"id":"x","id"', 1)),
        ("text", b"Something went wrong at /usr/lib/python3/site-packages/app.py:7"),
        ("stars", b'{"error":{"message":"bad key ****************"}}'),
    ):
        yield f"body {name}", partial(with_body, exchange, changed)


def _echoes(exchange: Exchange) -> Iterator[Mutant]:
    """The last message of the request in front of the answer."""
    said = at(exchange.request.json, "messages", -1, "content")
    if not isinstance(said, str) or not exchange.body:
        return
    name = next((name for name in ("content", "text") if f'"{name}":"'.encode() in exchange.body), None)
    if name is not None:
        member, echo = f'"{name}":"'.encode(), json.dumps(said)[1:-1].encode()
        yield "the last message in front", partial(with_body, exchange, exchange.body.replace(member, member + echo, 1))
