"""Place of the usage in a stream: once, at the end, and only if requested."""

from __future__ import annotations

from echosounder.judgement import unasked
from echosounder.judgement.answers import chat_chunked, chunked, objects
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, excerpt, picks
from echosounder.judgement.checks.chunk_finish import finished, finishes
from echosounder.wire.exchange import End, Exchange


@picks("a completed stream that must report usage")
def ended(exchange: Exchange) -> bool:
    return chunked(exchange) and ("[DONE]" in exchange.data or bool(usages(exchange)))


@picks("a stream that reports a usage")
def metered(exchange: Exchange) -> bool:
    return chunked(exchange) and bool(usages(exchange))


def usages(exchange: Exchange) -> list[int]:
    return [event for event, chunk in objects(exchange) if isinstance(chunk.get("usage"), dict)]


@check("stream.usage-present", ended, unasked=unasked.asking("stream_options", "include_usage"))
def usage_present(exchange: Exchange, case: Case) -> Problems:
    if not usages(exchange):
        yield Problem(
            "no chunk carries a usage object, expected one: include_usage is true", cause="no usage in the stream"
        )


@check("stream.usage-unasked", lambda exchange: ended(exchange) and exchange.format == "chat")
def usage_unasked(exchange: Exchange, case: Case) -> Problems:
    if not usages(exchange):
        yield Problem(
            "no chunk carries a usage object, expected one: DeepSeek sends it without include_usage",
            cause="no usage in the stream",
        )


@picks("a complete chat stream, with or without the closing marker")
def over(exchange: Exchange) -> bool:
    return chat_chunked(exchange) and exchange.end is End.COMPLETE and finished(exchange)


@check("stream.usage-unsolicited-chunk", over, unasked=unasked.without("stream_options", "include_usage"))
def unsolicited(exchange: Exchange, case: Case) -> Problems:
    for event, chunk in objects(exchange):
        if chunk.get("choices") == []:
            yield Problem(
                "a chunk has empty choices without include_usage, expected none: clients that read choices[0] fail",
                event=event,
                pointer="/choices",
            )


@check("stream.usage-chunk-asked-for", over, unasked=unasked.without("stream_options", "include_usage"))
def usage_chunk_asked_for(exchange: Exchange, case: Case) -> Problems:
    if not usages(exchange):
        raise Inconclusive("the stream reports no usage")
    for event, chunk in objects(exchange):
        if chunk.get("choices") == [] and isinstance(chunk.get("usage"), dict):
            yield Problem(
                "the usage chunk has empty choices without include_usage, expected a choice: clients that read choices[0] fail",
                event=event,
                pointer="/choices",
            )


@check("stream.usage-once", metered)
def usage_once(exchange: Exchange, case: Case) -> Problems:
    found = usages(exchange)
    if len(found) > 1:
        yield Problem(
            f"{len(found)} chunks carry a usage object, expected one: clients that add them up overcount",
            event=found[0],
        )


@check(
    "stream.usage-null-before",
    lambda exchange: metered(exchange) and exchange.format == "chat",
    unasked=unasked.asking("stream_options", "include_usage"),
)
def usage_null_before(exchange: Exchange, case: Case) -> Problems:
    totals = usages(exchange)[-1]
    if all(event >= totals for event, _ in objects(exchange)):
        raise Inconclusive("no chunk precedes the usage totals")
    for event, chunk in objects(exchange):
        if event < totals and ("usage" not in chunk or chunk["usage"] is not None):
            got = f"the usage {excerpt(chunk['usage'])}" if "usage" in chunk else "no member usage"
            yield Problem(f"chunk {event} has {got}, expected null until the totals", event=event)
            return


@check("stream.usage-not-before-finish", lambda exchange: metered(exchange) and finished(exchange))
def usage_not_before_finish(exchange: Exchange, case: Case) -> Problems:
    found, ends = usages(exchange), finishes(exchange)
    if found[-1] < ends[0][0]:
        yield Problem(
            f"usage is in chunk {found[-1]}, expected after the finish_reason in chunk {ends[0][0]}", event=found[-1]
        )
