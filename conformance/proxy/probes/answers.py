"""Answers in every legal form, without delays: the client must get the same answer."""

from __future__ import annotations

from typing import Any

from echosounder.conformance.ask import GREEDY, Ask, Send
from echosounder.conformance.proxy.probes.registry import (
    COUNT,
    ECHO,
    EVENTS,
    MARKER,
    STORY,
    USAGE,
    Steps,
    behind,
    probe,
)
from echosounder.judgement.agreed import OWN
from echosounder.judgement.pairs import behaviours as upstream


@probe("proxy.streaming")
def streaming(ask: Ask) -> Steps:
    """Every legal form of an event stream, and of a non-streaming response."""
    shapes = {
        "comments": upstream.COMMENTS,
        "crlf": upstream.CRLF,
        "no-space": upstream.NO_SPACE,
        "long-line": upstream.LONG_LINE,
        "longest-line": upstream.LONGEST_LINE,
        "usage-apart": upstream.USAGE_APART,
    }
    for step, behaviour in shapes.items():
        yield behind(ask.chat(COUNT, max_tokens=16, **USAGE, **GREEDY, step=step), behaviour)
    yield behind(ask.chat(ECHO, max_tokens=64, **USAGE, **GREEDY, step="one-byte"), upstream.ONE_BYTE_WRITES)
    for step, fields in (("gzip", {}), ("gzip-stream", USAGE)):
        send = ask.chat(COUNT, max_tokens=16, **GREEDY, **fields, step=step)
        yield behind(send.but(headers=(*send.headers, ("accept-encoding", "gzip"))), upstream.GZIP)
    yield behind(ask.chat(COUNT, max_tokens=8, step="blank-lines"), upstream.BLANK_LINES_FIRST)
    yield behind(ask.chat(COUNT, max_tokens=8, step="content-length"), upstream.CONTENT_LENGTH)


@probe("proxy.together")
def together(ask: Ask) -> Steps:
    """Several callers at once: four streams, a non-streaming request, and one that is refused; a different text for each."""
    refused = {"max_tokens": 8, "temperature": 2.5}
    yield behind(_own(ask, 5, step="caller-refused", **refused).but(notes={"fault": "a temperature of 2.5"}), "")
    for caller in range(4):
        yield behind(_own(ask, caller, step=f"caller-{caller}", **USAGE), upstream.BRISK)
    yield _own(ask, 4, step="caller-document")


def _own(ask: Ask, caller: int, **fields: Any) -> Send:
    text = " ".join(OWN[caller] * 24)
    return ask.chat(
        f"(ref {MARKER}) Repeat exactly, and nothing else:\n{text}", **{"max_tokens": 64, **GREEDY, **fields}
    )


@probe("proxy.timing")
def timing(ask: Ask) -> Steps:
    """Streams at a known pace, and silence before and within them."""
    paced = ask.chat(STORY, max_tokens=EVENTS, **USAGE, **GREEDY, step="paced")
    yield behind(paced, upstream.PACED)
    compressed = (*paced.headers, ("accept-encoding", "gzip"))
    yield behind(paced.but(step="paced-gzip", headers=compressed), upstream.PACED)
    yield behind(ask.chat(COUNT, max_tokens=8, **USAGE, step="quiet-start"), upstream.QUIET_START)
    yield behind(ask.chat(COUNT, max_tokens=8, **USAGE, step="late"), upstream.LATE_ANSWER)
