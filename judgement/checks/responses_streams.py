"""Rules for streams of the Responses format only: sequence numbers, items and parts that begin and end, and deltas that add up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, excerpt
from echosounder.judgement.checks.format_streams import finished, last, of_type, typed
from echosounder.judgement.checks.responses import final
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at, entries


@check("responses.sequence", finished)
def sequence(exchange: Exchange, case: Case) -> Problems:
    before = None
    if len(list(typed(exchange))) < 2:
        raise Inconclusive("the stream has fewer than two events")
    for index, kind, value in typed(exchange):
        number = value.get("sequence_number")
        if type(number) is not int:
            yield Problem(
                f"sequence_number of {kind} is {excerpt(number)}, expected an integer",
                event=index,
                pointer="/sequence_number",
            )
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
        raise Inconclusive("only one event carries the response")
    for index, id in ids[1:]:
        if id != ids[0][1]:
            yield Problem(
                f"the id of the response is {excerpt(id)}, expected {excerpt(ids[0][1])} as before", event=index
            )


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
                yield Problem(f"a second {added} of {place}, expected one", event=index)
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
    if not rows:
        raise Inconclusive("no item was added")
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
    if not any("output_index" in value for _, _, value in typed(exchange)):
        raise Inconclusive("no event belongs to an item")
    for index, kind, value in typed(exchange):
        place = repr(value.get("output_index"))
        given = at(value, "item", "id") if "item" in value else value.get("item_id")
        if kind == "response.output_item.added":
            known[place] = given
        elif "output_index" in value and place not in known:
            yield Problem(f"output_index of {kind} is {place}, expected that of an item that was added", event=index)
        elif "output_index" in value and given != known[place]:
            yield Problem(f"item_id of {kind} is {excerpt(given)}, expected {excerpt(known[place])}", event=index)


JOINED = {
    "output_text": "text",
    "reasoning_text": "text",
    "function_call_arguments": "arguments",
    "custom_tool_call_input": "input",
}


def sums(exchange: Exchange, kind: str) -> Iterator[tuple[int, Any, str, Any]]:
    """``(event, output_index, joined deltas, text of .done)`` for each .done of a kind."""
    parts: dict[str, str] = {}
    for index, name, value in typed(exchange):
        place = repr((value.get("output_index"), value.get("content_index")))
        if name == f"response.{kind}.delta":
            delta = value.get("delta")
            parts[place] = parts.get(place, "") + (delta if isinstance(delta, str) else "")
        elif name == f"response.{kind}.done":
            yield index, value.get("output_index"), parts.pop(place, ""), value.get(JOINED[kind])


def adds_up(requirement: str, *kinds: str) -> None:
    """Registers the check that the deltas of *kinds* add up to their ``.done``."""

    def judge(exchange: Exchange, case: Case) -> Problems:
        rows = [(kind, row) for kind in kinds for row in sums(exchange, kind)]
        deltas = [row for kind in kinds for row in of_type(exchange, f"response.{kind}.delta")]
        if not rows and not deltas:
            raise Inconclusive(f"no stream has {' or '.join(kinds)}")
        if not rows:
            yield Problem(f"the stream has deltas, but no response.{kinds[0]}.done", event=deltas[-1][0])
        for kind, (index, _, joined, told) in rows:
            if joined != told:
                yield Problem(
                    f"response.{kind}.done has {excerpt(told)!r}, expected {excerpt(joined)!r} as in the deltas",
                    event=index,
                )

    judge.__name__ = requirement
    check(requirement, finished, unasked=unasked.of("responses"))(judge)


adds_up("responses.text-adds-up", "output_text")
adds_up("responses.reasoning-adds-up", "reasoning_text")
adds_up("responses.arguments-add-up", "function_call_arguments", "custom_tool_call_input")


def written(item: Any) -> list[Any]:
    """The texts of an item: those of its parts, or the arguments of its call."""
    parts = [at(part, "text") for part in entries(at(item, "content"))]
    return [text for text in [*parts, at(item, "arguments"), at(item, "input")] if isinstance(text, str)]


@check("responses.item-done-whole", finished)
def item_done_whole(exchange: Exchange, case: Case) -> Problems:
    """A finished item contains everything that its events announced."""
    told: dict[str, list[str]] = {}
    for kind in JOINED:
        for _, place, joined, _ in sums(exchange, kind):
            told.setdefault(repr(place), []).append(joined)
    done = of_type(exchange, "response.output_item.done")
    if not told or not done:
        raise Inconclusive("no item has text, or no item is done")
    for index, value in done:
        expected = told.get(repr(value.get("output_index")))
        if expected is not None and written(value.get("item")) != expected:
            yield Problem(
                f"the item is done with {excerpt(written(value.get('item')))}, expected {excerpt(expected)} as in its deltas",
                event=index,
                pointer="/item",
            )


@check("responses.output-is-items", finished)
def output_is_items(exchange: Exchange, case: Case) -> Problems:
    done = [value.get("item") for _, value in of_type(exchange, "response.output_item.done")]
    if final(exchange) is None:
        raise Inconclusive("the last event has no response")
    output = entries(at(final(exchange), "output"))
    if not output and not done:
        raise Inconclusive("the response has no items")
    if [(at(each, "id"), written(each)) for each in output] != [(at(each, "id"), written(each)) for each in done]:
        yield Problem(f"the response holds {len(output)} items that are not the {len(done)} that were done before")
