"""Failures: clients that hang up, keys that are refused, upstreams that fail."""

from __future__ import annotations

from echosounder.conformance.ask import Ask
from echosounder.conformance.proxy.probes.registry import COUNT, HELLO, STORY, USAGE, Steps, behind, probe
from echosounder.judgement.pairs import behaviours as upstream


@probe("proxy.cancel")
def cancel(ask: Ask) -> Steps:
    """A client that disconnects: within a stream, before its first byte, and before a non-streaming response."""
    yield behind(ask.chat(STORY, max_tokens=14, **USAGE, step="mid-stream"), upstream.SLOW).but(cancel_after=3)
    yield behind(ask.chat(COUNT, max_tokens=8, **USAGE, step="waiting"), upstream.LATE_HEAD, idle_s=0.5)
    yield behind(ask.chat(COUNT, max_tokens=8, step="waiting-document"), upstream.LATE_HEAD, idle_s=0.5)


WRONG_KEY = "sk-echosounder-wrong-key-4711"


@probe("proxy.access")
def access(ask: Ask) -> Steps:
    """Without a key, with a wrong one, and with the right one."""
    yield ask.chat(HELLO, max_tokens=4, step="no-key").but(authorization=None, notes={"fault": "no key"})
    wrong = ask.chat(HELLO, max_tokens=4, step="wrong-key")
    yield wrong.but(authorization=f"Bearer {WRONG_KEY}", notes={"fault": "a wrong key"})
    yield ask.chat(HELLO, max_tokens=4, step="right-key")


@probe("proxy.connections")
def connections(ask: Ask) -> Steps:
    """Several requests over one connection, with a second of rest between them."""
    for step in ("first", "second"):
        yield ask.chat(HELLO, max_tokens=4, step=step).but(keep_alive=True)
    yield ask.chat(COUNT, max_tokens=8, **USAGE, step="rested").but(keep_alive=True, notes={"rest_s": 1.0})


@probe("proxy.failures")
def failures(ask: Ask) -> Steps:
    """Every upstream failure. Sent last: a gateway may take a failing upstream out of service for a while.

    The failures that gateways retry come first among streams and among non-streaming requests, because those wait concurrently.
    """
    cuts = [behind(ask.chat(COUNT, max_tokens=24, **USAGE, step=step), how) for step, how in upstream.CUTS.items()]
    yield from (send for send in cuts if "before-head" in send.step)
    yield behind(ask.chat(COUNT, max_tokens=24, **USAGE, step="stall"), upstream.STALL, idle_s=upstream.STALLED_S)
    for status in (429, 500):
        send = ask.chat(HELLO, max_tokens=4, **USAGE, step=f"{status}-stream-late")
        yield behind(send, upstream.refusal(status, after_ms=400))
    yield from (send for send in cuts if "before-head" not in send.step)
    yield behind(ask.chat(COUNT, max_tokens=24, **USAGE, step="error-event"), upstream.ERROR_EVENT)
    yield behind(ask.chat(COUNT, max_tokens=24, step="body-cut"), upstream.BODY_CUT)
    for status in upstream.STATUSES:
        yield behind(ask.chat(HELLO, max_tokens=4, step=str(status)), upstream.refusal(status, retry_after=1))
    yield ask.chat([], max_tokens=4, step="invalid").but(notes={"fault": "no messages"})
