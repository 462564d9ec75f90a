"""Endpoints below /beta: fill-in-the-middle and chat prefix completion."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, asked, chat_completion, chosen, stream, wants_stream, whole
from echosounder.judgement.check import (
    Case,
    Inconclusive,
    Problem,
    Problems,
    check,
    check_group,
    excerpt,
    picks,
)
from echosounder.judgement.checks.outcomes import turned_away, unserved
from echosounder.judgement.checks.schemas import FIM_REASONS, fim_document
from echosounder.judgement.checks.usage import counted, read
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at


@picks("a non-streaming FIM response that is a JSON object")
def filled(exchange: Exchange) -> bool:
    return fim_document(exchange) and isinstance(exchange.json, dict)


def with_choice(exchange: Exchange) -> bool:
    return filled(exchange) and chosen(exchange)


@picks("a non-streaming FIM response with text", model=True)
def worded(exchange: Exchange) -> bool:
    return with_choice(exchange) and bool(text(exchange))


@picks("a chat answer with text", model=True)
def said(exchange: Exchange) -> bool:
    return chat_completion(exchange) and bool(text(exchange))


def text(exchange: Exchange) -> str:
    return answer(exchange).content or ""


@check("fim.object", filled)
def names_itself(exchange: Exchange, case: Case) -> Problems:
    choice = at(exchange.json, "choices", 0)
    if exchange.json.get("object") != "text_completion":
        yield Problem(
            f"object is {exchange.json.get('object')!r}, expected 'text_completion'",
            pointer="/object",
            cause="FIM in the shape of chat",
        )
    if not isinstance(at(choice, "text"), str) or (isinstance(choice, dict) and {"message", "delta"} & choice.keys()):
        yield Problem(
            f"choices[0] is {excerpt(choice)}, expected the member text",
            pointer="/choices/0",
            cause="FIM in the shape of chat",
        )


@check("fim.suffix", worded)
def suffix(exchange: Exchange, case: Case) -> Problems:
    end = str(asked(exchange).get("suffix") or "")
    if not end.strip():
        raise Inconclusive("no request had a suffix")
    if text(exchange).endswith(end):
        yield Problem(
            "the text ends with the suffix, expected only the text before the suffix", pointer="/choices/0/text"
        )


@check_group("fim.suffix-counted", lambda exchange: counted(exchange) and exchange.format == "fim")
def suffix_counted(exchanges: Sequence[Exchange], case: Case) -> Problems:
    counts = [(each, count) for each in exchanges if (count := read(each)[1].prompt) is not None]
    without = {asked(each).get("prompt"): count for each, count in counts if not asked(each).get("suffix")}
    both = [
        (each, count, without.get(asked(each).get("prompt"))) for each, count in counts if asked(each).get("suffix")
    ]
    if not any(bare for _, _, bare in both):
        raise Inconclusive("there is nothing to compare with")
    for exchange, count, bare in both:
        if bare is not None and count <= bare:
            yield Problem(
                f"with a suffix prompt_tokens is {count}, without {bare}",
                pointer="/usage/prompt_tokens",
                exchange=exchange,
            )


@check("fim.echo", filled)
def echo(exchange: Exchange, case: Case) -> Problems:
    if answer(exchange).content is None:
        raise Inconclusive("the answer has no text")
    if not text(exchange).startswith(asked(exchange)["prompt"]):
        yield Problem(
            f"text begins with {excerpt(text(exchange)[:60])!r}, expected the prompt: echo was requested",
            pointer="/choices/0/text",
        )


@check("fim.echo-off", worded, unasked=unasked.without("echo", format="fim"))
def echo_off(exchange: Exchange, case: Case) -> Problems:
    if text(exchange).startswith(asked(exchange)["prompt"]):
        yield Problem(
            "text begins with the whole prompt, expected only the completion: echo was not requested",
            pointer="/choices/0/text",
        )


ARRAYS = ("tokens", "token_logprobs", "top_logprobs", "text_offset")


@check("fim.logprobs", filled)
def logprobs(exchange: Exchange, case: Case) -> Problems:
    found = at(exchange.json, "choices", 0, "logprobs")
    lengths = {name: len(at(found, name)) for name in ARRAYS if isinstance(at(found, name), list)}
    if len(lengths) < len(ARRAYS):
        yield Problem(
            f"logprobs is {excerpt(found)}, expected the arrays {', '.join(ARRAYS)}", pointer="/choices/0/logprobs"
        )
    elif len(set(lengths.values())) > 1 or (text(exchange) and not lengths["tokens"]):
        yield Problem(f"the arrays of logprobs differ in length: {lengths}", pointer="/choices/0/logprobs")


@check("fim.logprobs-width", filled)
def logprobs_width(exchange: Exchange, case: Case) -> Problems:
    found = at(exchange.json, "choices", 0, "logprobs", "top_logprobs")
    most = asked(exchange).get("logprobs", 0) + 1
    if not isinstance(found, list) or not any(isinstance(entry, dict) and entry for entry in found):
        raise Inconclusive("no answer has top_logprobs")
    for position, entry in enumerate(found):
        if isinstance(entry, dict) and len(entry) > most:
            yield Problem(
                f"top_logprobs[{position}] has {len(entry)} members, expected at most {most}",
                pointer=f"/choices/0/logprobs/top_logprobs/{position}",
            )


@check("fim.logprobs-null", with_choice, unasked=unasked.without("logprobs", format="fim"))
def logprobs_null(exchange: Exchange, case: Case) -> Problems:
    choice = at(exchange.json, "choices", 0)
    if isinstance(choice, dict) and choice.get("logprobs", "absent") is not None:
        yield Problem(
            f"logprobs is {excerpt(choice.get('logprobs', 'absent'))}, expected null", pointer="/choices/0/logprobs"
        )


@check("fim.stop", lambda exchange: with_choice(exchange) or turned_away(exchange))
def stop(exchange: Exchange, case: Case) -> Problems:
    if turned_away(exchange):
        yield unserved(exchange)
        return
    wanted = asked(exchange).get("stop")
    marks = [wanted] if isinstance(wanted, str) else wanted or []
    if answer(exchange).finish == "length" and not any(mark in text(exchange) for mark in marks):
        raise Inconclusive("max_tokens cut the text before a stop text came")
    for mark in marks:
        if mark in text(exchange):
            yield Problem(
                f"the text contains the stop text {mark!r}", pointer="/choices/0/text", excerpt=text(exchange)
            )


@check("fim.length-finish", filled, unasked=unasked.never)
def length_finish(exchange: Exchange, case: Case) -> Problems:
    found, bound = answer(exchange), asked(exchange)["max_tokens"]
    count = found.usage.completion if found.usage else None
    if found.finish != "length" and (count is None or (found.finish == "stop" and count != bound)):
        known = "an unknown number of" if count is None else count
        raise Inconclusive(f"the text has {known} tokens, so it is unknown whether max_tokens {bound} cut it")
    if found.finish != "length":
        yield Problem(
            f"max_tokens {bound} cut the text, but finish_reason is {found.finish!r}, expected 'length'",
            pointer="/choices/0/finish_reason",
        )
    elif count is not None and count != bound:
        yield Problem(
            f"max_tokens {bound} cut the text, but completion_tokens is {count}", pointer="/usage/completion_tokens"
        )


@check("fim.finish-reason-known", filled)
def finish_known(exchange: Exchange, case: Case) -> Problems:
    got = at(exchange.json, "choices", 0, "finish_reason")
    if got not in FIM_REASONS:
        yield Problem(
            f"finish_reason is {got!r}, expected one of {', '.join(FIM_REASONS)}", pointer="/choices/0/finish_reason"
        )


@check("fim.stream", stream)
def streams(exchange: Exchange, case: Case) -> Problems:
    if not exchange.streamed:
        yield Problem(
            f"content-type is {exchange.header('content-type') or 'no content-type'}",
            cause="not an event stream",
        )
    elif exchange.data[-1:] != ("[DONE]",):
        last = excerpt(exchange.data[-1]) if exchange.data else "nothing"
        yield Problem(f"the FIM stream ends with {last} ({exchange.end}), expected [DONE]", cause="no [DONE]")


@check("fim.stream-usage", lambda exchange: wants_stream(exchange) and whole(exchange))
def stream_usage(exchange: Exchange, case: Case) -> Problems:
    if answer(exchange).usage is None:
        yield Problem(
            "include_usage was true, but no chunk of the FIM stream carries a usage object",
            cause="no usage in the stream",
        )


@check("fim.not-thinking", with_choice)
def not_thinking(exchange: Exchange, case: Case) -> Problems:
    counts = answer(exchange).usage
    if counts and counts.reasoning:
        yield Problem(
            f"reasoning_tokens is {counts.reasoning}, expected 0 or absent: FIM does not think",
            pointer="/usage/completion_tokens_details",
        )
    if isinstance(at(exchange.json, "choices", 0), dict) and "reasoning_content" in exchange.json["choices"][0]:
        yield Problem("the choice has reasoning_content, expected none: FIM does not think", pointer="/choices/0")


def prefix(exchange: Exchange) -> str:
    last = asked(exchange).get("messages", [{}])[-1]
    return str(last.get("content") or "")


@check("prefix.not-repeated", said, unasked=unasked.asking("messages", -1, "prefix"))
def not_repeated(exchange: Exchange, case: Case) -> Problems:
    if text(exchange).startswith(prefix(exchange)):
        yield Problem(
            f"the answer repeats the prefix {excerpt(prefix(exchange))!r}, expected only its continuation",
            excerpt=text(exchange),
        )


@check("prefix.continues", said)
def continues(exchange: Exchange, case: Case) -> Problems:
    said = text(exchange).lstrip()
    if said.startswith(("{", "```")):
        yield Problem(
            f"the answer starts over with {excerpt(said[:40])!r} instead of continuing {excerpt(prefix(exchange))!r}",
            excerpt=text(exchange),
        )


LISTS = 3
"""The fewest begun lists that tell the server from the model."""


def went_wrong(exchange: Exchange) -> str:
    """How a list does not go on; empty where it does."""
    if text(exchange).lstrip().casefold().startswith(prefix(exchange).split()[0].casefold()):
        return "begins again"
    return "lacks the blank after the prefix" if text(exchange)[:1].isalnum() else ""


@check_group("prefix.goes-on", said)
def goes_on(exchanges: Sequence[Exchange], case: Case) -> Problems:
    if len(exchanges) < LISTS:
        raise Inconclusive(f"fewer than {LISTS} begun texts were continued")
    (first, how), *others = [(each, went_wrong(each)) for each in exchanges]
    if how and all(each == how for _, each in others):
        yield Problem(
            f"each of {len(exchanges)} continuations {how}: {excerpt(text(first))} after {excerpt(prefix(first))}",
            exchange=first,
            excerpt=text(first),
            cause="the prefix is not continued",
        )


@check("prefix.stop", chat_completion)
def prefix_stop(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    if "```" in (found.content or ""):
        yield Problem(
            "the content contains the stop text (a code fence), expected to end before it", excerpt=found.content or ""
        )
    elif found.finish == "length":
        raise Inconclusive("max_tokens cut the answer before the stop text came")
    elif "print" not in (found.content or ""):
        raise Inconclusive("the answer does not contain the code block that the stop text would have ended")
    if found.finish not in ("stop", "length"):
        yield Problem(f"finish_reason is {found.finish!r}, expected 'stop'", pointer="/choices/0/finish_reason")
