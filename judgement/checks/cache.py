"""Context cache accounting. Hits are best effort; a reported hit must match a prefix that was sent before."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement import metered as rules
from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, completion, document
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, check_group, picks
from echosounder.judgement.checks.usage import counted, metered, read
from echosounder.judgement.metered import NO_HITS, TEMPLATE, Known, Metered
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

FIRST, OTHER = ("first", "ada"), "grace"


@picks("a non-streaming response whose usage splits the prompt into hits and misses")
def split(exchange: Exchange) -> bool:
    return document(exchange) and counted(exchange) and read(exchange)[1].hit is not None


def hits(exchange: Exchange) -> int:
    return metered(exchange).hit


def known(exchange: Exchange) -> Known:
    """Answers by step of the probe: each sends a new prompt, repeats it, and then sends it for another user."""
    theirs = (read(exchange)[1].prompt or 0) if exchange.step == OTHER else 0
    return Known(new=exchange.step in FIRST, again=exchange.step not in (*FIRST, OTHER), account=theirs)


def prompts(exchanges: Sequence[Exchange]) -> list[Metered]:
    return [metered(exchange, known(exchange)) for exchange in exchanges]


def by_step(exchanges: Sequence[Exchange]) -> dict[str, Exchange]:
    return {exchange.step: exchange for exchange in exchanges}


@check_group("cache.repeat-hits", split)
def repeat_hits(exchanges: Sequence[Exchange], case: Case) -> Problems:
    yield from rules.repeat_hits(prompts(exchanges))


@check_group("cache.prefix-hits", split)
def prefix_hits(exchanges: Sequence[Exchange], case: Case) -> Problems:
    steps = by_step(exchanges)
    if not {"first", "second"} <= steps.keys():
        raise Inconclusive("one of the two requests reported no split")
    if not hits(steps["second"]):
        yield Problem(
            "hits are 0, expected more: the conversation continues an earlier one",
            pointer="/usage/prompt_cache_hit_tokens",
            exchange=steps["second"],
        )


@check_group("cache.middle-misses", split)
def middle_misses(exchanges: Sequence[Exchange], case: Case) -> Problems:
    changed = by_step(exchanges).get("changed")
    if changed is None or not any(hits(exchange) for exchange in exchanges):
        raise Inconclusive(NO_HITS)
    if hits(changed) >= TEMPLATE:
        yield Problem(
            f"{hits(changed)} tokens hit, expected 0: the prompt begins differently",
            pointer="/usage/prompt_cache_hit_tokens",
            exchange=changed,
        )


@check("cache.first-misses", lambda exchange: split(exchange) and exchange.step in FIRST)
def first_misses(exchange: Exchange, case: Case) -> Problems:
    yield from rules.first_misses(metered(exchange, known(exchange)))


def in_units(exchange: Exchange, case: Case) -> Problems:
    yield from rules.in_units(metered(exchange), case.subject.limits.cache_unit)


check("cache.unit-64", split, unasked=unasked.of("chat", "fim"))(in_units)
check("cache.unit-128", split, unasked=unasked.of("chat", "fim"))(in_units)


@check_group("cache.user-id-isolates", split)
def users_isolated(exchanges: Sequence[Exchange], case: Case) -> Problems:
    yield from rules.users_isolated(prompts(exchanges))


@check("cache.not-whole-prompt", split, unasked=unasked.of("chat", "fim"))
def not_whole_prompt(exchange: Exchange, case: Case) -> Problems:
    counts = read(exchange)[1]
    if (counts.miss is not None and counts.miss < 1) or (
        counts.prompt is not None and hits(exchange) >= counts.prompt > 0
    ):
        yield Problem(
            f"all {counts.prompt} tokens of the prompt hit, expected at least one miss",
            pointer="/usage/prompt_cache_miss_tokens",
        )
    elif not hits(exchange):
        raise Inconclusive(NO_HITS)
    elif counts.miss is None and counts.prompt is None:
        raise Inconclusive("usage counts neither misses nor prompt_tokens")


@check_group("cache.no-effect-on-shape", lambda exchange: document(exchange) and completion(exchange))
def same_shape(exchanges: Sequence[Exchange], case: Case) -> Problems:
    shapes = [(exchange, members(exchange)) for exchange in exchanges]
    different = [(exchange, sorted(shape ^ shapes[0][1])) for exchange, shape in shapes if shape != shapes[0][1]]
    for exchange, names in different:
        yield Problem(f"answers with and without hits differ in the members {', '.join(names)}", exchange=exchange)
    if not different and len({hits(exchange) > 0 for exchange in exchanges if split(exchange)}) < 2:
        raise Inconclusive("there are no answers both with and without hits")


def members(exchange: Exchange) -> set[str]:
    """The names of the members of an answer, of its choice and of its usage."""
    choice = at(exchange.json, "choices", 0)
    found = {
        "": exchange.json,
        "choices[0].": choice,
        "message.": at(choice, "message"),
        "usage.": answer(exchange).usage_raw,
    }
    return {f"{where}{name}" for where, value in found.items() if isinstance(value, dict) for name in value}
