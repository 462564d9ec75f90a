"""Rules for the Messages format only: blocks and their deltas, stop sequences, signatures, and two headers for a key."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, asked, whole
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, excerpt, picks
from echosounder.judgement.checks.format_streams import of_type
from echosounder.judgement.checks.formats import readable
from echosounder.judgement.checks.outcomes import ASKS_FOR_NONE, outcome, refused, served, steps
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at, entries

for requirement, pick in {
    "messages.content-blocks": steps("blocks"),
    "messages.system-text": steps("system"),
    "messages.system-blocks": steps("system-blocks"),
    "messages.bearer": steps("bearer"),
    "messages.version-missing": steps("no-version"),
    "messages.version-ignored": steps("version"),
    "messages.beta-ignored": steps("beta"),
    "messages.claude-names": steps(),
    "messages.tool-choice-auto": steps("auto"),
    "messages.result-error": steps("error"),
    "messages.effort": steps(),
    "messages.budget-ignored": steps(),
    "messages.unknown-model-mapped": steps(),
}.items():
    served(requirement, pick)

for requirement, pick in {
    "messages.error-no-messages": steps("messages"),
    "messages.error-tool-choice": steps("choice"),
}.items():
    refused(requirement, pick)


def unknown(case: Case) -> Collection[int]:
    return case.subject.behaviour.unknown_model_statuses


@check("messages.unknown-model-refused", steps())
def unknown_model_refused(exchange: Exchange, case: Case) -> Problems:
    if exchange.status not in unknown(case):
        yield Problem(f"an unknown model got status {exchange.status}, expected {sorted(unknown(case))}")


@check("messages.two-keys", steps())
def two_keys(exchange: Exchange, case: Case) -> Problems:
    if case.controls.keyless:
        raise Inconclusive(ASKS_FOR_NONE)
    expected = 200 if exchange.step == "right" else 401
    if exchange.status != expected:
        where = (
            "in Authorization" if exchange.step == "right" else "in x-api-key, next to a wrong one in Authorization,"
        )
        yield Problem(f"a valid key {where} got {outcome(exchange)}, expected status {expected}")


@picks("a complete message with a content block")
def blocked(exchange: Exchange) -> bool:
    return readable(exchange) and bool(entries(exchange.json.get("content")))


def blocks(exchange: Exchange, kind: str) -> list[tuple[int, dict[str, Any]]]:
    """``(place, block)`` of each block of a type in a whole message."""
    found = enumerate(entries(exchange.json.get("content")))
    return [(place, block) for place, block in found if at(block, "type") == kind]


@check(
    "messages.stop-sequence",
    lambda exchange: whole(exchange) and "stop_sequences" in asked(exchange),
    unasked=unasked.of("messages"),
)
def stop_sequence(exchange: Exchange, case: Case) -> Problems:
    found, reason, which = answer(exchange), *stopped(exchange)
    wanted = asked(exchange)["stop_sequences"]
    cut = next((stop for stop in wanted if stop in (found.content or "")), None)
    if cut is not None:
        yield Problem(
            f"the text contains the stop sequence {cut!r}, expected to end before it",
            cause="stop sequences do not stop",
        )
    elif reason == "stop_sequence" and which not in wanted:
        yield Problem(f"stop_sequence is {excerpt(which)}, expected one of {wanted}")
    elif reason != "stop_sequence":
        raise Inconclusive("the model did not reach the stop sequence")


def stopped(exchange: Exchange) -> tuple[Any, Any]:
    """``stop_reason`` and ``stop_sequence`` of an answer in either mode."""
    ends = [value.get("delta") for _, value in of_type(exchange, "message_delta")] if exchange.wants_stream else []
    said = ends[-1] if ends else exchange.json
    return at(said, "stop_reason"), at(said, "stop_sequence")


@check("messages.stop-sequence-null", whole)
def stop_sequence_null(exchange: Exchange, case: Case) -> Problems:
    reason, which = stopped(exchange)
    if reason in (None, "stop_sequence"):
        raise Inconclusive("the answer has no stop_reason, or reached a stop sequence")
    if which is not None:
        yield Problem(f"stop_sequence is {excerpt(which)}, expected null with stop_reason {excerpt(reason)}")


@check(
    "messages.tool-input",
    lambda exchange: blocked(exchange) and bool(blocks(exchange, "tool_use")),
    unasked=unasked.of("messages"),
)
def tool_input(exchange: Exchange, case: Case) -> Problems:
    for place, block in blocks(exchange, "tool_use"):
        if not isinstance(block.get("input"), dict):
            yield Problem(
                f"the input of a call is {excerpt(block.get('input'))}, expected an object",
                pointer=f"/content/{place}/input",
            )


@check(
    "messages.signature",
    lambda exchange: blocked(exchange) and bool(blocks(exchange, "thinking")),
    unasked=unasked.of("messages"),
)
def signature(exchange: Exchange, case: Case) -> Problems:
    for place, block in blocks(exchange, "thinking"):
        if not isinstance(block.get("signature"), str) or not block["signature"]:
            yield Problem(
                f"the signature of a thinking block is {excerpt(block.get('signature'))}, expected a string",
                pointer=f"/content/{place}/signature",
            )


@check(
    "messages.thinking-block-first",
    lambda exchange: blocked(exchange) and bool(blocks(exchange, "thinking")),
    unasked=unasked.of("messages"),
)
def thinking_block_first(exchange: Exchange, case: Case) -> Problems:
    if len(entries(exchange.json["content"])) < 2:
        raise Inconclusive("the thinking block is the only block")
    place, _ = blocks(exchange, "thinking")[0]
    if place:
        yield Problem(f"the thinking block is block {place}, expected the first", pointer=f"/content/{place}")


@check("messages.usage-cache", whole)
def usage_cache(exchange: Exchange, case: Case) -> Problems:
    raw = answer(exchange).usage_raw
    if not isinstance(raw, dict):
        raise Inconclusive("there is no usage")
    for name in ("cache_read_input_tokens", "cache_creation_input_tokens"):
        if type(raw.get(name)) is not int or raw[name] < 0:
            yield Problem(f"usage.{name} is {excerpt(raw.get(name))}, expected a count", pointer="/usage")


# ----------------------------------------------------------------------------------------------------------- stream
