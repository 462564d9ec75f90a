"""JSON output: the content of answers to response_format json_object."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, chat_completion, whole
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, check_group, excerpt, picks
from echosounder.judgement.checks.controls import question
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import parse

FENCE = re.compile(r"^\s*(?:```|json\s*\n)|```\s*$")


@picks("an answer that ended by itself, not at the bound", model=True)
def finished(exchange: Exchange) -> bool:
    return chat_completion(exchange) and whole(exchange) and answer(exchange).finish == "stop"


def content(exchange: Exchange) -> str:
    return answer(exchange).content or ""


def parsed(text: str) -> Any:
    """The JSON value of the text; None if it is not JSON (the probes never ask for null)."""
    try:
        return parse(text).value
    except ValueError:
        return None


@check("json.valid", finished, unasked=unasked.asking("response_format", "type", value="json_object"))
def valid(exchange: Exchange, case: Case) -> Problems:
    text = content(exchange)
    if not text.strip():
        raise Inconclusive("the content is empty, which the documentation allows now and then")
    if parsed(text) is None:
        yield Problem(f"the content is not JSON: {excerpt(text)!r}", excerpt=text, cause="JSON output is not JSON")


@check("json.object", finished, unasked=unasked.asking("response_format", "type", value="json_object"))
def an_object(exchange: Exchange, case: Case) -> Problems:
    value = parsed(content(exchange))
    if value is None:
        raise Inconclusive("the content is not a JSON value")
    if not isinstance(value, dict):
        yield Problem(f"the content is the JSON value {excerpt(value)}, expected an object", excerpt=content(exchange))


@check("json.no-fence", chat_completion, unasked=unasked.asking("response_format", "type", value="json_object"))
def no_fence(exchange: Exchange, case: Case) -> Problems:
    text = content(exchange)
    if not text:
        raise Inconclusive("the content is empty")
    if parsed(text) is not None:
        return
    within = text[text.find("{") : text.rfind("}") + 1] if "{" in text else ""
    if FENCE.search(text) or (within and parsed(within) is not None):
        wrapping = "a fence" if FENCE.search(text) else "prose"
        yield Problem(
            f"the JSON is wrapped in {wrapping}: {excerpt(text)!r}", excerpt=text, cause="JSON output is not JSON"
        )


@check("json.not-empty", finished, unasked=unasked.asking("response_format", "type", value="json_object"))
def not_empty(exchange: Exchange, case: Case) -> Problems:
    if not content(exchange).strip():
        yield Problem(f"the content is {excerpt(content(exchange))!r} with finish_reason stop, expected JSON")


@check(
    "json.no-whitespace-flood", chat_completion, unasked=unasked.asking("response_format", "type", value="json_object")
)
def no_flood(exchange: Exchange, case: Case) -> Problems:
    if not content(exchange):
        raise Inconclusive("the content is empty")
    outside = re.sub(r'"(?:[^"\\]|\\.)*+"?', '""', content(exchange))
    blank = sum(character.isspace() for character in outside)
    if blank > 20 and blank * 2 > len(content(exchange)):
        yield Problem(f"{blank} of {len(content(exchange))} characters are white space", excerpt=content(exchange))


ANSWERS = 3
"""The fewest JSON answers, to at least two questions, that tell a server from a mood of its model."""


def useless(exchange: Exchange) -> str:
    """Why a client cannot use the answer as an object, even if it is JSON; empty if it can."""
    text = content(exchange)
    if len(text) - len(text.strip()) > 20 and len(text.strip()) * 2 < len(text):
        return "lost in white space"
    if not text.strip():
        return "empty"
    return "no object" if parsed(text) is not None and not isinstance(parsed(text), dict) else ""


@check_group("json.usable", finished)
def usable(exchanges: Sequence[Exchange], case: Case) -> Problems:
    """A single failure may be the model's choice; the same failure in all answers is the server's fault."""
    faults = {useless(exchange) for exchange in exchanges}
    if len(exchanges) < ANSWERS or len({question(exchange) for exchange in exchanges}) < 2:
        raise Inconclusive("too few JSON answers to tell a fault of the server from a choice of the model")
    if len(faults) == 1 and (fault := faults.pop()):
        yield Problem(
            f"all {len(exchanges)} JSON answers are {fault}", excerpt=content(exchanges[0]), exchange=exchanges[0]
        )


def _used_up(exchange: Exchange) -> bool:
    """Did the answer take all the tokens that it was given, by its own count?"""
    counts, most = answer(exchange).usage, exchange.reader.bound(exchange.asked)
    return counts is not None and counts.completion is not None and most is not None and counts.completion >= most


@check("json.length-cut", lambda exchange: chat_completion(exchange) and whole(exchange))
def length_cut(exchange: Exchange, case: Case) -> Problems:
    if parsed(content(exchange)) is not None:
        raise Inconclusive("the whole answer fits into max_tokens")
    if answer(exchange).finish != "length" and not _used_up(exchange):
        raise Inconclusive("it is unknown whether max_tokens cut the answer")
    if answer(exchange).finish != "length":
        yield Problem(
            f"finish_reason is {answer(exchange).finish!r}, expected 'length': the JSON is cut",
            excerpt=content(exchange),
        )
