"""Rules that the Responses and Messages formats share, for an answer as a whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from echosounder.judgement import unasked
from echosounder.judgement.absence import OPTIONAL, foreign, missing
from echosounder.judgement.answers import answer, asked, completion, document, ok, whole
from echosounder.judgement.check import (
    Case,
    GroupJudge,
    Inconclusive,
    Judge,
    Pick,
    Problem,
    Problems,
    Unsupported,
    anything,
    check,
    check_group,
    excerpt,
    picks,
)
from echosounder.judgement.checks.outcomes import either, follow_up, refused, served, steps, tried, unserved
from echosounder.judgement.checks.schemas import valid
from echosounder.judgement.checks.usage import counted, metered, read
from echosounder.wire.exchange import Exchange, Observed
from echosounder.wire.strict_json import at

SCHEMAS = {"responses": "ResponsesResponse", "messages": "MessagesMessage"}


def both(
    name: str,
    pick: Pick = anything,
    *,
    unasked: Callable[[str], Pick] | None = None,
    rests: Collection[Observed] = (),
) -> Callable[[Judge], Judge]:
    """Registers a judge of single exchanges for the requirement of this name of each format; *unasked* makes its occasion of one."""

    def register(judge: Judge) -> Judge:
        for format in OPTIONAL:
            check(f"{format}.{name}", pick, unasked=unasked and unasked(format), rests=rests)(judge)
        return judge

    return register


def both_group(name: str, pick: Pick = anything) -> Callable[[GroupJudge], GroupJudge]:
    def register(judge: GroupJudge) -> GroupJudge:
        for format in OPTIONAL:
            check_group(f"{format}.{name}", pick)(judge)
        return judge

    return register


@both("available", tried, unasked=lambda format: unasked.never)
def available(exchange: Exchange, case: Case) -> Problems:
    if reason := missing(exchange):
        raise Unsupported(reason)
    if exchange.status != 200:
        yield unserved(exchange)
    elif reason := foreign(exchange):
        yield Problem(reason, cause="another format")


@picks("a response that is a JSON object")
def readable(exchange: Exchange) -> bool:
    return document(exchange) and isinstance(exchange.json, dict)


@picks("a complete answer")
def ended(exchange: Exchange) -> bool:
    return whole(exchange) and answer(exchange).finish is not None


@both("response-schema", readable)
def response_schema(exchange: Exchange, case: Case) -> Problems:
    yield from valid(exchange.json, SCHEMAS[exchange.format], case)


@both("content-type", document, rests=[Observed.HEADERS])
def content_type(exchange: Exchange, case: Case) -> Problems:
    if exchange.media_type != "application/json":
        yield Problem(f"content-type is {exchange.header('content-type')!r}, expected application/json")


@both_group("id-unique", readable)
def id_unique(exchanges: Sequence[Exchange], case: Case) -> Problems:
    seen: dict[str, str] = {}
    if sum(isinstance(exchange.json.get("id"), str) for exchange in exchanges) < 2:
        raise Inconclusive("fewer than two responses have an id")
    for exchange in exchanges:
        id = exchange.json.get("id")
        if isinstance(id, str) and seen.setdefault(id, exchange.id) != exchange.id:
            yield Problem(
                f"the id {id!r} repeats that of exchange {seen[id]}, expected a new one",
                pointer="/id",
                exchange=exchange,
            )


@both("not-empty", ended)
def not_empty(exchange: Exchange, case: Case) -> Problems:
    if answer(exchange).empty and exchange.reader.grammar.meaning(answer(exchange).finish) in {"ended", "called"}:
        yield Problem(
            f"the answer has no text, reasoning or call, although its finish reason is {answer(exchange).finish!r}"
        )


@both("finish-known", whole)
def finish_known(exchange: Exchange, case: Case) -> Problems:
    finish = answer(exchange).finish
    if exchange.reader.grammar.meaning(finish) is None:
        known = ", ".join(exchange.reader.grammar.finish)
        yield Problem(f"the finish reason is {excerpt(finish)}, expected one of {known}")


@both("usage-present", whole)
def usage_present(exchange: Exchange, case: Case) -> Problems:
    found = answer(exchange)
    if found.usage is None:
        yield Problem(f"usage is {excerpt(found.usage_raw)}, expected an object", pointer="/usage", cause="no usage")
        return
    for name in ("miss", "prompt", "completion", "total"):
        if name in exchange.reader.grammar.counts and getattr(found.usage, name) is None:
            where = metered(exchange).at(name)
            yield Problem(f"usage has no count {where.rpartition('/')[2]}", event=found.usage_event, pointer=where)


@both("usage-nonnegative", counted)
def usage_nonnegative(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if all(getattr(counts, name) is None for name in exchange.reader.grammar.counts):
        raise Inconclusive("usage has no counts")
    for name in exchange.reader.grammar.counts:
        value = getattr(counts, name)
        if value is not None and value < 0:
            where = metered(exchange).at(name)
            yield Problem(f"{where} is {value}, expected at least 0", event=found.usage_event, pointer=where)


@both("usage-prompt-counted", counted)
def usage_prompt_counted(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if counts.prompt is None:
        raise Inconclusive("the usage does not count the prompt")
    if counts.prompt <= 0:
        yield Problem(
            f"the prompt counts {counts.prompt} tokens, expected at least 1", event=found.usage_event, pointer="/usage"
        )


@both("usage-bound-kept", counted)
def usage_bound_kept(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    bound = exchange.reader.bound(asked(exchange))
    if bound is None or counts.completion is None:
        raise Inconclusive("the request has no bound of the output, or usage does not count the output")
    if counts.completion > bound:
        yield Problem(
            f"the output counts {counts.completion} tokens, expected at most {exchange.reader.grammar.bound} {bound}",
            event=found.usage_event,
            pointer=metered(exchange).at("completion"),
        )


@both("usage-completion-counted", counted)
def usage_completion_counted(exchange: Exchange, case: Case) -> Problems:
    found, counts = read(exchange)
    if found.empty or counts.completion is None:
        raise Inconclusive("the answer is empty, or not counted")
    if not counts.completion:
        yield Problem(
            f"there is output, but {metered(exchange).at('completion')} is {counts.completion}", event=found.usage_event
        )


def prompts(exchanges: Sequence[Exchange]) -> list[tuple[Exchange, int]]:
    """Answers with a counted prompt; at least one must share it with another."""
    found = [(each, read(each)[1].prompt) for each in exchanges]
    known = [(each, count) for each, count in found if count is not None]
    if len(known) < 2:
        raise Inconclusive("only one answer counts its prompt")
    return known


@both_group("usage-same-in-both-modes", counted)
def usage_modes(exchanges: Sequence[Exchange], case: Case) -> Problems:
    known = prompts(exchanges)
    (first, expected) = known[0]
    same = [(each, count) for each, count in known[1:] if metered(each).prompt == metered(first).prompt]
    if not same:
        raise Inconclusive("no prompt was counted twice")
    for exchange, count in same:
        if count != expected:
            how = "as a stream" if exchange.wants_stream else "again"
            yield Problem(f"the same prompt counts {count} tokens {how}, expected {expected}", exchange=exchange)


@both_group("usage-prompt-grows", counted)
def usage_grows(exchanges: Sequence[Exchange], case: Case) -> Problems:
    known = {each.step: (each, count) for each, count in prompts(exchanges)}
    first, second = known.get("first"), known.get("second")
    if first is None or second is None:
        raise Inconclusive("one of the two turns was not answered")
    if second[1] <= first[1]:
        yield Problem(
            f"the conversation counts {second[1]} tokens, expected more than the {first[1]} of its beginning",
            exchange=second[0],
        )


@both("usage-cached-within", counted)
def usage_cached(exchange: Exchange, case: Case) -> Problems:
    counts = read(exchange)[1]
    hit = counts.hit if counts.hit is not None else counts.cached
    if hit is None or counts.prompt is None:
        raise Inconclusive("the usage does not count cached tokens")
    if hit > counts.prompt:
        yield Problem(f"{hit} cached tokens, expected at most the {counts.prompt} of the prompt", pointer="/usage")


@both_group("cache-hit", counted)
def cache_hit(exchanges: Sequence[Exchange], case: Case) -> Problems:
    told = [read(each)[1] for each in exchanges if each.step == "second"]
    again = [each.hit if each.hit is not None else each.cached for each in told]
    if not again or None in again:
        raise Inconclusive("the prompt was not repeated, or what hit was not counted")
    if not any(again):
        yield Problem("no tokens hit the cache, expected some: the long prompt was repeated", exchange=exchanges[-1])


@both("length-finish", ended, unasked=lambda format: unasked.never)
def length_finish(exchange: Exchange, case: Case) -> Problems:
    found, bound = answer(exchange), exchange.reader.bound(asked(exchange))
    if found.usage is None or found.usage.completion is None or bound is None or found.usage.completion < bound:
        raise Inconclusive("no answer reached its bound")
    if exchange.reader.grammar.meaning(found.finish) != "bounded":
        yield Problem(f"the finish reason is {found.finish!r} although the answer took all {bound} tokens")


# ------------------------------------------------------------------------------------------------------------ calls


@both("thinking-shown", whole)
def thinking_shown(exchange: Exchange, case: Case) -> Problems:
    if not answer(exchange).reasoning:
        yield Problem("the answer has no reasoning, expected some: thinking is enabled", cause="no thought")


def switched_off(exchange: Exchange) -> bool:
    """Whether the request disables thinking. Requests of a load, for instance, do not mention it."""
    body = asked(exchange)
    return bool(at(body, "thinking", "type") == "disabled" or at(body, "reasoning", "effort") == "none")


@both("thinking-off", whole)
def thinking_off(exchange: Exchange, case: Case) -> Problems:
    if case.subject.limits.thinking != "switch" or not switched_off(exchange):
        raise Inconclusive("the model has no switch, or the request did not turn it")
    if answer(exchange).reasoning:
        yield Problem("the answer has reasoning, expected none: thinking is disabled")


@both_group("stream-same-text", lambda exchange: ok(exchange) and completion(exchange))
def same_text(exchanges: Sequence[Exchange], case: Case) -> Problems:
    texts = [text for each in exchanges if not each.wants_stream and (text := answer(each).content)]
    documents = set(texts)
    streams = [each for each in exchanges if each.wants_stream and asked(each).get("temperature") == 0]
    if len(texts) < 2 or len(documents) != 1 or not streams:
        raise Inconclusive("two non-streaming answers to the same request differ, or there is no stream")
    for exchange in streams:
        if answer(exchange).content not in documents:
            yield Problem(
                "the text of the stream differs from that of two non-streaming answers to the same request",
                exchange=exchange,
            )


# --------------------------------------------------------------------------------------------------------- outcomes

SERVED = {
    "turns-served": steps("turns", "assistant"),
    "output-returned": follow_up("second"),
    "ignored-members": steps("ignored"),
    "unknown-member": steps("unknown"),
    "temperature-two": steps("temperature"),
    "tool-round-trip": follow_up("result"),
    "tool-history": steps("", "results"),
    "thinking-kept": follow_up("kept"),
}
REFUSED = {
    "tool-orphan-refused": steps("orphan"),
    "tool-unanswered-refused": steps("unanswered"),
    "error-wrong-type": steps("type"),
    "error-role": steps("role"),
    "error-temperature": steps("temperature"),
}

for format in OPTIONAL:
    for name, pick in SERVED.items():
        served(f"{format}.{name}", pick)
    for name, pick in REFUSED.items():
        refused(f"{format}.{name}", pick)
    refused(f"{format}.error-no-key", steps("none"), {401})
    refused(f"{format}.error-bad-key", steps("unknown", "bearer"), {401})
    refused(f"{format}.error-bad-json", steps("json"), {400})
    either(f"{format}.thinking-missing-refused", {400}, follow_up("lost"))
