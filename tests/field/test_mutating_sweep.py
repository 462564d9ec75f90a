"""Every fault of the mock, committed by a mock that stands between client and mock: what the two sides show must be found.

A deviation counts as visible when the mock in the middle says that it took effect on at least one of our requests; then some
requirement must be broken. Legal variants are sought too: in the middle they are changes like any other.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import httpx
import pytest

from echosounder.conformance import provenance
from echosounder.conformance.ask import Ask
from echosounder.conformance.http_sender import Bounds
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.proxy.probes import PROBES
from echosounder.conformance.proxy.sender import PairSender
from echosounder.conformance.proxy.upstream import UpstreamControl
from echosounder.judgement.pairs.score import score
from echosounder.mock_server.deviations import Layer, all_deviations
from echosounder.mock_server.net.process import spawn
from echosounder.wire.header import ClockReading, RunKind
from echosounder.wire.runlog import Run
from echosounder.wire.target import target

KEY = "sk-sweep-0123456789"
LANES = 4 * (os.cpu_count() or 1)
"""Deviations that are tried at a time, each between mocks of its own: a behaviour is set for all requests of a mock."""
IDLE_S = 3.0
"""Longer than any silence of our streams, and all that a deviation that hangs has to outlast."""

QUICK = ("400", "401", "402", "422", "429", "500", "503", "invalid", "error-event")
EVERY = (
    ("proxy.fidelity", ()),
    ("proxy.routes", ()),
    ("proxy.failures", QUICK),
    ("proxy.access", ()),
    ("proxy.forms", ()),
    ("proxy.faults", ()),
)
SLOW = ("proxy.streaming", ()), ("proxy.failures", ()), ("proxy.timing", ()), ("proxy.connections", ())
"""A probe and its steps, all of them where none is named. Sent one after the other until something is found."""
BYTES = {Layer.HTTP, Layer.SSE, Layer.TCP}
"""What depends on framing and time; everything else shows in an answer as it stands."""

BRIEFLY = {
    "chunked-request-hangs": "seconds=4",
    "completions-stream-hangs": "seconds=4",
    "idle-timeout-cut": "seconds=0.05",
    "max-tokens-invalid": "seconds=4",
    "no-close-after-done": "seconds=1",
    "slow-refusals": "seconds=4",
    "stall": "seconds=4",
}
"""What the clock shows shows in seconds as well as in minutes."""


# What changes nothing that a client may rely on, or nothing that can be told from what happens anyway.
INVISIBLE = {
    "header-case": "names of headers are case-insensitive (RFC 9110, 5.1)",
    "no-reason-phrase": "clients are told to ignore the reason phrase (RFC 9112, 4)",
    "content-type-spelling": "media types are case-insensitive (RFC 9110, 8.3.1), and JSON has no charset (RFC 8259, 11)",
    "extra-headers": "a proxy may add headers of its own (RFC 9110, 7.7)",
    "early-hints": "interim responses may be added and dropped by a proxy (RFC 9110, 15.2)",
    "chunk-extensions": "the transfer coding belongs to each hop (RFC 9112, 7)",
    "chunked-errors": "the transfer coding belongs to each hop (RFC 9112, 7)",
    "content-length-body": "the transfer coding belongs to each hop (RFC 9112, 7)",
    "one-byte-writes": "TCP is a stream of bytes without borders (RFC 9293, 3.8)",
    "role-developer-rejected": "the API refuses the role too, and a proxy may do that by itself",
    "paced": "twenty milliseconds between events are no more than a busy machine adds",
}
# What changes something that none of our requests has, or that the mock does anyway.
UNPROVOKED = {
    "logprobs-of-reasoner-dropped": "asks for a model by the name deepseek-reasoner; we ask for one, by the name that is listed",
    "assistant-last-400": "whether the API takes such a conversation is not documented",
    "tool-result-array-content-rejected": "whether the API takes such a result is not documented",
    "tools-empty-array-rejected": "whether the API takes an empty array is not documented",
    "tool-result-array-content-crashes": "whether the API takes such a result is not documented",
    "effort-without-thinking-crashes": "whether the API takes an effort without thinking is not documented",
    "trailing-slash": "where a proxy hangs the paths of the API is its own choice",
    "v1-missing": "where a proxy hangs the paths of the API is its own choice",
    "model-echoed": "the mock names the model that was asked for anyway",
    "usage-on-finish-chunk": "the mock has usage there anyway, in this profile",
    "n-interleave-id": "the API refuses more than one choice",
}


@dataclass(frozen=True)
class Lane:
    mock: str
    between: str


@pytest.fixture(scope="module")
def lanes() -> Iterator[SimpleQueue[Lane]]:
    free: SimpleQueue[Lane] = SimpleQueue()
    with ExitStack() as stack:
        for _ in range(LANES):
            mock = stack.enter_context(spawn(ttft_ms=2, itl_ms=0.5)).url
            free.put(Lane(mock, stack.enter_context(spawn(upstream=mock)).url))
        yield free


def found(lane, name, steps):
    """The broken requirements after these steps of a probe, and whether the deviation in the middle took effect."""
    options = CheckOptions(target(lane.between), Path("."), KEY, position="proxy")
    ask = Ask(options.profile, "deepseek-v4-flash")
    clock = ClockReading(time.time(), time.monotonic_ns())
    exchanges = []
    with (
        UpstreamControl(lane.mock) as control,
        PairSender(options.target, KEY, Bounds(idle_s=IDLE_S), control, str(clock.unix)) as position,
    ):
        for send in PROBES[name](ask):
            if not steps or send.step in steps:
                [pair] = position.pairs([send], name)
                exchanges += [pair.client, *pair.upstream]
        position.rest()
    run = Run(provenance.header(options, ask.model, clock, RunKind.PROXY), tuple(exchanges))
    broken = {
        each.requirement for each in score(run) if each.verdict in {"fail", "nonstrict", "unsupported", "untestable"}
    }
    applied = httpx.get(f"{lane.between}/__mock/deviations").json()["deviations"]
    return broken, any(each["applied"] for each in applied)


@pytest.mark.field
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "steps"), [*EVERY, *SLOW])
def test_an_honest_mock_between_breaks_nothing(lanes, name, steps):
    with taken(lanes) as lane:
        told(lane, [])
        assert found(lane, name, steps)[0] == set()


@pytest.mark.field
@pytest.mark.timeout(900)
@pytest.mark.parametrize("layer", [layer for layer in Layer if layer is not Layer.PLAN])
def test_what_a_proxy_changes_is_found(lanes, layer, record_property):
    """One test for a layer: its message is the list of what was missed, its properties count what was found."""
    rows = [each for each in all_deviations() if each.layer is layer]
    with ThreadPoolExecutor(LANES) as pool:
        outcomes = dict(
            zip([each.name for each in rows], pool.map(lambda each: outcome(lanes, each), rows), strict=True)
        )
    for kind in ("found", "not provoked", "missed"):
        names = {name for name, how in outcomes.items() if how == kind}
        record_property(kind, sorted(names))
        print(f"{layer}: {kind} {len(names)}: {' '.join(sorted(names))}")
    missed = {name for name, how in outcomes.items() if how == "missed"}
    assert missed == INVISIBLE.keys() & outcomes.keys()
    assert {name for name, how in outcomes.items() if how == "not provoked"} == UNPROVOKED.keys() & outcomes.keys()


def outcome(lanes, deviation):
    """``found``; ``missed`` where it changed something and nothing was found; ``not provoked`` where it changed nothing."""
    text = ":".join(filter(None, (deviation.name, BRIEFLY.get(deviation.name))))
    visible = seen = False
    with taken(lanes) as lane:
        told(lane, [text])
        for name, steps in (*EVERY, *SLOW) if deviation.layer in BYTES else EVERY:
            broken, applied = found(lane, name, steps)
            visible, seen = visible or applied, seen or bool(broken)
            if visible and seen:
                return "found"
    return "missed" if visible else "not provoked"


@contextmanager
def taken(lanes):
    lane = lanes.get()
    try:
        yield lane
    finally:
        lanes.put(lane)


def told(lane, deviations):
    httpx.post(f"{lane.between}/__mock/deviate", json={"deviate": deviations}).raise_for_status()
