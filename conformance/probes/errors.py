"""Requests with a fault of the client: cheap, since they are refused before anything is generated.

The note ``fault`` says in words what is wrong; a check may rely on it that the request must be refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from echosounder.conformance.ask import CHAT, Ask, Send
from echosounder.conformance.budget import STOPPED
from echosounder.conformance.probe import Steps, always, probe
from echosounder.judgement.agreed import BAD_KEY
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite

HELLO = [{"role": "user", "content": "Say hello."}]


def faulty(send: Send, fault: str) -> Send:
    return send.but(notes={"fault": fault})


def wrong(ask: Ask, fault: str, *, step: str = "", **fields: Any) -> Send:
    """A chat request that is legal except for *fields*."""
    return faulty(ask.chat(HELLO, step=step, **{"max_tokens": 1, **fields}), fault)


def keyed(send: Send, authorization: str | None, fault: str) -> Send:
    return faulty(send.but(authorization=authorization), fault)


def needs_key(subject: Subject) -> bool:
    """A target that needs no key, and was given none, does not refuse keys."""
    return subject.keyed


def one(
    name: str, build: Callable[[Ask], Send], suite: Suite = Suite.STANDARD, applies: Callable[[Subject], bool] = always
) -> None:
    """Registers a probe of a single faulty request."""

    def steps(ask: Ask) -> Steps:
        yield build(ask)

    steps.__doc__ = f"A request with one fault: {name.partition('.')[2].replace('-', ' ')}."
    probe(name, suite, tokens=1, features={"errors"}, order=10, applies=applies)(steps)


one("errors.no-auth", lambda ask: keyed(ask.chat(HELLO, max_tokens=1), None, "no key"), Suite.SMOKE, needs_key)
one(
    "errors.bad-key",
    lambda ask: keyed(ask.chat(HELLO, max_tokens=1), f"Bearer {BAD_KEY}", "unknown key"),
    Suite.SMOKE,
    needs_key,
)
one(
    "errors.bad-scheme",
    lambda ask: keyed(ask.chat(HELLO, max_tokens=1), "Basic {key}", "another scheme than Bearer"),
    applies=needs_key,
)
one(
    "errors.bad-key-bad-json",
    lambda ask: keyed(ask.post(CHAT, b'{"model":'), f"Bearer {BAD_KEY}", "unknown key and no JSON"),
    Suite.THOROUGH,
    needs_key,
)
one("models.bad-key", lambda ask: keyed(ask.get("/models"), f"Bearer {BAD_KEY}", "unknown key"), applies=needs_key)
one(
    "balance.bad-key",
    lambda ask: keyed(ask.get("/user/balance"), f"Bearer {BAD_KEY}", "unknown key"),
    Suite.THOROUGH,
    needs_key,
)
one("errors.no-body", lambda ask: faulty(ask.post(CHAT, b""), "no body"))
one("errors.missing-messages", lambda ask: wrong(ask, "no messages", messages=...), Suite.SMOKE)
one("errors.missing-model", lambda ask: wrong(ask, "no model", model=...))
one("errors.empty-messages", lambda ask: wrong(ask, "empty messages", messages=[]))
one("errors.unknown-model", lambda ask: wrong(ask, "unknown model", model="echosounder-no-such-model"), Suite.SMOKE)
one("errors.unknown-role", lambda ask: wrong(ask, "unknown role", messages=[{"role": "narrator", "content": "Hi."}]))
one(
    "errors.developer-role",
    lambda ask: wrong(ask, "role developer", messages=[{"role": "developer", "content": "Hi."}, *HELLO]),
    Suite.THOROUGH,
)
one(
    "errors.media-type",
    lambda ask: faulty(ask.chat(HELLO, max_tokens=1).but(headers=(("content-type", "text/plain"),)), "text/plain"),
)
one("errors.wrong-path", lambda ask: faulty(ask.post("/echosounder/no-such-path", {}), "unknown path"))


one(
    "errors.wrong-method",
    lambda ask: faulty(ask.get(CHAT), "GET instead of POST"),
    applies=lambda ask: not ask.behaviour.lists_completions,
)


@probe("errors.bad-json", requests=4, tokens=0, features={"errors"}, order=10)
def bad_json(ask: Ask) -> Steps:
    """Bodies that are not JSON: cut, trailing text, bytes that are not UTF-8, an array."""
    yield faulty(ask.post(CHAT, b'{"model":', step="cut"), "cut JSON")
    yield faulty(ask.post(CHAT, b"hello", step="text"), "text")
    yield faulty(ask.post(CHAT, b'{"model":"\xff\xfe"}', step="not-utf8"), "not UTF-8")
    yield faulty(ask.post(CHAT, b"[1,2]", step="array"), "an array")


@probe("errors.wrong-type", requests=4, tokens=3 + STOPPED, features={"errors"}, order=10)
def wrong_type(ask: Ask) -> Steps:
    """Members of the wrong JSON type."""
    yield wrong(ask, "messages is an object", messages={"role": "user", "content": "Hi."}, step="messages")
    yield wrong(ask, "max_tokens is text", max_tokens="eight", stop=[" ", "\n"], step="max_tokens")
    yield wrong(ask, "temperature is text", temperature="warm", step="temperature")
    yield wrong(ask, "stream is a number", stream=7, step="stream")


@probe("errors.stream-bad-request", requests=2, tokens=2, features={"errors", "stream"}, order=10)
def stream_bad_request(ask: Ask) -> Steps:
    """The same bad request, non-streaming and streaming."""
    bad = {"messages": [{"role": "narrator", "content": "Hi."}]}
    yield wrong(ask, "unknown role", **bad, step="document")
    yield wrong(ask, "unknown role", **bad, stream=True, step="stream")
