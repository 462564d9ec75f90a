"""Thinking: its place, its absence, and its cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.answers import (
    answer,
    bound,
    chat_chosen,
    chat_chunked,
    chat_completion,
    deltas,
    objects,
    ok,
    wants_stream,
)
from echosounder.judgement.check import (
    Case,
    Inconclusive,
    Problem,
    Problems,
    Unsupported,
    Untestable,
    check,
    check_group,
    excerpt,
)
from echosounder.judgement.checks.chunk_finish import finishes
from echosounder.judgement.checks.outcomes import outcome, pardoned, tried
from echosounder.judgement.checks.usage import counted, read
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

TAGS = ("<think>", "</think>")


def must_think(exchange: Exchange, case: Case) -> Problems:
    if not answer(exchange).reasoning:
        yield Problem(
            f"reasoning_content is {answer(exchange).reasoning!r}, expected a non-empty string",
            cause="no reasoning_content",
        )


def must_think_and_answer(exchange: Exchange, case: Case) -> Problems:
    yield from must_think(exchange, case)
    found = answer(exchange)
    if found.reasoning and found.finish == "stop" and not found.content and not found.calls:
        yield Problem("the reasoning ended, but the answer has no content", cause="no answer")


check("thinking.enabled", chat_completion, unasked=unasked.asking("thinking", "type", value="enabled"))(
    must_think_and_answer
)
check("thinking.reasoner-thinks", chat_completion)(must_think_and_answer)


@check("thinking.default-on", chat_completion)
def default_on(exchange: Exchange, case: Case) -> Problems:
    if "thinking request" in (case.controls.absent or ()):
        raise Unsupported("thinking is refused, so it cannot be the default")
    yield from must_think(exchange, case)


@check("thinking.effort-none", chat_chosen)
@check("thinking.disabled", chat_chosen, unasked=unasked.asking("thinking", "type", value="disabled"))
def disabled(exchange: Exchange, case: Case) -> Problems:
    if answer(exchange).reasoning:
        yield Problem(
            f"reasoning_content is {excerpt(answer(exchange).reasoning)!r}, expected none: thinking is disabled"
        )


@check("thinking.not-in-content", chat_completion, unasked=unasked.thinking())
def not_in_content(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    content, reasoning = found.content or "", found.reasoning or ""
    if not content:
        raise Inconclusive("the answer has no content")
    for tag in TAGS:
        if tag in content:
            yield Problem(
                f"content contains {tag}, expected the reasoning in reasoning_content",
                excerpt=content,
                cause="reasoning in content",
            )
            return
    if len(reasoning) > 40 and reasoning in content:
        yield Problem(
            "content repeats the whole reasoning_content, expected only the answer",
            excerpt=content,
            cause="reasoning in content",
        )


@check("thinking.two-phases", chat_chunked, unasked=unasked.thinking())
def two_phases(exchange: Exchange, case: Case) -> Problems:
    if not (answer(exchange).content and answer(exchange).reasoning):
        raise Inconclusive("no stream has both reasoning and content")
    begun = None
    for event, _, delta in deltas(exchange):
        if delta.get("content"):
            begun = event if begun is None else begun
        elif delta.get("reasoning_content") and begun is not None:
            yield Problem(
                f"chunk {event} carries reasoning_content, expected none after the content began in chunk {begun}",
                event=event,
            )


@check("thinking.no-early-finish", chat_chunked, unasked=unasked.thinking())
def no_early_finish(exchange: Exchange, case: Case) -> Problems:
    outputs = [event for event, _, delta in deltas(exchange) if delta.get("content") or delta.get("tool_calls")]
    if "stop" not in [reason for _, _, reason in finishes(exchange)]:
        raise Inconclusive("no answer ended by itself")
    for event, _, reason in finishes(exchange):
        if reason == "stop" and (not outputs or event < outputs[0]):
            yield Problem(f"finish_reason is 'stop' in chunk {event}, expected null before any content", event=event)


@check("thinking.no-null-key", chat_chosen, unasked=unasked.of("chat"))
def no_null_key(exchange: Exchange, case: Case) -> Problems:
    if answer(exchange).reasoning:
        raise Inconclusive("every answer thinks")
    bodies = objects(exchange) if wants_stream(exchange) else ((None, exchange.json),)
    for event, body in bodies:
        for member in ("delta", "message"):
            holder = at(body, "choices", 0, member)
            if isinstance(holder, dict) and "reasoning_content" in holder:
                got = holder["reasoning_content"]
                yield Problem(
                    f"reasoning_content is {got!r}, expected absent in an answer that does not think",
                    event=event,
                    pointer=f"/choices/0/{member}",
                )
                return


@check("thinking.reasoning-string", chat_completion, unasked=unasked.thinking())
def reasoning_string(exchange: Exchange, case: Case) -> Problems:
    found = list(thoughts(exchange))
    if not found:
        raise Inconclusive("no answer has reasoning_content")
    for event, pointer, got in found:
        if not isinstance(got, str):
            yield Problem(
                f"reasoning_content is {excerpt(got)}, expected a string or null", event=event, pointer=pointer
            )


def thoughts(exchange: Exchange) -> Iterator[tuple[int | None, str, Any]]:
    """``(event, pointer, value)`` of each reasoning_content that is not null."""
    for event, body in objects(exchange) if wants_stream(exchange) else ((None, exchange.json),):
        for member in ("delta", "message"):
            if (got := at(body, "choices", 0, member, "reasoning_content")) is not None:
                yield event, f"/choices/0/{member}/reasoning_content", got


@check("thinking.length", tried)
def length(exchange: Exchange, case: Case) -> Problems:
    if pardoned(exchange, case):
        raise Unsupported(f"thinking: {outcome(exchange)}")
    if not ok(exchange):
        yield Problem(f"a request with thinking and a small max_tokens got {outcome(exchange)}, expected status 200")
    elif not chat_chosen(exchange):
        raise Untestable("the answer has no choice")
    elif (finish := answer(exchange).finish) != "length":
        counts = answer(exchange).usage
        if counts is None or counts.completion is None:
            raise Inconclusive("the answer does not count its tokens, so it is unknown whether max_tokens cut it")
        if counts.completion < bound(exchange):
            raise Inconclusive(f"reasoning and content took only {counts.completion} tokens")
        yield Problem(f"finish_reason is {finish!r}, expected 'length': max_tokens {bound(exchange)} was used up")


@check("thinking.both-counted", counted, unasked=unasked.thinking())
def both_counted(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if counts.completion is None:
        raise Inconclusive("the usage does not count the completion")
    if counts.completion > bound(exchange):
        yield Problem(
            f"reasoning and content took {counts.completion} tokens, expected at most max_tokens {bound(exchange)}",
            event=found.usage_event,
            pointer="/usage",
        )


@check("thinking.r1-separate", chat_completion)
def r1_separate(exchange: Exchange, case: Case) -> Problems:
    if not answer(exchange).content:
        yield Problem("content is empty: reasoning used up max_tokens, expected a bound of its own for R1")


@check_group("thinking.tools", tried)
def tools(exchanges: Sequence[Exchange], case: Case) -> Problems:
    first = next((exchange for exchange in exchanges if exchange.step == "call"), None)
    if first is None:
        raise Inconclusive("the request was not sent")
    if pardoned(first, case):
        raise Unsupported(f"a request with thinking and tools: {outcome(first)}")
    if not ok(first):
        yield Problem(f"a request with thinking and tools got {outcome(first)}, expected to be served", exchange=first)
        return
    if not chat_completion(first) or not answer(first).calls:
        raise Inconclusive("the model did not call the tool")
    if not answer(first).reasoning:
        yield Problem("reasoning_content is absent, expected the reasoning before the call", exchange=first)


@check("thinking.logprobs", chat_chosen)
def logprobs(exchange: Exchange, case: Case) -> Problems:
    entries = at(exchange.json, "choices", 0, "logprobs", "reasoning_content")
    if entries is not None and not isinstance(entries, list):
        yield Problem(
            f"logprobs.reasoning_content is {excerpt(entries)}, expected an array or null",
            pointer="/choices/0/logprobs/reasoning_content",
        )
