"""The token counts that the bill is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from echosounder.judgement.answers import Answer, answer, asked, completion, document, ok
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check, check_group
from echosounder.wire.exchange import Exchange
from echosounder.wire.usage import PATHS, Usage, disagreements


def counted(exchange: Exchange) -> bool:
    """A completion with a usage object."""
    return completion(exchange) and answer(exchange).usage is not None


def read(exchange: Exchange) -> tuple[Answer, Usage]:
    found = answer(exchange)
    assert found.usage is not None  # the pick is `counted`
    return found, found.usage


@check("usage.present", lambda exchange: document(exchange) and completion(exchange))
def present(exchange: Exchange, case: Case) -> Problems:
    if not isinstance(exchange.json.get("usage"), dict):
        yield Problem(
            f"usage is {exchange.json.get('usage')!r}, expected an object", pointer="/usage", cause="no usage"
        )


def sums(exchange: Exchange, pointer: str) -> Iterator[Problem]:
    found, counts = read(exchange)
    for where, sentence in disagreements(counts):
        if where == pointer and "negative" not in sentence:
            yield Problem(sentence, event=found.usage_event, pointer=f"/usage{where}", cause="usage does not add up")


@check("usage.total-is-sum", counted)
def total_is_sum(exchange: Exchange, case: Case) -> Problems:
    yield from sums(exchange, "/total_tokens")
    found, counts = read(exchange)
    for name in ("prompt", "completion", "total"):
        if getattr(counts, name) is None:
            yield Problem(
                f"usage has no count {PATHS[name][-1]}", event=found.usage_event, pointer=f"/usage/{PATHS[name][-1]}"
            )


@check("usage.cache-split", counted)
def cache_split(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    for name in ("hit", "miss"):
        if getattr(counts, name) is None:
            yield Problem(
                f"usage has no {PATHS[name][-1]}",
                event=found.usage_event,
                pointer="/usage",
                cause="no cache split in usage",
            )
    yield from sums(exchange, "/prompt_tokens")


@check("usage.cached-tokens-agree", counted)
def cached_agree(exchange: Exchange, case: Case) -> Problems:
    counts = read(exchange)[1]
    if counts.cached is None or counts.hit is None:
        raise Inconclusive("the usage does not count the cached tokens twice")
    yield from sums(exchange, "/prompt_tokens_details/cached_tokens")


@check("usage.details-object", counted)
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
            f"cached_tokens {counts.cached} exceeds prompt_tokens {counts.prompt}",
            event=found.usage_event,
            pointer="/usage",
        )


@check("usage.nonnegative", counted)
def nonnegative(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    for name, value in _numbers(found.usage_raw, "/usage"):
        if value < 0:
            yield Problem(f"{name.rpartition('/')[2]} is negative: {value}", event=found.usage_event, pointer=name)
    if counts.prompt == 0:
        yield Problem(
            "prompt_tokens is 0, although something was asked", event=found.usage_event, pointer="/usage/prompt_tokens"
        )


def _numbers(value: object, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _numbers(member, f"{path}/{name}")
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path, value


@check("usage.completion-counted", counted)
def completion_counted(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    bound = asked(exchange).get("max_tokens")
    if found.finish != "length" or counts.completion is None:
        raise Inconclusive("no answer that counts its tokens was cut")
    if counts.completion != bound:
        yield Problem(
            f"max_tokens {bound} cut the answer, but completion_tokens is {counts.completion}",
            event=found.usage_event,
            pointer="/usage/completion_tokens",
        )


@check("usage.answer-counted", counted)
def answer_counted(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if found.empty or counts.completion is None:
        raise Inconclusive("no answer that counts its tokens has any")
    if counts.completion < 1:
        yield Problem(
            f"an answer that is not empty cost {counts.completion} completion_tokens",
            event=found.usage_event,
            pointer="/usage/completion_tokens",
        )


@check("usage.within-max-tokens", counted)
def within_max_tokens(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    bound = asked(exchange).get("max_tokens")
    if not isinstance(bound, int) or counts.completion is None:
        raise Inconclusive("no answer with a bound counts its tokens")
    if counts.completion > bound:
        yield Problem(
            f"completion_tokens {counts.completion} exceeds max_tokens {bound}",
            event=found.usage_event,
            pointer="/usage/completion_tokens",
        )


@check("usage.reasoning-within-completion", counted)
def reasoning_within(exchange: Exchange, case: Case) -> Problems:
    if read(exchange)[1].reasoning is None:
        raise Inconclusive("the usage does not count reasoning")
    yield from sums(exchange, "/completion_tokens_details/reasoning_tokens")


@check("usage.reasoning-reported", lambda exchange: counted(exchange) and bool(answer(exchange).reasoning))
def reasoning_reported(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if not counts.reasoning:
        yield Problem(
            f"the answer thinks, but reasoning_tokens is {counts.reasoning}", event=found.usage_event, pointer="/usage"
        )


@check("usage.reasoning-absent", lambda exchange: counted(exchange) and not answer(exchange).reasoning)
def reasoning_absent(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if counts.reasoning:
        yield Problem(
            f"the answer does not think, but reasoning_tokens is {counts.reasoning}",
            event=found.usage_event,
            pointer="/usage",
        )


@check_group("usage.modes-agree", counted)
def modes_agree(exchanges: Sequence[Exchange], case: Case) -> Problems:
    documents = [each for each in exchanges if document(each)]
    streams = [each for each in exchanges if not document(each)]
    if not documents or not streams:
        raise Inconclusive("one of the two modes reported no usage")
    expected = read(documents[0])[1].prompt
    for each in streams:
        found, counts = read(each)
        if counts.prompt != expected:
            message = f"prompt_tokens is {counts.prompt} as a stream, {expected} as a document"
            yield Problem(message, event=found.usage_event, pointer="/usage/prompt_tokens", exchange=each)


@check_group("usage.repeatable", counted)
def repeatable(exchanges: Sequence[Exchange], case: Case) -> Problems:
    repeats = [(first, second) for first, second in pairwise(exchanges) if first.request.body == second.request.body]
    if not repeats:
        raise Inconclusive("no request was answered twice")
    for first, second in repeats:
        one, two = read(first)[1].prompt, read(second)[1].prompt
        if one != two:
            yield Problem(
                f"the same prompt cost {one} tokens, then {two}", pointer="/usage/prompt_tokens", exchange=second
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
            f"prompt_tokens is {counts.prompt}; {len(text)} characters are about {estimate:.0f}",
            event=found.usage_event,
            pointer="/usage/prompt_tokens",
        )
