"""Log probabilities on chat."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import pairwise
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, asked, chat_completion, objects, wants_stream
from echosounder.judgement.check import Case, Inconclusive, Judge, Problem, Problems, Untestable, check, excerpt, picks
from echosounder.judgement.checks.usage import counted, read
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

ITEM = ("token", "logprob", "bytes", "top_logprobs")


def entries(exchange: Exchange) -> Iterator[tuple[int | None, str, Any]]:
    """``(event, pointer, item)`` of every item, alternatives left out."""
    bodies = objects(exchange) if wants_stream(exchange) else ((None, exchange.json),)
    for event, body in bodies:
        found = at(body, "choices", 0, "logprobs", "content")
        for position, item in enumerate(found if isinstance(found, list) else ()):
            yield event, f"/choices/0/logprobs/content/{position}", item


def itemised(exchange: Exchange) -> Iterator[tuple[int | None, str, dict[str, Any]]]:
    return ((event, pointer, item) for event, pointer, item in entries(exchange) if isinstance(item, dict))


def listed(exchange: Exchange) -> bool:
    """Whether the answer has at least one item."""
    return any(itemised(exchange))


def alternatives(item: dict[str, Any]) -> list[dict[str, Any]]:
    found = item.get("top_logprobs")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


@picks("an answer with text", model=True)
def worded(exchange: Exchange) -> bool:
    return chat_completion(exchange) and bool(answer(exchange).content)


def of_items(requirement: str) -> Callable[[Judge], Judge]:
    """Registers a judge of answers with items; text without items is the server's fault."""

    def register(judge: Judge) -> Judge:
        @wraps(judge)
        def listing(exchange: Exchange, case: Case) -> Problems:
            if not listed(exchange):
                raise Untestable("logprobs is absent, expected log probabilities for the text")
            yield from judge(exchange, case)

        check(requirement, worded, unasked=unasked.asking("logprobs", value=True))(listing)
        return judge

    return register


@check("logprobs.shape", worded, unasked=unasked.asking("logprobs", value=True))
def shape(exchange: Exchange, case: Case) -> Problems:
    if not list(entries(exchange)):
        got = excerpt(at(exchange.json, "choices", 0, "logprobs")) if exchange.json else "absent from every chunk"
        yield Problem(f"logprobs is {got}, expected content with an item per token", cause="no logprobs")
    for event, pointer, item in entries(exchange):
        if absent := [name for name in ITEM if not isinstance(item, dict) or name not in item]:
            yield Problem(f"an item lacks {', '.join(absent)}: {excerpt(item)}", event=event, pointer=pointer)


@check(
    "logprobs.in-stream",
    lambda exchange: chat_completion(exchange) and wants_stream(exchange),
    unasked=unasked.asking("logprobs", value=True),
)
def in_stream(exchange: Exchange, case: Case) -> Problems:
    if not answer(exchange).content:
        raise Inconclusive("the content is empty")
    for event, chunk in objects(exchange):
        if at(chunk, "choices", 0, "delta", "content") and not at(chunk, "choices", 0, "logprobs", "content"):
            yield Problem(
                f"chunk {event} has content but no logprobs.content",
                event=event,
                pointer="/choices/0/logprobs",
                cause="no logprobs",
            )


@of_items("logprobs.text-complete")
def text_complete(exchange: Exchange, case: Case) -> Problems:
    expected = (answer(exchange).content or "").encode("utf-8", "surrogateescape")
    pieces = [spelled(item) for _, _, item in itemised(exchange)]
    got = b"".join(pieces)
    if expected not in (got, b"".join(pieces[:-1])):  # the token that ends the text may be listed too
        yield Problem(f"the tokens spell {excerpt(got)!r}, expected the content {excerpt(expected)!r}")


def spelled(item: dict[str, Any]) -> bytes:
    numbers = item.get("bytes")
    if isinstance(numbers, list) and all(isinstance(each, int) and 0 <= each <= 255 for each in numbers):
        return bytes(numbers)
    token = item.get("token")
    return token.encode("utf-8", "surrogateescape") if isinstance(token, str) else b""


@of_items("logprobs.not-positive")
def not_positive(exchange: Exchange, case: Case) -> Problems:
    for event, pointer, item in itemised(exchange):
        for each in (item, *alternatives(item)):
            value = each.get("logprob")
            if not probable(value):
                yield Problem(
                    f"logprob is {value!r}, expected a finite number of at most 0",
                    event=event,
                    pointer=f"{pointer}/logprob",
                )


def probable(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value <= 0


def item_spells(item: dict[str, Any]) -> bool:
    """Compares bytes with the text of a token, unless the token is part of a character."""
    token = item.get("token")
    return item.get("bytes") is not None and isinstance(token, str) and "\ufffd" not in token


@of_items("logprobs.bytes")
def token_bytes(exchange: Exchange, case: Case) -> Problems:
    whole = [row for row in itemised(exchange) if item_spells(row[2])]
    if not whole:
        raise Inconclusive("no item has bytes and a token of whole characters")
    for event, pointer, item in whole:
        numbers, token = item["bytes"], item["token"]
        if spelled({"bytes": numbers}) != token.encode("utf-8", "surrogateescape"):
            yield Problem(
                f"bytes is {excerpt(numbers)}, expected the UTF-8 bytes of {token!r}",
                event=event,
                pointer=f"{pointer}/bytes",
            )


@of_items("logprobs.width")
def width(exchange: Exchange, case: Case) -> Problems:
    wanted = asked(exchange).get("top_logprobs") or 0
    if not any(alternatives(item) for _, _, item in itemised(exchange)):
        raise Inconclusive("no item has entries in top_logprobs")
    for event, pointer, item in itemised(exchange):
        if len(alternatives(item)) > wanted:
            yield Problem(
                f"top_logprobs has {len(alternatives(item))} entries, expected at most {wanted} as requested",
                event=event,
                pointer=f"{pointer}/top_logprobs",
            )
            return


@check("logprobs.full-width", lambda exchange: chat_completion(exchange) and listed(exchange))
def full_width(exchange: Exchange, case: Case) -> Problems:
    """Judged by the widest item: every vocabulary is large enough for this many candidates."""
    wanted = asked(exchange).get("top_logprobs") or 0
    widest = max(len(alternatives(item)) for _, _, item in itemised(exchange))
    if not wanted or not widest:
        raise Inconclusive("no item has entries in top_logprobs")
    if widest < wanted:
        event, pointer, _ = next(itemised(exchange))
        yield Problem(
            f"top_logprobs has at most {widest} entries, expected {wanted} as requested",
            event=event,
            pointer=f"{pointer}/top_logprobs",
        )


@of_items("logprobs.ordered")
def ordered(exchange: Exchange, case: Case) -> Problems:
    if not any(
        sum(probable(each.get("logprob")) for each in alternatives(item)) > 1 for _, _, item in itemised(exchange)
    ):
        raise Inconclusive("no item has two entries in top_logprobs")
    for event, pointer, item in itemised(exchange):
        values = [each.get("logprob") for each in alternatives(item)]
        numbers = [value for value in values if isinstance(value, (int, float)) and probable(value)]
        if any(first < second for first, second in pairwise(numbers)):
            yield Problem(
                f"top_logprobs is {excerpt(numbers)}, expected descending order",
                event=event,
                pointer=f"{pointer}/top_logprobs",
            )
            return


@of_items("logprobs.count")
def count(exchange: Exchange, case: Case) -> Problems:
    if not counted(exchange):
        raise Untestable("the answer has no usage")
    counts = read(exchange)[1]
    if counts.completion is None:
        raise Inconclusive("the usage does not count the completion")
    items, tokens = len(list(entries(exchange))), counts.completion - (counts.reasoning or 0)
    if tokens - items not in {0, 1}:
        yield Problem(
            f"content has {items} items, expected {tokens} or {tokens - 1}: one per completion token",
            pointer="/choices/0/logprobs/content",
        )
