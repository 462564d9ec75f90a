"""Below the API: encodings, chunked bodies, sizes, media types, paths, connections."""

from __future__ import annotations

from echosounder.conformance.ask import CHAT, GREEDY, Ask
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.chat import COUNT, STREAM_USAGE
from echosounder.conformance.probes.errors import faulty

HELLO = "Say hello."


@probe("transport.compressed", requests=2, tokens=80)
def compressed(ask: Ask) -> Steps:
    """A document and a stream for a client that offers gzip."""
    for send in (
        ask.chat(HELLO, step="document"),
        ask.chat(COUNT, max_tokens=64, **GREEDY, **STREAM_USAGE, step="stream"),
    ):
        yield send.but(headers=(*send.headers, ("accept-encoding", "gzip")))


@probe("transport.charset", requests=2, tokens=8)
def charset(ask: Ask) -> Steps:
    """The media type with a charset, and in capitals."""
    for step, value in (
        ("charset", "application/json; charset=utf-8"),
        ("capitals", "Application/JSON; Charset=UTF-8"),
    ):
        yield ask.chat(HELLO, max_tokens=4, step=step).but(headers=(("content-type", value),))


@probe("transport.lower-bearer", tokens=4)
def lower_bearer(ask: Ask) -> Steps:
    """The scheme in lower case."""
    yield ask.chat(HELLO, max_tokens=4).but(authorization="bearer {key}")


@probe("transport.chunked-request", tokens=4)
def chunked_request(ask: Ask) -> Steps:
    """A request body in chunks."""
    yield ask.chat(HELLO, max_tokens=4).but(chunked=True)


@probe("transport.trailing-slash", requests=3, tokens=12, features={"errors"})
def trailing_slash(ask: Ask) -> Steps:
    """Paths with a slash too many."""
    for path in (f"{CHAT}/", f"/{CHAT}", "/models/"):
        send = ask.get(path, step=path) if "models" in path else ask.chat(HELLO, max_tokens=4, path=path, step=path)
        yield send.but(notes={"open": "served, or 404"})


@probe("transport.big-body", prompt=0, tokens=0, features={"limits"}, order=90)
def big_body(ask: Ask) -> Steps:
    """Two mebibytes of JSON that is cut at the end: it has to be read whole, and cannot be billed."""
    text = "lighthouse " * 190_651
    body = ask.chat([{"role": "user", "content": text}], max_tokens=1).body[:-1]
    yield faulty(ask.post(CHAT, body), "cut JSON of two mebibytes")


@probe("transport.keep-alive", requests=3, tokens=16)
def keep_alive(ask: Ask) -> Steps:
    """A document, a stream and a document over one connection."""
    yield ask.chat(HELLO, max_tokens=4, step="1").but(keep_alive=True)
    yield ask.chat(HELLO, max_tokens=8, **STREAM_USAGE, step="2").but(keep_alive=True)
    yield ask.chat(HELLO, max_tokens=4, step="3").but(keep_alive=True)


@probe("transport.v1", tokens=4)
def v1(ask: Ask) -> Steps:
    """The alias of early SDKs."""
    yield ask.chat(HELLO, max_tokens=4, path=f"/v1{CHAT}")
