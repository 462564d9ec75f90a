"""The token counts that the bill is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from echosounder.judgement import metered as rules
from echosounder.judgement import unasked
from echosounder.judgement.answers import answer, asked, completion, document, ok
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, check_group, literal, picks
from echosounder.judgement.checks.controls import question
from echosounder.judgement.metered import Known, Metered
from echosounder.judgement.stated_cost import costs
from echosounder.wire.answer import Answer
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at
from echosounder.wire.usage import Usage


@picks("a completion with a usage object")
def counted(exchange: Exchange) -> bool:
    return completion(exchange) and answer(exchange).usage is not None


def read(exchange: Exchange) -> tuple[Answer, Usage]:
    found = answer(exchange)
    assert found.usage is not None  # the pick is `counted`
    return found, found.usage


def count_of(exchange: Exchange, name: str) -> str | int:
    """The member that holds a count, as the exchange's format names it."""
    return exchange.reader.grammar.counts[name][-1]


@check("usage.present", lambda exchange: document(exchange) and completion(exchange))
def present(exchange: Exchange, case: Case) -> Problems:
    got = answer(exchange).usage_raw
    if not isinstance(got, dict):
        yield Problem(f"usage is {got!r}, expected an object", pointer="/usage", cause="no usage")


def metered(exchange: Exchange, known: Known = Known()) -> Metered:  # noqa: B008  (frozen)
    """The exchange, which is `counted`, in the form that the rules on usage judge."""
    found, counts = read(exchange)
    body = asked(exchange)
    streamed = not document(exchange)
    reader = exchange.reader
    return Metered(
        exchange,
        counts,
        reader.grammar,
        found.finish,
        reader.bound(body),
        streamed,
        question(exchange),
        found.usage_event,
        known,
    )


@check("usage.total-is-sum", counted)
def total_is_sum(exchange: Exchange, case: Case) -> Problems:
    yield from rules.sums(metered(exchange), "total")
    found, counts = read(exchange)
    for name in ("prompt", "completion", "total"):
        if name in exchange.reader.grammar.counts and getattr(counts, name) is None:
            member = count_of(exchange, name)
            got = at(found.usage_raw, *exchange.reader.grammar.counts[name])
            says = f"usage has no count {member}" if got is None else f"{member} is {literal(got)}, expected an integer"
            yield Problem(says, event=found.usage_event, pointer=f"/usage/{member}")


@check("usage.cost-stated", counted)
def cost_stated(exchange: Exchange, case: Case) -> Problems:
    yield from costs(exchange, read(exchange)[1], str(asked(exchange).get("model", "")), case)


@check("usage.cache-split", counted)
def cache_split(exchange: Exchange, case: Case) -> Problems:
    yield from rules.cache_split(metered(exchange))


@check("usage.cached-tokens-agree", counted)
def cached_agree(exchange: Exchange, case: Case) -> Problems:
    yield from rules.cached_agree(metered(exchange))


def detailed(exchange: Exchange) -> bool:
    """Selects answers with a usage, in a format that reports cached tokens."""
    return counted(exchange) and "cached" in exchange.reader.grammar.counts


@check("usage.details-required", detailed)
@check("usage.details-object", detailed)
def details_object(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if counts.cached is None:
        got = found.usage_raw.get("prompt_tokens_details", "absent")
        yield Problem(
            f"prompt_tokens_details is {got}, expected an object with cached_tokens",
            event=found.usage_event,
            pointer="/usage",
        )


@check("usage.cached-within-prompt", counted)
def cached_within(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if counts.cached is None or counts.prompt is None:
        raise Inconclusive("the usage does not count cached tokens")
    if counts.cached > counts.prompt:
        yield Problem(
            f"cached_tokens is {counts.cached}, expected at most prompt_tokens {counts.prompt}",
            event=found.usage_event,
            pointer="/usage",
        )


@check("usage.nonnegative", counted)
def nonnegative(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    for place, value in _members(found.usage_raw, "/usage"):
        name = place.rpartition("/")[2]
        if isinstance(value, (int, float)) and value < 0:
            yield Problem(f"{name} is {value}, expected at least 0", event=found.usage_event, pointer=place)
        elif name.endswith("_tokens") and type(value) is not int:
            yield Problem(f"{name} is {literal(value)}, expected an integer", event=found.usage_event, pointer=place)
    if counts.prompt == 0:
        yield Problem(
            "prompt_tokens is 0, expected at least 1", event=found.usage_event, pointer="/usage/prompt_tokens"
        )


def _members(value: object, path: str) -> Iterator[tuple[str, object]]:
    """``(JSON pointer, value)`` of every member, those of objects within it included; null is not value."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _members(member, f"{path}/{name}")
    elif value is not None:
        yield path, value


@check("usage.completion-counted", counted, unasked=unasked.of("chat", "fim"))
def completion_counted(exchange: Exchange, case: Case) -> Problems:
    yield from rules.completion_counted(metered(exchange))


@check("usage.answer-counted", counted)
def answer_counted(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if found.empty or counts.completion is None:
        raise Inconclusive("no answer that counts its tokens has content")
    if counts.completion < 1:
        yield Problem(
            f"completion_tokens is {counts.completion}, expected at least 1: the answer is not empty",
            event=found.usage_event,
            pointer="/usage/completion_tokens",
        )


@check("usage.within-max-tokens", counted)
def within_max_tokens(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    bound = exchange.reader.bound(asked(exchange))
    if bound is None or counts.completion is None:
        raise Inconclusive("no answer with a bound counts its tokens")
    if counts.completion == 0 and not found.empty:
        raise Inconclusive("completion_tokens is 0 although the answer is not empty, which another requirement reports")
    if counts.completion > bound:
        yield Problem(
            f"completion_tokens is {counts.completion}, expected at most max_tokens {bound}",
            event=found.usage_event,
            pointer="/usage/completion_tokens",
        )


@check("usage.reasoning-within-completion", counted, unasked=unasked.thinking())
def reasoning_within(exchange: Exchange, case: Case) -> Problems:
    if None in (read(exchange)[1].reasoning, read(exchange)[1].completion):
        raise Inconclusive("the usage does not count reasoning and completion")
    yield from rules.sums(metered(exchange), "reasoning")


@check(
    "usage.reasoning-reported",
    lambda exchange: counted(exchange) and bool(answer(exchange).reasoning),
    unasked=unasked.thinking(),
)
def reasoning_reported(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if not counts.reasoning:
        yield Problem(
            f"reasoning_tokens is {counts.reasoning}, expected at least 1: the answer has reasoning",
            event=found.usage_event,
            pointer="/usage",
        )


@check("usage.reasoning-absent", lambda exchange: counted(exchange) and not answer(exchange).reasoning)
def reasoning_absent(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if counts.reasoning:
        yield Problem(
            f"reasoning_tokens is {counts.reasoning}, expected 0 or absent: the answer has no reasoning",
            event=found.usage_event,
            pointer="/usage",
        )


@check_group("usage.modes-agree", counted)
def modes_agree(exchanges: Sequence[Exchange], case: Case) -> Problems:
    yield from rules.modes_agree([metered(exchange) for exchange in exchanges])


@check_group("usage.repeatable", counted)
def repeatable(exchanges: Sequence[Exchange], case: Case) -> Problems:
    yield from rules.repeatable([metered(exchange) for exchange in exchanges])


BYTES = 400
"""Prompts have to differ by so many bytes, or what stands around them, which nobody sees, counts too."""


def prompt_bytes(exchange: Exchange) -> int:
    """Size of the texts of all messages; the rest is equal in requests with the same number of messages."""
    return sum(len(str(turn.get("content", "")).encode()) for turn in asked(exchange).get("messages", ()))


@check_group(
    "usage.prompt-within-bytes", lambda exchange: counted(exchange) and exchange.format == "chat" and ok(exchange)
)
def within_bytes(exchanges: Sequence[Exchange], case: Case) -> Problems:
    """Between the shortest and the longest prompt: in every tokenizer a token has at least one byte."""
    sizes = [(prompt_bytes(each), count, each) for each in exchanges if (count := read(each)[1].prompt) is not None]
    sizes.sort(key=lambda each: each[0])
    if not sizes or sizes[-1][0] - sizes[0][0] < BYTES:
        raise Inconclusive("no two prompts of different lengths are counted")
    (least, few, _), (most, many, longest) = sizes[0], sizes[-1]
    if many - few > most - least:
        yield Problem(
            f"prompt_tokens grows by {many - few} for {most - least} more bytes of prompt, expected at most one token per byte",
            event=read(longest)[0].usage_event,
            pointer="/usage/prompt_tokens",
            exchange=longest,
        )


@check("usage.plausible", lambda exchange: counted(exchange) and ok(exchange))
def plausible(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    text = "".join(str(turn.get("content", "")) for turn in asked(exchange).get("messages", ()))
    estimate = sum(0.6 if ord(character) > 0x2E80 else 0.3 for character in text) + 8
    if counts.prompt is None:
        raise Inconclusive("the usage does not count the prompt")
    if not estimate / 3 <= counts.prompt <= estimate * 3:
        yield Problem(
            f"prompt_tokens is {counts.prompt}, expected about {estimate:.0f} for {len(text)} characters",
            event=found.usage_event,
            pointer="/usage/prompt_tokens",
        )
