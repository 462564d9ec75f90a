"""The same deterministic request, streaming and non-streaming: the strongest oracle, and the easiest to get wrong.

Two documents must agree with each other, and two streams, before a difference between the modes is blamed on the server:
a model whose answers vary proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from echosounder.judgement.answers import answer, asked, chat_completion, wants_stream, whole
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check_group, excerpt, picks
from echosounder.judgement.checks.controls import MODE
from echosounder.wire.answer import Answer
from echosounder.wire.exchange import End, Exchange
from echosounder.wire.strict_json import compact


@picks("a complete answer, with or without the closing marker")
def comparable(exchange: Exchange) -> bool:
    ended = whole(exchange) or (exchange.end is End.COMPLETE and answer(exchange).finish is not None)
    return chat_completion(exchange) and ended and answer(exchange).finish != "insufficient_system_resource"


def pairs(exchanges: Sequence[Exchange], view: Callable[[Answer], Any]) -> Iterator[tuple[Exchange, Any, Any]]:
    """``(stream, its view, view of the non-streaming responses)`` per request with a stable result in each mode, whether or not they
    differ.
    """
    groups: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        groups.setdefault(
            compact({name: value for name, value in asked(exchange).items() if name not in MODE}), []
        ).append(exchange)
    for group in groups.values():
        documents = [view(answer(each)) for each in group if not wants_stream(each)]
        streams = [each for each in group if wants_stream(each)]
        views = [view(answer(each)) for each in streams]
        if stable(documents) and stable(views):
            yield streams[0], views[0], documents[0]


def stable(views: list[Any]) -> bool:
    return len(views) >= 2 and all(each == views[0] for each in views)


def agree(exchanges: Sequence[Exchange], view: Callable[[Answer], Any], what: str) -> Problems:
    found = list(pairs(exchanges, view))
    if not any(wants_stream(each) for each in exchanges) or all(wants_stream(each) for each in exchanges):
        raise Inconclusive("one of the two modes has no complete answer")
    if not found:
        raise Inconclusive(f"the model does not answer the same request alike, so {what} cannot be compared")
    if not any(streamed or documented for _, streamed, documented in found):
        raise Inconclusive(f"{what} is empty in both modes")
    for stream, streamed, documented in found:
        if streamed != documented:
            yield Problem(
                f"{what}: {excerpt(streamed)!r} in the stream, expected {excerpt(documented)!r} as in the non-streaming response",
                exchange=stream,
                excerpt=excerpt(streamed),
                cause="streaming and non-streaming differ",
            )


def shape(found: Answer) -> list[Any]:
    return [found.finish, [call.name for call in found.calls]]


def counted_shape(found: Answer) -> list[Any]:
    return [*shape(found), found.usage.prompt if found.usage else None]


@check_group("stream.equals-nonstream", comparable)
def same_shape(exchanges: Sequence[Exchange], case: Case) -> Problems:
    if all(answer(each).usage for each in exchanges):
        yield from agree(exchanges, counted_shape, "finish_reason, calls and prompt_tokens")
    else:  # that usage is missing is said elsewhere
        yield from agree(exchanges, shape, "finish_reason and calls")


@check_group("stream.text-complete", comparable)
def same_text(exchanges: Sequence[Exchange], case: Case) -> Problems:
    yield from agree(exchanges, lambda found: found.content or "", "the text")


@check_group("tools.stream-complete", comparable)
def same_calls(exchanges: Sequence[Exchange], case: Case) -> Problems:
    yield from agree(exchanges, lambda found: [[call.name, call.arguments] for call in found.calls], "the calls")
