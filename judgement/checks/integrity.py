"""Damage that is not a model's: the same in all answers, or in each stream and in no document of the same questions.

One broken call of fourteen may be the model. A model that breaks one call in twenty, each question for itself, breaks all calls of
`QUESTIONS` questions once in 8000 runs, and once in 20 more often where it answers a question alike each time.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from echosounder.judgement.answers import answer, chat_completion, wants_stream, whole
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check_group, excerpt, picks
from echosounder.judgement.checks.controls import question
from echosounder.judgement.checks.pairs import comparable, pairs
from echosounder.judgement.checks.tool_arguments import unfit
from echosounder.judgement.checks.tool_calls import complete_calls, functions
from echosounder.wire.answer import Call
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at
from echosounder.wire.tokens import plain

CALLS, QUESTIONS = 4, 3
"""The fewest calls, and questions that led to them, that tell a system from chance."""


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def an_object(text: str) -> bool:
    return isinstance(parsed(text), dict)


def python(text: str) -> bool:
    try:
        return isinstance(ast.literal_eval(text), dict)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return False


def twice(text: str) -> bool:
    half = len(text) // 2
    return text[:half] == text[half:] and an_object(text[:half])


def followed(text: str) -> bool:
    try:
        return isinstance(json.JSONDecoder().raw_decode(text)[0], dict)
    except (ValueError, RecursionError):
        return False


KINDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("empty", lambda text: not text.strip()),
    ("encoded as JSON twice", lambda text: isinstance(inner := parsed(text), str) and an_object(inner)),
    ("without the last brace", lambda text: an_object(text + "}")),
    ("sent twice", twice),
    ("opened with an empty object", lambda text: text.startswith("{}") and an_object(text[2:])),
    ("written as Python", python),
    ("followed by more", followed),
    ("without the beginning", lambda text: text.rstrip().endswith("}") and not text.lstrip().startswith("{")),
)


@dataclass(frozen=True, slots=True)
class CallMade:
    """A call, its place, and how its arguments are damaged; empty if they are not."""

    exchange: Exchange
    call: Call
    damage: str


def damage(exchange: Exchange, call: Call) -> str:
    """Damage that a client could repair, and damage that it could not."""
    text = call.arguments
    if not an_object(text):
        return next((kind for kind, holds in KINDS if holds(text)), "no JSON object")
    problem = next(unfit(call, parsed(text), functions(exchange).get(str(call.name))), None)
    return "without a required member" if problem and "required property" in problem.message else ""


def made(exchanges: Sequence[Exchange], streamed: bool) -> list[CallMade]:
    return [
        CallMade(exchange, call, damage(exchange, call))
        for exchange in exchanges
        if wants_stream(exchange) is streamed
        for call in answer(exchange).calls
        if isinstance(call.arguments, str)
    ]


def systematic(calls: Sequence[CallMade]) -> bool:
    """Whether all of them are damaged, and there are enough of them."""
    return (
        len(calls) >= CALLS
        and len({question(each.exchange) for each in calls}) >= QUESTIONS
        and all(each.damage for each in calls)
    )


@check_group("tools.arguments-intact", complete_calls)
def arguments_intact(exchanges: Sequence[Exchange], case: Case) -> Problems:
    streams, documents = made(exchanges, True), made(exchanges, False)
    both = [*streams, *documents]
    kind, count = Counter(each.damage for each in both).most_common(1)[0] if both else ("", 0)
    if systematic(both) and count == len(both):
        yield _told(both, f"the arguments of all {count} calls are {kind}")
        return
    for mine, others, modes in (
        (streams, documents, ("stream", "document")),
        (documents, streams, ("document", "stream")),
    ):
        if systematic(mine) and len(others) >= CALLS and not any(each.damage for each in others):
            yield _told(
                mine,
                f"the arguments of all {len(mine)} calls that came in a {modes[0]} are {mine[0].damage}, of none in a {modes[1]}",
            )
            return
    if len(both) < CALLS:
        raise Inconclusive("too few calls to tell a systematic fault from chance")


def _told(calls: Sequence[CallMade], message: str) -> Problem:
    first = calls[0]
    return Problem(
        message,
        event=first.call.event,
        excerpt=first.call.arguments,
        exchange=first.exchange,
        cause="arguments damaged",
    )


def within(piece: str, whole: str) -> bool:
    """Whether *piece* is *whole* with some characters removed."""
    rest = iter(whole)
    return len(piece) < len(whole) and all(letter in rest for letter in piece)


def difference(streamed: str, documented: str) -> str:
    """How a text was changed in transit, in words; empty if it is unchanged, or is a different text."""
    if streamed == documented or len(streamed) * 3 < len(documented) or len(documented) * 3 < len(streamed):
        return ""
    if within(streamed, documented):
        return "lost pieces of"
    if within(documented, streamed):
        return "repeats pieces of"
    return "has in another order" if sorted(streamed) == sorted(documented) else ""


@check_group("stream.text-kept", comparable)
def text_kept(exchanges: Sequence[Exchange], case: Case) -> Problems:
    """Only if each mode repeats itself exactly, and the text of each question was changed alike."""
    found = [each for each in pairs(exchanges, lambda each: each.content or "") if each[1] and each[2]]
    if len(found) < 2:
        raise Inconclusive("fewer than two questions were answered alike each time in both modes")
    kinds = {difference(streamed, documented) for _, streamed, documented in found}
    if len(kinds) == 1 and (kind := kinds.pop()):
        stream, streamed, documented = found[0]
        yield Problem(
            f"each stream {kind} the text of the non-streaming answer to the same question ({len(found)} questions, each asked twice "
            f"in both modes): {excerpt(streamed)!r} for {excerpt(documented)!r}",
            exchange=stream,
            excerpt=streamed,
            cause="streaming and non-streaming differ",
        )


# --- text and counts


PLAIN, TEXTS = 8, 2
"""The fewest tokens of an answer whose count says something, and questions that led to such answers."""


@picks("a chat answer that counts its tokens")
def counted(exchange: Exchange) -> bool:
    return chat_completion(exchange) and answer(exchange).usage is not None


def bare(exchange: Exchange) -> bool:
    """Only the template surrounds the prompt, and only text was generated."""
    turns = exchange.asked.get("messages") or ()
    alone = [at(turn, "role") for turn in turns] == ["user"] and not exchange.asked.get("tools")
    found = answer(exchange)
    return alone and not exchange.asked.get("stop") and not found.calls and not found.reasoning


def words(exchange: Exchange) -> int:
    """The tokens of the text, 0 if that is uncertain."""
    return plain(answer(exchange).content or "") or 0


def surplus(exchange: Exchange) -> int | None:
    """Tokens counted beyond those of the text; None if they are not counted, or if the text may be incomplete."""
    usage = answer(exchange).usage
    if usage is None or usage.completion is None or not whole(exchange):
        return None
    return usage.completion - (usage.reasoning or 0) - words(exchange)


def template(exchanges: Sequence[Exchange]) -> set[int]:
    """The excess of the counts of plain prompts over their words: a single number if the tokenizer splits plain text as all do."""
    counts = [(plain(str(each.asked["messages"][0].get("content"))), answer(each).usage) for each in exchanges]
    known = {(words, usage.prompt) for words, usage in counts if words and usage and usage.prompt is not None}
    return {prompt - words for words, prompt in known} if len({words for words, _ in known}) >= TEXTS else set()


@check_group("usage.text-counted", counted)
def text_counted(exchanges: Sequence[Exchange], case: Case) -> Problems:
    """For texts that every large tokenizer splits alike, if the counts of plain prompts prove that the target's tokenizer does too.

    A surplus that is the same for short and long texts is added by the server to each; one more token ends the text.
    """
    plainly = [each for each in exchanges if bare(each)]
    known = [
        (each, text, more) for each in plainly if (text := words(each)) >= PLAIN and (more := surplus(each)) is not None
    ]
    if len(template(plainly)) != 1 or len(known) < CALLS or len({question(each) for each, _, _ in known}) < TEXTS:
        raise Inconclusive("too few texts and prompts are of words that every tokenizer knows")
    surpluses = {more for _, _, more in known}
    if surpluses & {0, 1} or len(surpluses) == 1:
        return
    first, text, more = known[0]
    yield Problem(
        f"of all {len(known)} plain texts the usage counts {'more' if more > 0 else 'fewer'} tokens than came: {text} in "
        f"{excerpt(answer(first).content or '')}, and completion_tokens is {text + more}",
        exchange=first,
        excerpt=answer(first).content or "",
        cause="text and completion_tokens differ",
    )
