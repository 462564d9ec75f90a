"""The chunk that ends a choice of a stream, and its contents."""

from __future__ import annotations

from typing import Any

from echosounder.judgement.answers import (
    choices,
    chunked,
    objects,
)
from echosounder.judgement.check import Case, Problem, Problems, check, picks
from echosounder.judgement.checks.schemas import reasons
from echosounder.wire.exchange import Exchange, Observed
from echosounder.wire.strict_json import at


def finishes(exchange: Exchange) -> list[tuple[int, Any, Any]]:
    """``(event, choice index, reason)`` for each reason given."""
    return [
        (event, choice.get("index"), choice["finish_reason"])
        for event, chunk in objects(exchange)
        for _, choice in choices(chunk)
        if choice.get("finish_reason") is not None
    ]


@picks("a stream with a finish_reason")
def finished(exchange: Exchange) -> bool:
    return chunked(exchange) and bool(finishes(exchange))


@check(
    "stream.finish-once",
    lambda exchange: finished(exchange) or (chunked(exchange) and "[DONE]" in exchange.data),
    rests=[Observed.FRAMING],
)
def finish_once(exchange: Exchange, case: Case) -> Problems:
    found = finishes(exchange)
    if not found:
        yield Problem(
            "no chunk of the completed stream has a finish_reason, expected one in the last chunk of the choice",
            event=len(exchange.data) - 1,
        )
    ended: dict[str, Any] = {}
    for event, choice, reason in found:
        if repr(choice) in ended:
            yield Problem(
                f"choice {choice} has a second finish_reason, {reason!r} after {ended[repr(choice)]!r}, expected one",
                event=event,
            )
        ended[repr(choice)] = reason


def carries(choice: dict[str, Any]) -> str | None:
    """The kind of output in a choice of a chunk; None if it contains none."""
    for path in (("delta", "content"), ("text",), ("delta", "reasoning_content"), ("delta", "tool_calls")):
        if at(choice, *path):
            return path[-1]
    return None


@check("stream.finish-last", finished)
def finish_last(exchange: Exchange, case: Case) -> Problems:
    ended: set[str] = set()
    for event, chunk in objects(exchange):
        for _, choice in choices(chunk):
            if repr(choice.get("index")) in ended and (kind := carries(choice)):
                yield Problem(f"chunk {event} carries {kind} after the finish_reason of its choice", event=event)
            if choice.get("finish_reason"):
                ended.add(repr(choice.get("index")))


@check("stream.finish-adds-nothing", finished)
def finish_adds_nothing(exchange: Exchange, case: Case) -> Problems:
    """Under ``interop`` the last token may come with the end, which clients read."""
    for event, chunk in objects(exchange) if case.policy == "documented" else ():
        for _, choice in choices(chunk):
            if choice.get("finish_reason") and (kind := carries(choice)):
                yield Problem(f"chunk {event} ends its choice and carries {kind}", event=event)


@check("stream.finish-delta", lambda exchange: finished(exchange) and exchange.format == "chat")
def finish_delta(exchange: Exchange, case: Case) -> Problems:
    """Under ``interop`` the delta may be missing, as reported of the official API."""
    for event, chunk in objects(exchange) if case.policy == "documented" else ():
        for _, choice in choices(chunk):
            if choice.get("finish_reason") and "delta" not in choice:
                yield Problem(f"chunk {event} ends its choice without a delta", event=event)


@picks("a chat stream that ended with usage")
def counted_stream(exchange: Exchange) -> bool:
    return (
        finished(exchange) and exchange.format == "chat" and any(chunk.get("usage") for _, chunk in objects(exchange))
    )


@check("stream.usage-on-finish", counted_stream)
def usage_on_finish(exchange: Exchange, case: Case) -> Problems:
    """Under ``interop`` a separate chunk may carry it, as documented earlier."""
    for event, chunk in objects(exchange) if case.policy == "documented" else ():
        ends = any(choice.get("finish_reason") for _, choice in choices(chunk))
        if bool(chunk.get("usage")) != ends:
            yield Problem(
                f"chunk {event} has {'no usage where the choice ends' if ends else 'the usage and no end'}", event=event
            )


@check("stream.finish-reason-known", lambda exchange: finished(exchange) and exchange.format == "chat")
def finish_known(exchange: Exchange, case: Case) -> Problems:
    for event, _, reason in finishes(exchange):
        if reason not in reasons(case):
            yield Problem(
                f"finish_reason is {reason!r}, expected null or one of {', '.join(reasons(case))}",
                event=event,
                pointer="/choices/0/finish_reason",
            )
