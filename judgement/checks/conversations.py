"""Conversations that grow: the cost of each round, and the maximum that the cache may have known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from echosounder.judgement import metered as rules
from echosounder.judgement.answers import asked
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check_group, picks
from echosounder.judgement.checks.usage import counted, metered, read
from echosounder.judgement.metered import Known
from echosounder.wire.exchange import End, Exchange
from echosounder.wire.strict_json import at, compact
from echosounder.wire.tokens import TEMPLATE

SETTING = ("model", "tools", "thinking", "reasoning")
"""What stands before the messages in a prompt, or changes how they are put."""


OWNER = {"responses": "user", "messages": "metadata"}
"""The member that names the user, where it is not ``user_id``."""


def split(exchange: Exchange) -> bool:
    if not counted(exchange):
        return False
    usage = read(exchange)[1]
    return usage.hit is not None or usage.cached is not None


def turns(exchange: Exchange) -> list[Any]:
    return exchange.reader.turns(asked(exchange))


def owner(exchange: Exchange) -> str:
    return OWNER.get(exchange.format, "user_id")


def shared(first: Exchange, second: Exchange) -> int:
    """Number of leading messages that both requests share."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(turns(first), turns(second), strict=False)))


def same(first: Exchange, second: Exchange, *names: str) -> bool:
    return first.format == second.format and all(asked(first).get(name) == asked(second).get(name) for name in names)


def continued(exchanges: Sequence[Exchange], owned: bool = False) -> Iterator[tuple[Exchange, Exchange]]:
    """``(earlier, later)`` if the later request contains all of the earlier one and more; *owned*: both of one user."""
    for index, later in enumerate(exchanges):
        for earlier in exchanges[:index]:
            whole = shared(earlier, later) == len(turns(earlier)) < len(turns(later))
            if whole and same(earlier, later, *SETTING, *([owner(later)] if owned else ())):
                yield earlier, later


@check_group("usage.prompt-grows", counted)
def prompt_grows(exchanges: Sequence[Exchange], case: Case) -> Problems:
    pairs = list(continued([each for each in exchanges if read(each)[1].prompt is not None]))
    if not pairs:
        raise Inconclusive("no conversation and its continuation were both answered")
    for earlier, later in pairs:
        one, two = read(earlier)[1].prompt, read(later)[1].prompt
        if one is not None and two is not None and two <= one:
            yield Problem(
                f"prompt_tokens is {two}, expected more than the {one} of the beginning of the conversation (exchange {earlier.id})",
                pointer=metered(later).at("prompt"),
                exchange=later,
            )


@check_group("cache.conversation-grows", split)
def hits_grow(exchanges: Sequence[Exchange], case: Case) -> Problems:
    pairs = list(continued(exchanges, owned=True))
    if not any(metered(earlier).hit for earlier, _ in pairs):
        raise Inconclusive("no tokens hit the cache")
    for earlier, later in pairs:
        one, two = metered(earlier).hit, metered(later).hit
        if two < one:
            yield Problem(
                f"{two} tokens hit, expected at least the {one} of the beginning of the conversation (exchange {earlier.id})",
                pointer=metered(later).at("hit" if "hit" in later.reader.grammar.counts else "cached"),
                exchange=later,
            )


@picks("a conversation that the target may have taken in, whether it answered or not")
def sent(exchange: Exchange) -> bool:
    return bool(turns(exchange)) and exchange.end is not End.CONNECT_FAILED


@check_group("cache.hits-within-prefix", sent)
def hits_within_prefix(exchanges: Sequence[Exchange], case: Case) -> Problems:
    owned = case.subject.limits.user_id_max is not None
    bounds = zip(
        exchanges, (bound(exchanges[:index], each, owned) for index, each in enumerate(exchanges)), strict=True
    )
    yield from rules.hits_within_prefix([metered(each, Known(most)) for each, most in bounds if split(each)])


def bound(before: Sequence[Exchange], exchange: Exchange, owned: bool) -> int:
    """Maximum number of cached tokens that any request of those *before* it can have left for this one; *owned*: only those of the same
    user.
    """
    mine = [each for each in before if same(each, exchange, "model", *([owner(exchange)] if owned else ()))]
    return max([anywhere(exchange), *(common(earlier, exchange) for earlier in mine)])


def common(earlier: Exchange, later: Exchange) -> int:
    """Maximum number of tokens of *later* that can be cached because of *earlier*: all of its prompt, or one token per byte of the
    shared part.
    """
    messages = shared(earlier, later)
    took = read(earlier)[1] if counted(earlier) else None
    if messages == len(turns(earlier)) and took and took.prompt is not None and took.completion is not None:
        return took.prompt + took.completion
    parted = [str(at(each, messages, "content") or "") for each in (turns(earlier), turns(later))]
    answered = earlier.reader.bound(asked(earlier)) or 0 if messages == len(turns(earlier)) else 0
    return (
        anywhere(later) + len(compact(turns(later)[:messages]).encode()) + len(_beginning(*parted).encode()) + answered
    )


def anywhere(exchange: Exchange) -> int:
    """Maximum number of tokens that any earlier request may have left in the cache: the template, and leading functions."""
    return TEMPLATE + len(compact(asked(exchange).get("tools") or []).encode())


def _beginning(first: str, second: str) -> str:
    return first[: sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))]
