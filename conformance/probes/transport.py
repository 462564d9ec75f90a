"""Below the API: encodings, chunked bodies, sizes, media types, paths, connections."""

from __future__ import annotations

from typing import Any

from echosounder.conformance.ask import CHAT, GREEDY, Ask, Send
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.chat import COUNT, STORY, STREAM_USAGE
from echosounder.conformance.probes.errors import faulty
from echosounder.conformance.probes.tools import PARIS, WEATHER, forced
from echosounder.judgement.agreed import BAD_KEY, OWN, REPEAT
from echosounder.judgement.setting import Suite

HELLO = "Say hello."


@probe("transport.compressed", requests=2, tokens=80)
def compressed(ask: Ask) -> Steps:
    """A non-streaming and a streaming response for a client that accepts gzip."""
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
    """Paths with an extra trailing slash."""
    for path in (f"{CHAT}/", f"/{CHAT}", "/models/"):
        send = ask.get(path, step=path) if "models" in path else ask.chat(HELLO, max_tokens=4, path=path, step=path)
        yield send.but(notes={"open": "served, or 404"})


@probe("transport.big-body", prompt=0, tokens=0, features={"limits"}, order=90)
def big_body(ask: Ask) -> Steps:
    """Two mebibytes of JSON that is cut at the end: it has to be read whole, and cannot be billed."""
    text = "lighthouse " * 190_651
    body = ask.chat([{"role": "user", "content": text}], max_tokens=1).body[:-1]
    yield faulty(ask.post(CHAT, body), "cut JSON of two mebibytes")


def own(ask: Ask, caller: int, count: int = 4, **fields: Any) -> Send:
    """A text to repeat that is unique to this caller."""
    text = " ".join(OWN[caller] * count)
    return ask.chat(f"{REPEAT}{text}", max_tokens=2 * count, **GREEDY, **fields)


@probe("transport.keep-alive", requests=3, tokens=24)
def keep_alive(ask: Ask) -> Steps:
    """Non-streaming, streaming and non-streaming over one connection, with a different text in each."""
    yield own(ask, 0, step="1").but(keep_alive=True)
    yield own(ask, 1, **STREAM_USAGE, step="2").but(keep_alive=True)
    yield own(ask, 2, step="3").but(keep_alive=True)


@probe("chat.together", requests=6, prompt=2500, tokens=328)
def together(ask: Ask) -> Steps:
    """Several callers at once: four streams, a non-streaming request, and one whose model does not exist; a different text in each."""
    streams = [own(ask, caller, 32, **STREAM_USAGE, step=f"stream-{caller}") for caller in range(4)]
    refused = faulty(own(ask, 5, step="refused", model="echosounder-no-such-model"), "a model that does not exist")
    yield [refused, *streams, own(ask, 4, 32, step="document")]


@probe("chat.fresh", requests=7, prompt=3000, tokens=195)
def fresh(ask: Ask) -> Steps:
    """One question under another bound, stop text, last word, tool_choice and key: is each answered afresh?"""

    def asked(letter: str, step: str, **fields: Any) -> Send:
        text = f"{ask.salt} {letter} {letter} HALT {letter} {letter}"
        turns = [{"role": "system", "content": "You repeat."}, {"role": "user", "content": f"{REPEAT}{text}"}]
        return ask.chat(turns, **{"max_tokens": 32, **GREEDY, **fields}, step=step)

    yield asked(OWN[0], "cut", max_tokens=3)
    yield asked(OWN[0], "whole")
    yield asked(OWN[0], "stopped", stop="HALT")
    yield asked(OWN[1], "other")
    if ask.limits.tools:
        weather = f"Note {ask.salt}. {PARIS}"
        yield ask.chat(weather, tools=[WEATHER], tool_choice="none", max_tokens=32, **GREEDY, step="no-call")
        yield ask.chat(weather, tools=[WEATHER], **forced(ask), max_tokens=32, **GREEDY, step="call")
    if ask.keyed:
        wrong = asked(OWN[0], "wrong-key").but(authorization=f"Bearer {BAD_KEY}")
        yield faulty(wrong, "a question that was answered, and a key that is wrong")


@probe("chat.fresh-hot", Suite.THOROUGH, requests=5, tokens=5 * 49)
def fresh_hot(ask: Ask) -> Steps:
    """One question, deterministic, then twice at temperatures at which no answer comes again, and twice with another bound as control."""
    story = f"Note {ask.salt}. {STORY}"
    yield ask.chat(story, max_tokens=48, **GREEDY, step="cold")
    for step, temperature, most in (
        ("hot", 2, 48),
        ("warm", 1.9, 48),
        ("control-hot", 2, 49),
        ("control-warm", 1.9, 49),
    ):
        yield ask.chat(story, max_tokens=most, temperature=temperature, step=step)


@probe("transport.v1", tokens=4)
def v1(ask: Ask) -> Steps:
    """The alias of early SDKs."""
    yield ask.chat(HELLO, max_tokens=4, path=f"/v1{CHAT}")
