"""Rules for the Responses format only: items and their ids, sequence numbers, and members that never change."""

from __future__ import annotations

import json
from typing import Any

from echosounder.judgement import metered as rules
from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, whole
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, excerpt, picks
from echosounder.judgement.checks.format_streams import last, typed
from echosounder.judgement.checks.formats import readable
from echosounder.judgement.checks.outcomes import refused, served, steps
from echosounder.judgement.checks.usage import counted, metered, read
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at, entries, parse

FIXED = {"store": False, "previous_response_id": None, "parallel_tool_calls": True}
DAY = 86_400  # s

for requirement, pick in {
    "responses.input-text": steps("text"),
    "responses.input-untyped": steps("untyped"),
    "responses.input-parts": steps("parts"),
    "responses.instructions": steps("instructions"),
    "responses.instructions-alone": steps("alone"),
    "responses.role-system": steps("system"),
    "responses.role-developer": steps("developer"),
    "responses.unknown-item": steps(),
    "responses.efforts": steps(),
    "responses.name-128": steps("longest"),
    "responses.apply-patch": steps("custom"),
    "responses.built-in-ignored": steps("built-in"),
}.items():
    served(requirement, pick)

for requirement, pick in {
    "responses.name-long-refused": steps("long"),
    "responses.name-pattern-refused": steps("blank"),
    "responses.name-twice-refused": steps("twice"),
    "responses.custom-refused": steps("custom"),
    "responses.call-id-twice-refused": steps("twice"),
    "responses.call-id-empty-refused": steps("empty"),
    "responses.error-no-model": steps("model"),
    "responses.error-no-input": steps("input"),
    "responses.error-unknown-model": steps("unknown-model"),
}.items():
    refused(requirement, pick)


@picks("a response that can be read, in either mode")
def response(exchange: Exchange) -> bool:
    return whole(exchange) and isinstance(final(exchange), dict)


def final(exchange: Exchange) -> Any:
    """The complete response: the body, or the content of the last event of a stream."""
    if not exchange.wants_stream:
        return exchange.json
    ends = [value for _, kind, value in typed(exchange) if kind in last(exchange)]
    return ends[0].get("response") if ends else None


def items(response: Any) -> list[dict[str, Any]]:
    return [item for item in entries(at(response, "output")) if isinstance(item, dict)]


@check("responses.stateless", response)
def stateless(exchange: Exchange, case: Case) -> Problems:
    found = final(exchange)
    for name, value in FIXED.items():
        if name not in found or found[name] is not value:
            got = excerpt(found[name]) if name in found else "missing"
            yield Problem(f"{name} is {got}, expected {json.dumps(value)}", pointer=f"/{name}")


@check("responses.created-at", response)
def created_at(exchange: Exchange, case: Case) -> Problems:
    at_s, sent = final(exchange).get("created_at"), case.sent_at(exchange)
    if sent is None:
        raise Inconclusive("the log does not say when the request was sent")
    if not isinstance(at_s, (int, float)) or abs(at_s - sent) > DAY:
        yield Problem(f"created_at is {excerpt(at_s)}, expected Unix seconds of the request", pointer="/created_at")


@check("responses.item-ids", response)
def item_ids(exchange: Exchange, case: Case) -> Problems:
    ids = [item["id"] for item in items(final(exchange)) if "id" in item]
    if len(ids) < 2:
        raise Inconclusive("fewer than two items have an id")
    if len(set(map(repr, ids))) < len(ids):
        yield Problem(f"items share an id: {excerpt(ids)}", pointer="/output")


@check("responses.item-status", response)
def item_status(exchange: Exchange, case: Case) -> Problems:
    if final(exchange).get("status") != "completed":
        raise Inconclusive("the response is not complete")
    if not any("status" in item for item in items(final(exchange))):
        raise Inconclusive("no item has a status")
    for place, item in enumerate(items(final(exchange))):
        if item.get("status", "completed") != "completed":
            yield Problem(
                f"item {place} of a completed response is {excerpt(item['status'])}", pointer=f"/output/{place}/status"
            )


@check("responses.incomplete-reason", response)
def incomplete_reason(exchange: Exchange, case: Case) -> Problems:
    found = final(exchange)
    cut, details = found.get("status") == "incomplete", found.get("incomplete_details")
    if cut != isinstance(details, dict):
        yield Problem(
            f"status is {excerpt(found.get('status'))} with incomplete_details {excerpt(details)}",
            pointer="/incomplete_details",
        )


@check("responses.usage-details", response)
def usage_details(exchange: Exchange, case: Case) -> Problems:
    for name, member in (("input_tokens_details", "cached_tokens"), ("output_tokens_details", "reasoning_tokens")):
        value = at(final(exchange), "usage", name, member)
        if type(value) is not int:
            yield Problem(f"usage.{name}.{member} is {excerpt(value)}, expected a count", pointer=f"/usage/{name}")


@check("responses.usage-sums", counted)
def usage_sums(exchange: Exchange, case: Case) -> Problems:
    counts = read(exchange)[1]
    if None in (counts.prompt, counts.completion, counts.total):
        raise Inconclusive("the usage does not count prompt, completion and total")
    for name in ("total", "reasoning"):
        yield from rules.sums(metered(exchange), name)


@check("responses.usage-reasoning", response, unasked=unasked.of("responses"))
def usage_reasoning(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    if not found.reasoning or found.usage is None:
        raise Inconclusive("the response has no reasoning, or no usage")
    if not found.usage.reasoning:
        yield Problem("usage has no reasoning_tokens, expected a count: the response has reasoning", pointer="/usage")


@check("responses.json-object", readable)
def json_object(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    if exchange.reader.grammar.meaning(found.finish) != "ended":
        raise Inconclusive("the answer was cut")
    try:
        value = parse(found.content or "").value
    except ValueError:
        value = None
    if not isinstance(value, dict):
        yield Problem(f"the text is {excerpt(found.content)}, expected a JSON object")
