"""What only the Responses format has: items and their ids, sequence numbers, and members that never change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from echosounder.judgement import metered as rules
from echosounder.judgement.answers import answer, entries, whole
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, excerpt, picks
from echosounder.judgement.checks.format_streams import finished, last, of_type, typed
from echosounder.judgement.checks.formats import readable
from echosounder.judgement.checks.outcomes import refused, served, steps
from echosounder.judgement.checks.usage import counted, metered
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

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
    """The complete response: the body, or what the last event of a stream holds."""
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
    if not ids:
        raise Inconclusive("no item has an id")
    if len(set(map(repr, ids))) < len(ids):
        yield Problem(f"items share an id: {excerpt(ids)}", pointer="/output")


@check("responses.item-status", response)
def item_status(exchange: Exchange, case: Case) -> Problems:
    if final(exchange).get("status") != "completed":
        raise Inconclusive("the response is not complete")
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
            f"status is {excerpt(found.get('status'))} and incomplete_details {excerpt(details)}",
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
    for name in ("total", "reasoning"):
        yield from rules.sums(metered(exchange), name)


@check("responses.usage-reasoning", response)
def usage_reasoning(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    if not found.reasoning or found.usage is None:
        raise Inconclusive("there is no thought, or no usage")
    if not found.usage.reasoning:
        yield Problem("the response shows a thought, and usage counts no reasoning_tokens", pointer="/usage")


@check("responses.json-object", readable)
def json_object(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    if exchange.reader.grammar.meaning(found.finish) != "ended":
        raise Inconclusive("the answer was cut")
    try:
        value = json.loads(found.content or "")
    except ValueError:
        value = None
    if not isinstance(value, dict):
        yield Problem(f"the text is {excerpt(found.content)}, expected a JSON object")


# ----------------------------------------------------------------------------------------------------------- stream


@check("responses.sequence", finished)
def sequence(exchange: Exchange, case: Case) -> Problems:
    before = None
    for index, kind, value in typed(exchange):
        number = value.get("sequence_number")
        if type(number) is not int:
            yield Problem(f"{kind} has sequence_number {excerpt(number)}", event=index, pointer="/sequence_number")
            return
        if before is not None and number != before + 1:
            yield Problem(
                f"sequence_number is {number} after {before}, expected {before + 1}",
                event=index,
                pointer="/sequence_number",
            )
            return
        before = number


@check("responses.sequence-from-zero", finished)
def sequence_from_zero(exchange: Exchange, case: Case) -> Problems:
    number = next(value.get("sequence_number") for _, _, value in typed(exchange))
    if number != 0:
        yield Problem(f"the first sequence_number is {excerpt(number)}, expected 0", event=0)


@check("responses.in-progress-second", finished)
def in_progress_second(exchange: Exchange, case: Case) -> Problems:
    kinds = [kind for _, kind, _ in typed(exchange)]
    if kinds[1:2] != ["response.in_progress"]:
        yield Problem(f"the second event is {excerpt(kinds[1:2])}, expected response.in_progress", event=1)


@check("responses.id-constant", finished)
def id_constant(exchange: Exchange, case: Case) -> Problems:
    ids = [
        (index, value["response"].get("id"))
        for index, _, value in typed(exchange)
        if isinstance(value.get("response"), dict)
    ]
    if len(ids) < 2:
        raise Inconclusive("only one event has the response")
    for index, id in ids[1:]:
        if id != ids[0][1]:
            yield Problem(f"the id of the response is {excerpt(id)}, and was {excerpt(ids[0][1])}", event=index)


@check("responses.end-fits-status", finished)
def end_fits_status(exchange: Exchange, case: Case) -> Problems:
    for index, kind, value in typed(exchange):
        status = at(value, "response", "status")
        if kind in last(exchange) and kind != f"response.{status}":
            yield Problem(f"{kind} has a response of status {excerpt(status)}", event=index, pointer="/response/status")


def balanced(exchange: Exchange, what: str, key: Callable[[dict[str, Any]], object]) -> Problems:
    """Each ``<what>.added`` has its ``.done``, after it and once, before the stream ends."""
    added, done = f"response.{what}.added", f"response.{what}.done"
    opened: dict[str, int] = {}
    if not of_type(exchange, added, done):
        raise Inconclusive(f"no {added} in the stream")
    for index, kind, value in typed(exchange):
        place = repr(key(value))
        if kind == added:
            if place in opened:
                yield Problem(f"{added} of {place} comes twice", event=index)
            opened[place] = index
        elif kind == done and opened.pop(place, None) is None:
            yield Problem(f"{done} of {place} without {added}", event=index)
    for place, index in opened.items():
        yield Problem(f"{added} of {place} without {done}", event=index)


@check("responses.items-balanced", finished)
def items_balanced(exchange: Exchange, case: Case) -> Problems:
    yield from balanced(exchange, "output_item", lambda value: value.get("output_index"))


@check("responses.parts-balanced", finished)
def parts_balanced(exchange: Exchange, case: Case) -> Problems:
    yield from balanced(exchange, "content_part", lambda value: (value.get("output_index"), value.get("content_index")))


@check("responses.output-index", finished)
def output_index(exchange: Exchange, case: Case) -> Problems:
    rows = of_type(exchange, "response.output_item.added")
    for place, (index, value) in enumerate(rows):
        if value.get("output_index") != place:
            yield Problem(
                f"item {place} has output_index {excerpt(value.get('output_index'))}",
                event=index,
                pointer="/output_index",
            )


@check("responses.item-id-kept", finished)
def item_id_kept(exchange: Exchange, case: Case) -> Problems:
    known: dict[str, Any] = {}
    for index, kind, value in typed(exchange):
        place = repr(value.get("output_index"))
        given = at(value, "item", "id") if "item" in value else value.get("item_id")
        if kind == "response.output_item.added":
            known[place] = given
        elif "output_index" in value and place not in known:
            yield Problem(f"{kind} is of output_index {place}, where no item was added", event=index)
        elif "output_index" in value and given != known[place]:
            yield Problem(f"{kind} is of item {excerpt(given)}, expected {excerpt(known[place])}", event=index)


JOINED = {
    "output_text": "text",
    "reasoning_text": "text",
    "function_call_arguments": "arguments",
    "custom_tool_call_input": "input",
}


def sums(exchange: Exchange, kind: str) -> Iterator[tuple[int, Any, str, Any]]:
    """``(event, output_index, joined deltas, what .done says)`` for each .done of a kind."""
    parts: dict[str, str] = {}
    for index, name, value in typed(exchange):
        place = repr((value.get("output_index"), value.get("content_index")))
        if name == f"response.{kind}.delta":
            delta = value.get("delta")
            parts[place] = parts.get(place, "") + (delta if isinstance(delta, str) else "")
        elif name == f"response.{kind}.done":
            yield index, value.get("output_index"), parts.pop(place, ""), value.get(JOINED[kind])


def adds_up(requirement: str, *kinds: str) -> None:
    """Registers the check that the deltas of *kinds* make what their ``.done`` says."""

    def judge(exchange: Exchange, case: Case) -> Problems:
        rows = [(kind, row) for kind in kinds for row in sums(exchange, kind)]
        deltas = [row for kind in kinds for row in of_type(exchange, f"response.{kind}.delta")]
        if not rows and not deltas:
            raise Inconclusive(f"no stream has {' or '.join(kinds)}")
        if not rows:
            yield Problem(f"there are deltas, and no response.{kinds[0]}.done", event=deltas[-1][0])
        for kind, (index, _, joined, told) in rows:
            if joined != told:
                yield Problem(
                    f"the deltas make {excerpt(joined)!r}, and response.{kind}.done says {excerpt(told)!r}",
                    event=index,
                )

    judge.__name__ = requirement
    check(requirement, finished)(judge)


adds_up("responses.text-adds-up", "output_text")
adds_up("responses.reasoning-adds-up", "reasoning_text")
adds_up("responses.arguments-add-up", "function_call_arguments", "custom_tool_call_input")


def written(item: Any) -> list[Any]:
    """The texts that an item holds: those of its parts, or what it calls with."""
    parts = [at(part, "text") for part in entries(at(item, "content"))]
    return [text for text in [*parts, at(item, "arguments"), at(item, "input")] if isinstance(text, str)]


@check("responses.item-done-whole", finished)
def item_done_whole(exchange: Exchange, case: Case) -> Problems:
    """The item that is done holds what its events said before."""
    told: dict[str, list[str]] = {}
    for kind in JOINED:
        for _, place, joined, _ in sums(exchange, kind):
            told.setdefault(repr(place), []).append(joined)
    if not told:
        raise Inconclusive("no item has a text")
    for index, value in of_type(exchange, "response.output_item.done"):
        expected = told.get(repr(value.get("output_index")))
        if expected is not None and written(value.get("item")) != expected:
            yield Problem(
                f"the item is done with {excerpt(written(value.get('item')))}, and its deltas make {excerpt(expected)}",
                event=index,
                pointer="/item",
            )


@check("responses.output-is-items", finished)
def output_is_items(exchange: Exchange, case: Case) -> Problems:
    done = [value.get("item") for _, value in of_type(exchange, "response.output_item.done")]
    if final(exchange) is None:
        raise Inconclusive("the last event has no response")
    output = entries(at(final(exchange), "output"))
    if [(at(each, "id"), written(each)) for each in output] != [(at(each, "id"), written(each)) for each in done]:
        yield Problem(f"the response holds {len(output)} items that are not the {len(done)} that were done before")
