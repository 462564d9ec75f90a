"""A small corpus of generated bodies: legal, seeded, the same in every run of the same seed.

The generators are imported by those who use them: hypothesis takes a fifth of a second, and most runs send none of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from echosounder.conformance.ask import CHAT, FIM, Ask
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.cache import LONG
from echosounder.conformance.probes.fim import has_fim
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.formats import MESSAGES, RESPONSES, Format

if TYPE_CHECKING:
    from echosounder.conformance.generate.conversations import Move, Talk

COUNT = 16


@probe("generated.chat", Suite.THOROUGH, requests=COUNT, prompt=40_000, tokens=4 * COUNT)
def chats(ask: Ask) -> Steps:
    """Legal conversations of all shapes."""
    from echosounder.conformance.generate.requests import chat, corpus

    for number, body in enumerate(corpus(chat(ask), COUNT, ask.seed)):
        yield ask.post(CHAT, body, step=str(number))


@probe("generated.fim", Suite.THOROUGH, requests=8, prompt=8_000, tokens=32, features={"fim"}, applies=has_fim)
def fims(ask: Ask) -> Steps:
    """Legal FIM requests of all shapes."""
    from echosounder.conformance.generate.requests import corpus, fim

    for number, body in enumerate(corpus(fim(ask), 8, ask.seed)):
        yield ask.post(FIM, body, step=str(number))


WALKS, STEPS = 3, 8


def asks_in(form: Format) -> None:
    """Registers the probes of generated requests and conversations in a format equivalent to chat."""

    def served(subject: Subject) -> bool:
        return form.name in subject.behaviour.formats

    def requests(ask: Ask) -> Steps:
        from echosounder.conformance.generate.requests import corpus, translated

        for number, body in enumerate(corpus(translated(form, ask), COUNT, ask.seed)):
            yield ask.within(form, body, step=str(number))

    def talks(ask: Ask) -> Steps:
        from echosounder.conformance.generate.conversations import sends_in

        for number, talk, walk in walked(ask, form.name):
            for step, send in enumerate(sends_in(form, talk, walk)):
                yield send.but(step=f"{number}.{step}")

    requests.__doc__ = f"Legal requests of all shapes in the format {form.grammar.title}."
    talks.__doc__ = f"Conversations that grow, part and change their user, in the format {form.grammar.title}."
    rows: dict[str, Any] = {"suite": Suite.THOROUGH, "features": {form.name}, "applies": served}
    probe(f"generated.{form.name}", requests=COUNT, prompt=40_000, tokens=4 * COUNT, **rows)(requests)
    many = WALKS * STEPS
    probe(f"generated.{form.name}-conversation", requests=many, prompt=100_000, tokens=4 * many, **rows)(talks)


for form in (RESPONSES, MESSAGES):
    asks_in(form)


@probe("generated.conversation", Suite.THOROUGH, requests=WALKS * STEPS, prompt=100_000, tokens=4 * WALKS * STEPS)
def conversations(ask: Ask) -> Steps:
    """Conversations that grow, part and change their user: questions, calls and results, begun answers."""
    from echosounder.conformance.generate.conversations import sends

    for number, talk, walk in walked(ask, "walk"):
        for step, send in enumerate(sends(talk, walk)):
            yield send.but(step=f"{number}.{step}")


def walked(ask: Ask, name: str) -> Iterator[tuple[int, Talk, list[Move]]]:
    """Started conversations, each with its number and its moves. *name* makes them new to a cache."""
    from echosounder.conformance.generate.conversations import Talk, walks
    from echosounder.conformance.generate.requests import corpus

    drawn = corpus(walks(STEPS, STEPS), WALKS + 1, ask.seed)[1:]  # the first is the simplest there is
    for number, walk in enumerate(drawn):
        thinks = always_thoughtful(ask) or (number == 1 and ask.limits.thinking == "switch")
        yield number, Talk(ask, f"Log {ask.salt}-{name}-{number}. {LONG[:2400]}", thinks), walk


def always_thoughtful(ask: Subject) -> bool:
    """A model that always thinks and requires the reasoning behind its calls."""
    return ask.limits.thinking == "always" and ask.limits.reasoning_kept
