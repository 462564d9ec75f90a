"""Every fault of the mock, committed by a mock that stands between client and mock: what the two sides show must be found.

A deviation counts as visible when the mock in the middle says that it took effect on at least one of our requests; then some
requirement must be broken. Legal variants are sought too: in the middle they are changes like any other.
"""

import time
from pathlib import Path

import httpx
import pytest

from conformance import engine
from conformance.ask import Ask
from conformance.proxy import score
from conformance.proxy.probes import PROBES
from conformance.proxy.session import Session
from conformance.proxy.upstream import Upstream
from conformance.runner import Bounds
from mock_server.deviations import Layer, all_deviations
from mock_server.process import spawn
from wire.runlog import Run
from wire.target import target

KEY = "sk-sweep-0123456789"
QUICK = ("400", "401", "402", "422", "429", "500", "503", "invalid", "error-event")
EVERY = ("proxy.fidelity", ()), ("proxy.routes", ()), ("proxy.failures", QUICK)
SLOW = ("proxy.streaming", ()), ("proxy.access", ()), ("proxy.failures", ()), ("proxy.timing", ())
"""A probe and its steps, all of them where none is named. Sent one after the other until something is found."""
BYTES = {Layer.HTTP, Layer.SSE, Layer.TCP}
"""What depends on framing and time; everything else shows in an answer as it stands."""

# What changes nothing that a client may rely on, or nothing that can be told from what the mock between did anyway.
INVISIBLE = {
    "header-case": "names of headers are case-insensitive (RFC 9110, 5.1)",
    "no-reason-phrase": "the reason phrase says nothing (RFC 9112, 4)",
    "chunk-extensions": "the transfer coding belongs to each hop",
    "chunks-across-events": "the transfer coding belongs to each hop",
    "chunked-errors": "the transfer coding belongs to each hop",
    "content-length-body": "the transfer coding belongs to each hop",
    "one-byte-writes": "TCP has no borders of writes",
    "several-events-per-write": "TCP has no borders of writes",
    "content-type-spelling": "media types are case-insensitive (RFC 9110, 8.3.1)",
    "content-type-malformed": "the media type is the same once it is read leniently, as clients do",
    "extra-headers": "a gateway may add headers of its own",
    "error-json-type": "the requirement holds the error's body, whatever media type it is under",
    "deepseek-error-octet-stream": "the same",
    "error-in-plain-text": "the same",
    "paced": "twenty milliseconds between events are no buffering",
    "early-hints": "interim responses may be dropped and added (RFC 9110, 15.2)",
}


# Visible, and not judged yet.
GAPS = {
    "gzip-unasked": "an answer compressed for a client that did not offer it",
    "auth-error-json": "a refusal in plain text that becomes JSON",
}


@pytest.fixture(scope="module")
def mock():
    with spawn(ttft_ms=2, itl_ms=0.5) as running:
        yield running.url


@pytest.fixture(scope="module")
def between(mock):
    with spawn(upstream=mock) as running:
        yield running.url


def found(mock, between, name, steps):
    """The broken requirements after these steps of a probe, and whether the deviation in the middle took effect."""
    options = engine.Options(target(between), Path("."), KEY, position="proxy")
    ask = Ask(options.profile, "deepseek-v4-flash")
    clock = {"unix": time.time(), "monotonic_ns": time.monotonic_ns()}
    exchanges = []
    with (
        Upstream(mock) as control,
        Session(options.target, KEY, Bounds(idle_s=3.0), control, str(clock["unix"])) as session,
    ):
        for send in PROBES[name](ask):
            if not steps or send.step in steps:
                pair = session.send(send, name)
                exchanges += [pair.client, *pair.upstream]
        session.rest()
    run = Run(engine._header(options, ask.model, clock), tuple(exchanges))
    broken = {
        each.requirement for each in score(run) if each.verdict in {"fail", "nonstrict", "unsupported", "untestable"}
    }
    applied = httpx.get(f"{between}/__mock/deviations").json()["deviations"]
    return broken, any(each["applied"] for each in applied)


@pytest.mark.field
@pytest.mark.parametrize(("name", "steps"), [*EVERY, *SLOW])
def test_an_honest_mock_between_breaks_nothing(mock, between, name, steps):
    httpx.post(f"{between}/__mock/deviate", json={"deviate": []})
    assert found(mock, between, name, steps)[0] == set()


@pytest.mark.field
@pytest.mark.parametrize("layer", [layer for layer in Layer if layer is not Layer.PLAN])
def test_what_a_proxy_changes_is_found(mock, between, layer, record_property):
    """One test for a layer: its message is the list of what was missed, its properties count what was found."""
    outcomes = {each.name: outcome(mock, between, each) for each in all_deviations() if each.layer is layer}
    for kind in ("found", "not provoked", "missed"):
        names = [name for name, how in outcomes.items() if how == kind]
        record_property(kind, names)
        print(f"{layer}: {kind} {len(names)}: {' '.join(names)}")
    assert {name for name, how in outcomes.items() if how == "missed"} - INVISIBLE.keys() - GAPS.keys() == set()


def outcome(mock, between, deviation):
    httpx.post(f"{between}/__mock/deviate", json={"deviate": [deviation.name]}).raise_for_status()
    visible = seen = False
    for name, steps in (*EVERY, *SLOW) if deviation.layer in BYTES else EVERY:
        broken, applied = found(mock, between, name, steps)
        visible, seen = visible or applied, seen or bool(broken)
        if visible and seen:
            return "found"
    return "missed" if visible else "not provoked"
