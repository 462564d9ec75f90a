"""What only the Messages format has: blocks and their deltas, stop sequences, signatures, and two headers for a key."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, asked, whole
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, excerpt, picks
from echosounder.judgement.checks.format_streams import finished, of_type, typed
from echosounder.judgement.checks.formats import readable
from echosounder.judgement.checks.outcomes import outcome, refused, served, steps
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at, entries

FITTING = {
    "text_delta": {"text"},
    "thinking_delta": {"thinking"},
    "signature_delta": {"thinking"},
    "input_json_delta": {"tool_use", "server_tool_use"},
}

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
    expected = 200 if exchange.step == "right" else 401
    if exchange.status != expected:
        where = "Authorization" if exchange.step == "right" else "x-api-key alone"
        yield Problem(f"a key that is right under {where} got {outcome(exchange)}, expected status {expected}")


@picks("a whole message with a block of content")
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
        yield Problem(f"the text holds the stop sequence {cut!r}", cause="stop sequences do not stop")
    elif reason == "stop_sequence" and which not in wanted:
        yield Problem(f"stop_sequence is {excerpt(which)}, expected one of {wanted}")
    elif reason == "end_turn":
        raise Inconclusive("the model did not come to the stop sequence")


def stopped(exchange: Exchange) -> tuple[Any, Any]:
    """``stop_reason`` and ``stop_sequence`` of an answer in either mode."""
    ends = [value.get("delta") for _, value in of_type(exchange, "message_delta")] if exchange.wants_stream else []
    said = ends[-1] if ends else exchange.json
    return at(said, "stop_reason"), at(said, "stop_sequence")


@check("messages.stop-sequence-null", whole)
def stop_sequence_null(exchange: Exchange, case: Case) -> Problems:
    reason, which = stopped(exchange)
    if reason != "stop_sequence" and which is not None:
        yield Problem(f"stop_reason is {excerpt(reason)}, and stop_sequence {excerpt(which)}, expected null")


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


@check("messages.blocks-balanced", finished)
def blocks_balanced(exchange: Exchange, case: Case) -> Problems:
    opened: dict[str, int] = {}
    for index, kind, value in typed(exchange):
        place = repr(value.get("index"))
        if kind == "content_block_start":
            opened[place] = index
        elif kind == "content_block_stop" and opened.pop(place, None) is None:
            yield Problem(f"block {place} stops and did not start", event=index)
    for place, index in opened.items():
        yield Problem(f"block {place} starts and does not stop", event=index)


@check("messages.block-index", finished)
def block_index(exchange: Exchange, case: Case) -> Problems:
    for place, (index, value) in enumerate(of_type(exchange, "content_block_start")):
        if value.get("index") != place or isinstance(value.get("index"), bool):
            yield Problem(f"block {place} has index {excerpt(value.get('index'))}", event=index, pointer="/index")


@check("messages.one-block-at-a-time", finished)
def one_block(exchange: Exchange, case: Case) -> Problems:
    current: str | None = None
    for index, kind, value in typed(exchange):
        place = repr(value.get("index"))
        if kind == "content_block_start":
            if current is not None:
                yield Problem(f"block {place} starts before block {current} stops", event=index)
            current = place
        elif kind == "content_block_stop":
            current = None


@check("messages.delta-in-block", finished)
def delta_in_block(exchange: Exchange, case: Case) -> Problems:
    opened: set[str] = set()
    for index, kind, value in typed(exchange):
        place = repr(value.get("index"))
        if kind == "content_block_start":
            opened.add(place)
        elif kind == "content_block_stop":
            opened.discard(place)
        elif kind == "content_block_delta" and place not in opened:
            yield Problem(f"a delta of block {place}, which is not open", event=index, pointer="/index")


@check("messages.delta-fits-block", finished)
def delta_fits_block(exchange: Exchange, case: Case) -> Problems:
    kinds: dict[str, Any] = {}
    for index, kind, value in typed(exchange):
        place = repr(value.get("index"))
        if kind == "content_block_start":
            kinds[place] = at(value, "content_block", "type")
        fitting = FITTING.get(str(at(value, "delta", "type")))
        if kind == "content_block_delta" and fitting and place in kinds and kinds[place] not in fitting:
            yield Problem(
                f"{value['delta']['type']} in a block of type {excerpt(kinds[place])}",
                event=index,
                pointer="/delta/type",
            )


@check("messages.signature-delta", finished, unasked=unasked.of("messages"))
def signature_delta(exchange: Exchange, case: Case) -> Problems:
    thoughts = {
        repr(value.get("index")): index
        for index, value in of_type(exchange, "content_block_start")
        if at(value, "content_block", "type") == "thinking" and not at(value, "content_block", "signature")
    }
    if not thoughts:
        raise Inconclusive("the stream has no thinking block")
    for _, value in of_type(exchange, "content_block_delta"):
        if at(value, "delta", "type") == "signature_delta" and at(value, "delta", "signature"):
            thoughts.pop(repr(value.get("index")), None)
    for place, index in thoughts.items():
        yield Problem(f"the thinking block {place} gets no signature", event=index)


@check("messages.delta-once", finished)
def delta_once(exchange: Exchange, case: Case) -> Problems:
    rows = of_type(exchange, "message_delta")
    if not rows:
        yield Problem("the stream has no message_delta", event=len(exchange.data) - 1)
    for index, _ in rows[1:]:
        yield Problem("message_delta comes again", event=index)


@check("messages.delta-last", finished)
def delta_last(exchange: Exchange, case: Case) -> Problems:
    kinds = [(index, kind) for index, kind, _ in typed(exchange) if kind != "ping"]
    seen = False
    for index, kind in kinds:
        if seen and kind.startswith("content_block"):
            yield Problem(f"{kind} after message_delta", event=index)
        seen = seen or kind == "message_delta"


@check("messages.usage-at-start", finished)
def usage_at_start(exchange: Exchange, case: Case) -> Problems:
    for index, value in of_type(exchange, "message_start"):
        usage = at(value, "message", "usage")
        counts = [
            at(usage, name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        ]
        if type(counts[0]) is not int:
            says = f"message_start counts {excerpt(counts[0])} input_tokens, expected a number"
            yield Problem(says, event=index, pointer="/message/usage/input_tokens")
        elif not sum(count for count in counts if type(count) is int):
            says = "message_start counts no token of input, neither read nor cached"
            yield Problem(says, event=index, pointer="/message/usage")


@check("messages.usage-cumulative", finished)
def usage_cumulative(exchange: Exchange, case: Case) -> Problems:
    rows = [
        (index, at(value, "message", "usage", "output_tokens")) for index, value in of_type(exchange, "message_start")
    ]
    rows += [(index, at(value, "usage", "output_tokens")) for index, value in of_type(exchange, "message_delta")]
    counts = [(index, count) for index, count in rows if type(count) is int]
    if len(counts) < 2:
        raise Inconclusive("output_tokens are counted only once")
    for (_, before), (index, count) in pairwise(counts):
        if count < before:
            yield Problem(f"output_tokens fall from {before} to {count}", event=index, pointer="/usage/output_tokens")


@check("messages.tool-starts-empty", finished, unasked=unasked.of("messages"))
def tool_starts_empty(exchange: Exchange, case: Case) -> Problems:
    rows = [
        (index, value["content_block"])
        for index, value in of_type(exchange, "content_block_start")
        if at(value, "content_block", "type") == "tool_use"
    ]
    if not rows:
        raise Inconclusive("the stream has no call")
    for index, block in rows:
        if block.get("input") != {}:
            yield Problem(
                f"a call starts with the input {excerpt(block.get('input'))}, expected {{}}",
                event=index,
                pointer="/content_block/input",
            )


@check("messages.start-empty", finished)
def start_empty(exchange: Exchange, case: Case) -> Problems:
    for index, value in of_type(exchange, "message_start"):
        content = at(value, "message", "content")
        if content != []:
            yield Problem(f"message_start has the content {excerpt(content)}, expected []", event=index)
