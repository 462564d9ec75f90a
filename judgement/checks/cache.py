"""What the context cache reports. That it hits is best effort, so nothing here is more than a SHOULD."""

from __future__ import annotations

from collections.abc import Sequence

from echosounder.judgement.answers import answer, completion, document
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, check_group
from echosounder.judgement.checks.usage import counted, read
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at

FIRST = ("first", "ada")
NO_HITS = "nothing hit the cache"


def split(exchange: Exchange) -> bool:
    """A document whose usage splits the prompt into hits and misses."""
    return document(exchange) and counted(exchange) and read(exchange)[1].hit is not None


def hits(exchange: Exchange) -> int:
    return read(exchange)[1].hit or 0


def by_step(exchanges: Sequence[Exchange]) -> dict[str, Exchange]:
    return {exchange.step: exchange for exchange in exchanges}


@check_group("cache.repeat-hits", split)
def repeat_hits(exchanges: Sequence[Exchange], case: Case) -> Problems:
    repeats = [exchange for exchange in exchanges if exchange.step not in FIRST]
    if not repeats:
        raise Inconclusive("no repetition reported a split")
    if not any(hits(exchange) for exchange in repeats):
        count = read(repeats[0])[1].prompt
        yield Problem(
            f"none of {len(repeats)} repetitions of a prompt of {count} tokens hit the cache",
            pointer="/usage/prompt_cache_hit_tokens",
            exchange=repeats[-1],
        )


@check_group("cache.prefix-hits", split)
def prefix_hits(exchanges: Sequence[Exchange], case: Case) -> Problems:
    steps = by_step(exchanges)
    if not {"first", "second"} <= steps.keys():
        raise Inconclusive("one of the two requests reported no split")
    if not hits(steps["second"]):
        yield Problem(
            "a conversation that continues an earlier one hit nothing of it",
            pointer="/usage/prompt_cache_hit_tokens",
            exchange=steps["second"],
        )


@check_group("cache.middle-misses", split)
def middle_misses(exchanges: Sequence[Exchange], case: Case) -> Problems:
    changed = by_step(exchanges).get("changed")
    if changed is None or not any(hits(exchange) for exchange in exchanges):
        raise Inconclusive(NO_HITS)
    if hits(changed):
        yield Problem(
            f"a prompt with another beginning hit {hits(changed)} tokens",
            pointer="/usage/prompt_cache_hit_tokens",
            exchange=changed,
        )


@check("cache.first-misses", lambda exchange: split(exchange) and exchange.step in FIRST)
def first_misses(exchange: Exchange, case: Case) -> Problems:
    if hits(exchange):
        yield Problem(
            f"a prompt that was never sent before hit {hits(exchange)} tokens", pointer="/usage/prompt_cache_hit_tokens"
        )


def in_units(exchange: Exchange, case: Case) -> Problems:
    unit = case.subject.limits.cache_unit
    if not hits(exchange):
        raise Inconclusive(NO_HITS)
    if unit and hits(exchange) % unit:
        yield Problem(
            f"{hits(exchange)} tokens hit, expected a multiple of {unit}", pointer="/usage/prompt_cache_hit_tokens"
        )


check("cache.unit-64", split)(in_units)
check("cache.unit-128", split)(in_units)


@check_group("cache.user-id-isolates", split)
def user_isolates(exchanges: Sequence[Exchange], case: Case) -> Problems:
    steps = by_step(exchanges)
    if "ada-again" not in steps or not hits(steps["ada-again"]) or "grace" not in steps:
        raise Inconclusive("the prompt of the first user was not cached")
    if hits(steps["grace"]):
        yield Problem(
            f"another user_id hit {hits(steps['grace'])} tokens that ada had sent",
            pointer="/usage/prompt_cache_hit_tokens",
            exchange=steps["grace"],
        )


@check("cache.not-whole-prompt", split)
def not_whole_prompt(exchange: Exchange, case: Case) -> Problems:
    counts = read(exchange)[1]
    if counts.miss is not None and counts.miss < 1:
        yield Problem(
            f"all {counts.prompt} tokens of the prompt hit, expected one miss at least",
            pointer="/usage/prompt_cache_miss_tokens",
        )
    elif not hits(exchange):
        raise Inconclusive(NO_HITS)


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
