"""Streams of Messages: their blocks, deltas and counts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, excerpt
from echosounder.judgement.checks.format_streams import finished, of_type, typed
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

NO_START, NO_BLOCK, NO_DELTA = "the stream has no message_start", "the stream has no block", "the stream has no delta"
FITTING = {
    "text_delta": {"text"},
    "thinking_delta": {"thinking"},
    "signature_delta": {"thinking"},
    "input_json_delta": {"tool_use", "server_tool_use"},
}


@check("messages.blocks-balanced", finished)
def blocks_balanced(exchange: Exchange, case: Case) -> Problems:
    opened: dict[str, int] = {}
    if not of_type(exchange, "content_block_start", "content_block_stop"):
        raise Inconclusive(NO_BLOCK)
    for index, kind, value in typed(exchange):
        place = repr(value.get("index"))
        if kind == "content_block_start":
            opened[place] = index
        elif kind == "content_block_stop" and opened.pop(place, None) is None:
            yield Problem(f"block {place} has content_block_stop without content_block_start", event=index)
    for place, index in opened.items():
        yield Problem(f"block {place} has content_block_start without content_block_stop", event=index)


@check("messages.block-index", finished)
def block_index(exchange: Exchange, case: Case) -> Problems:
    starts = of_type(exchange, "content_block_start")
    if not starts:
        raise Inconclusive(NO_BLOCK)
    for place, (index, value) in enumerate(starts):
        if value.get("index") != place or isinstance(value.get("index"), bool):
            yield Problem(f"block {place} has index {excerpt(value.get('index'))}", event=index, pointer="/index")


@check("messages.one-block-at-a-time", finished)
def one_block(exchange: Exchange, case: Case) -> Problems:
    current: str | None = None
    if len(of_type(exchange, "content_block_start")) < 2:
        raise Inconclusive("the stream has fewer than two blocks")
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
    if not of_type(exchange, "content_block_delta"):
        raise Inconclusive(NO_DELTA)
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
    if not any(str(at(value, "delta", "type")) in FITTING for _, value in of_type(exchange, "content_block_delta")):
        raise Inconclusive(NO_DELTA)
    for index, kind, value in typed(exchange):
        place = repr(value.get("index"))
        if kind == "content_block_start":
            kinds[place] = at(value, "content_block", "type")
        fitting = FITTING.get(str(at(value, "delta", "type")))
        if kind == "content_block_delta" and fitting and place in kinds and str(kinds[place]) not in fitting:
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
        yield Problem(f"block {place} (thinking) has no signature_delta, expected one with a signature", event=index)


@check("messages.delta-once", finished)
def delta_once(exchange: Exchange, case: Case) -> Problems:
    rows = of_type(exchange, "message_delta")
    if not rows:
        yield Problem("the stream has no message_delta, expected one", event=len(exchange.data) - 1)
    for index, _ in rows[1:]:
        yield Problem("a second message_delta, expected one", event=index)


@check("messages.delta-last", finished)
def delta_last(exchange: Exchange, case: Case) -> Problems:
    kinds = [(index, kind) for index, kind, _ in typed(exchange) if kind != "ping"]
    seen = False
    if not of_type(exchange, "message_delta"):
        raise Inconclusive("the stream has no message_delta")
    for index, kind in kinds:
        if seen and kind.startswith("content_block"):
            yield Problem(f"{kind} follows message_delta, expected before it", event=index)
        seen = seen or kind == "message_delta"


@check("messages.usage-at-start", finished)
def usage_at_start(exchange: Exchange, case: Case) -> Problems:
    if not of_type(exchange, "message_start"):
        raise Inconclusive(NO_START)
    for index, value in of_type(exchange, "message_start"):
        usage = at(value, "message", "usage")
        counts = [
            at(usage, name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        ]
        if type(counts[0]) is not int:
            says = f"message_start counts {excerpt(counts[0])} input_tokens, expected a number"
            yield Problem(says, event=index, pointer="/message/usage/input_tokens")
        elif not sum(count for count in counts if type(count) is int):
            says = "message_start counts 0 tokens of input and cache, expected more"
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
            yield Problem(
                f"output_tokens is {count}, expected at least the {before} of the event before",
                event=index,
                pointer="/usage/output_tokens",
            )


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
                f"input at the start of a call is {excerpt(block.get('input'))}, expected {{}}",
                event=index,
                pointer="/content_block/input",
            )


@check("messages.start-empty", finished)
def start_empty(exchange: Exchange, case: Case) -> Problems:
    if not of_type(exchange, "message_start"):
        raise Inconclusive(NO_START)
    for index, value in of_type(exchange, "message_start"):
        content = at(value, "message", "content")
        if content != []:
            yield Problem(f"content of message_start is {excerpt(content)}, expected []", event=index)
