"""No verdict `pass` without an exchange in which a breach could have shown.

An honest run is made poorer in one way at a time; what a requirement needs to be judged is then gone, and nothing wrong is
put in its place. `lost` are the requirements that this concerns, `kept` those among them that can be judged all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import pytest

from echosounder.conformance.check_run import check
from echosounder.conformance.options import CheckOptions
from echosounder.conformance.probe_choice import PROBES
from echosounder.judgement.answers import completion
from echosounder.judgement.assigned import checks, matching
from echosounder.judgement.score import score
from echosounder.judgement.setting import Suite
from echosounder.wire import sse
from echosounder.wire.exchange import End, Exchange, Read
from echosounder.wire.runlog import read
from echosounder.wire.strict_json import at
from echosounder.wire.target import target
from echosounder.wire.verdict import Verdict

Body = dict[str, Any]


def rewritten(exchange: Exchange, edit: Callable[[Body], Body | None]) -> Exchange:
    """The exchange with each JSON object of its answer edited, at the stamps it had; None drops an event."""
    if not exchange.streamed:
        return with_reads(exchange, [Read(exchange.reads[-1].at, json.dumps(edit(deepcopy(exchange.json))).encode())])
    bodies, reads = dict(exchange.chunks), []
    for stamped, text in zip(exchange.events, exchange.data, strict=True):
        edited = edit(deepcopy(bodies[stamped.index])) if stamped.index in bodies else text
        if edited is not None:
            data = edited if isinstance(edited, str) else json.dumps(edited)
            reads.append(Read(stamped.at, sse.encode(sse.Event(data))))
    return with_reads(exchange, reads)


def with_reads(exchange: Exchange, reads: list[Read]) -> Exchange:
    headers = tuple(each for each in exchange.headers if each[0].lower() != "content-encoding")
    return replace(exchange, reads=tuple(reads), headers=headers)


def speechless(reason: str) -> Callable[[Exchange], Exchange]:
    """The model says nothing and ends for *reason*; a cut answer counts its tokens as if it had said them."""

    def edit(body: Body) -> Body | None:
        choice = at(body, "choices", 0)
        if not isinstance(choice, dict):
            return body
        said = choice.get("message") or choice.get("delta") or choice
        kept = {
            name: value
            for name, value in said.items()
            if name not in {"content", "reasoning_content", "tool_calls", "text"}
        }
        if "message" in choice:
            choice["message"] = {**kept, "content": ""}
        elif "delta" in choice:
            choice["delta"] = kept
            if not kept and choice.get("finish_reason") is None:
                return None
        else:
            choice["text"] = ""
        choice["logprobs"] = None
        if choice.get("finish_reason") is not None:
            choice["finish_reason"] = reason
        return body

    return lambda exchange: rewritten(exchange, edit) if completion(exchange) and exchange.status == 200 else exchange


def talks_instead(exchange: Exchange) -> Exchange:
    """Plain words where there was a call."""

    def edit(body: Body) -> Body | None:
        choice = at(body, "choices", 0)
        if not isinstance(choice, dict):
            return body
        said = choice.get("message") or choice.get("delta") or {}
        if said.pop("tool_calls", None) is not None:
            said["content"] = "I would rather not."
        if choice.get("finish_reason") == "tool_calls":
            choice["finish_reason"] = "stop"
        return body

    return rewritten(exchange, edit) if completion(exchange) else exchange


def without(*path: str) -> Callable[[Exchange], Exchange]:
    """The member at *path* is gone from every JSON object of the answer."""

    def edit(body: Body) -> Body:
        holder = at(body, *path[:-1]) if path[:-1] else body
        if isinstance(holder, dict):
            holder.pop(path[-1], None)
        return body

    return lambda exchange: rewritten(exchange, edit) if completion(exchange) else exchange


def unsplit(exchange: Exchange) -> Exchange:
    """No word about the cache in the usage."""
    for member in ("prompt_tokens_details", "prompt_cache_hit_tokens", "prompt_cache_miss_tokens"):
        exchange = without("usage", member)(exchange)
    return exchange


def cold(exchange: Exchange) -> Exchange:
    """Nothing ever hits the cache."""

    def edit(body: Body) -> Body:
        counts = body.get("usage")
        if isinstance(counts, dict):
            counts |= {"prompt_cache_hit_tokens": 0, "prompt_cache_miss_tokens": counts["prompt_tokens"]}
            counts["prompt_tokens_details"] = {"cached_tokens": 0}
        return body

    return rewritten(exchange, edit) if completion(exchange) else exchange


def broken_off(exchange: Exchange) -> Exchange:
    """Half of a stream, of every stream."""
    if not exchange.streamed:
        return exchange
    half = len(exchange.events) // 2
    reads = [Read(each.at, sse.encode(sse.Event(exchange.data[each.index]))) for each in exchange.events[:half]]
    return replace(with_reads(exchange, reads), end=End.TRUNCATED, error="peer closed")


def holding(document: bytes, event: bytes) -> Callable[[Exchange], Exchange]:
    """Every answer with status 200 has this body."""

    def poorer(exchange: Exchange) -> Exchange:
        body = event if exchange.streamed else document
        reads = [Read(exchange.t_headers or 0, body)] if body else []
        return with_reads(exchange, reads) if exchange.status == 200 else exchange

    return poorer


def unstamped(exchange: Exchange) -> Exchange:
    return replace(exchange, t_sent=None, t_headers=None, t_closed=None)


def ended(status: int | None, end: End = End.COMPLETE) -> Callable[[Exchange], Exchange]:
    """Every request gets this status and not a byte more, or no answer."""
    return lambda exchange: replace(exchange, status=status, reads=(), headers=(), end=end, error=str(end))


@dataclass(frozen=True)
class Poorer:
    change: object
    lost: tuple[str, ...]
    kept: tuple[str, ...] = ()


CALLS = ("tools.*-calls", "tools.*call*", "tools.id-*", "tools.index-*", "tools.arguments-*", "tools.name-*")
DELTAS = ("tools.type-first", "tools.no-empty-name", "tools.parallel", "tools.strict-followed", "tools.stream-complete")
TALK = ("tools.finish-reason", "thinking.tools", "transport.numbers-exact")
WORDS = (
    "chat.stop-*",
    "chat.unicode",
    "fim.suffix",
    "fim.echo*",
    "fim.logprobs",
    "fim.logprobs-width",
    "json.valid",
    "json.object",
    "json.no-fence",
    "json.no-whitespace-flood",
    "logprobs.*",
    "prefix.continues",
    "prefix.not-repeated",
    "stream.delta-incremental",
    "stream.no-leaked-markup",
    "stream.text-complete",
    "thinking.not-in-content",
    "thinking.two-phases",
    "thinking.reasoning-string",
    "thinking.enabled",
    "thinking.default-on",
    "usage.answer-counted",
    "usage.reasoning-reported",
    "tools.no-*",
    "tools.none-*",
)
SERVED = ("chat.stop-16", "logprobs.zero", "tools.null-content-history", "tools.no-parameters", "tools.name-128")
HEAD = ("request.document-valid", "chat.content-type", "chat.stream-false", "stream.content-type", "stream.no-cache")
MUTE = ("chat.*", "stream.*", "usage.*", "tools.*-shape", "json.*valid", "logprobs.*", "fim.*")
STATUS_DECIDES = tuple(id for id, row in checks().items() if row.name == id)

POORER = {
    "no request gets an answer": Poorer(ended(None, End.IDLE_TIMEOUT), ("*",)),
    "the server fails every request": Poorer(
        ended(500),
        ("*",),
        ("request.document-valid", "transport.*", "error.prompt-refusal", "error.stream-same-status"),
    ),
    "nobody has money left": Poorer(ended(402), ("*",), ("request.document-valid",)),
    "max_tokens cuts every answer at once": Poorer(
        speechless("length"), (*WORDS, *CALLS, *DELTAS, *TALK, "chat.content-not-null", "json.not-empty"), SERVED
    ),
    "the model says nothing": Poorer(
        speechless("stop"),
        (*WORDS, *CALLS, *DELTAS, *TALK, "json.length-cut", "usage.completion-counted"),
        SERVED,
    ),
    "the model calls nothing": Poorer(
        talks_instead, (*CALLS, *DELTAS, *TALK), ("tools.none-no-calls", "tools.name-128")
    ),
    "no usage anywhere": Poorer(
        without("usage"),
        ("usage.*", "cache.*", "stream.usage-*", "fim.suffix-counted"),
        ("stream.usage-unsolicited-chunk",),
    ),
    "no word about the cache": Poorer(unsplit, ("cache.*", "usage.cache*", "usage.details-object")),
    "nothing ever hits the cache": Poorer(cold, ("cache.*",), ("cache.first-misses",)),
    "no choices": Poorer(
        without("choices"),
        (
            "chat.*",
            "stream.finish-*",
            "stream.role-*",
            "stream.no-*",
            "thinking.*",
            "tools.*-calls",
            "fim.*",
            "json.*",
            *WORDS,
        ),
        (
            *SERVED,
            *STATUS_DECIDES,
            *HEAD,
            "chat.*json*",
            "chat.leading*",
            "chat.body*",
            "chat.object",
            "chat.id*",
            "chat.created*",
            "chat.fingerprint*",
            "chat.model*",
            "stream.no-bom",
            "fim.s*",
            "thinking.both-counted",
        ),
    ),
    "every stream breaks off": Poorer(
        broken_off,
        (
            "stream.*done*",
            "stream.finish-*",
            "stream.usage-*",
            "stream.complete",
            "stream.equals-*",
            "stream.text-*",
            "fim.stream*",
        ),
        ("stream.finish-key-present", "stream.error-not-done", "fim.stream-chunk"),
    ),
    "every body is empty": Poorer(holding(b"", b""), MUTE, (*HEAD, *STATUS_DECIDES)),
    "every body is an empty object": Poorer(
        holding(b"{}", b"data: {}\n\n"),
        (*MUTE, "cache.*", "thinking.*", "prefix.*", "models.*", "balance.*"),
        (
            *HEAD,
            *STATUS_DECIDES,
            "chat.single-json",
            "chat.leading-blank-lines",
            "chat.body-not-empty",
            "models.content-type",
            "stream.data-*",
            "stream.done-exact",
            "stream.utf8",
            "stream.no-bom",
            "stream.fields-known",
            "stream.error-*",
            "stream.one-line-*",
            "stream.events-heard",
            "stream.keepalive-*",
            "stream.uncompressed-flush",
        ),
    ),
    "no clock": Poorer(
        unstamped,
        (
            "stream.created-recent",
            "chat.created-recent",
            "stream.unbuffered",
            "stream.headers-early",
            "stream.closes-*",
        ),
    ),
}


@pytest.fixture(scope="module")
def honest(mock, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evidence")
    return read(check(CheckOptions(target(mock.url), folder, "sk-test-0123456789", suite=Suite.THOROUGH)).log)


@pytest.fixture(scope="module")
def judged(honest):
    return {result.requirement for result in score(honest, PROBES) if result.verdict is Verdict.PASS}


@pytest.mark.parametrize("row", POORER.values(), ids=POORER)
def test_nothing_passes_without_evidence(row, honest, judged):
    results = score(replace(honest, exchanges=tuple(map(row.change, honest.exchanges))), PROBES)
    assert [result for result in results if result.verdict is Verdict.ERROR] == []
    passed = [result.requirement for result in results if result.verdict is Verdict.PASS]
    lost = set(matching(row.lost, checks())) - set(matching(row.kept, checks()))
    assert [id for id in passed if id in lost] == []
    assert lost & judged
