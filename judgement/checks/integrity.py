"""Damage that is not a model's: the same in all answers, or in each stream and in no document of the same questions.

One broken call of fourteen may be the model. A model that breaks one call in twenty, each question for itself, breaks all calls of
`QUESTIONS` questions once in 8000 runs, and once in 20 more often where it answers a question alike each time.
"""

from __future__ import annotations

import ast
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from echosounder.judgement.answers import answer, wants_stream
from echosounder.judgement.check import Case, Inconclusive, Problem, Problems, check_group, excerpt
from echosounder.judgement.checks.controls import question
from echosounder.judgement.checks.pairs import comparable, pairs
from echosounder.judgement.checks.tool_arguments import unfit
from echosounder.judgement.checks.tool_calls import complete_calls, functions
from echosounder.wire.answer import Call
from echosounder.wire.exchange import Exchange

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
    """A call, where it was made, and how its arguments are damaged; empty where they are not."""

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
    """Whether all of them are damaged, and their number suffices."""
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
    """How a text was changed in transit, in words; empty where it is unchanged, or is another text."""
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
            f"in both modes): {excerpt(streamed)} for {excerpt(documented)}",
            exchange=stream,
            excerpt=streamed,
            cause="streaming and non-streaming differ",
        )


def forms(text: str) -> Iterator[tuple[str, str]]:
    """Typical corruptions of a text: a name and the result of each."""
    yield "every character that is not ASCII is lost", "".join(letter for letter in text if letter.isascii())
    yield "every character that is not ASCII became a question mark", text.encode("ascii", "replace").decode()
    yield "characters are written as escapes", text.encode("ascii", "backslashreplace").decode()
    yield "characters are written as XML", text.encode("ascii", "xmlcharrefreplace").decode()
