"""A small corpus of generated bodies: legal, seeded, the same in every run of the same seed."""

from __future__ import annotations

from echosounder.conformance.ask import CHAT, FIM, Ask
from echosounder.conformance.generate.conversations import Talk, sends, walks
from echosounder.conformance.generate.requests import chat, corpus, fim
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.cache import LONG
from echosounder.conformance.probes.fim import has_fim
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite

COUNT = 16


@probe("generated.chat", Suite.THOROUGH, requests=COUNT, prompt=40_000, tokens=4 * COUNT)
def chats(ask: Ask) -> Steps:
    """Legal conversations of all shapes."""
    for number, body in enumerate(corpus(chat(ask), COUNT, ask.seed)):
        yield ask.post(CHAT, body, step=str(number))


@probe("generated.fim", Suite.THOROUGH, requests=8, prompt=8_000, tokens=32, features={"fim"}, applies=has_fim)
def fims(ask: Ask) -> Steps:
    """Legal FIM requests of all shapes."""
    for number, body in enumerate(corpus(fim(ask), 8, ask.seed)):
        yield ask.post(FIM, body, step=str(number))


WALKS, STEPS = 3, 8


@probe("generated.conversation", Suite.THOROUGH, requests=WALKS * STEPS, prompt=100_000, tokens=4 * WALKS * STEPS)
def conversations(ask: Ask) -> Steps:
    """Conversations that grow, part and change their user: questions, calls and results, begun answers."""
    for number, walk in enumerate(
        corpus(walks(STEPS, STEPS), WALKS + 1, ask.seed)[1:]
    ):  # the first is the simplest there is
        opening = f"Log {ask.salt}-walk-{number}. {LONG[:2400]}"
        thinks = always_thoughtful(ask) or (number == 1 and ask.limits.thinking == "switch")
        for step, send in enumerate(sends(Talk(ask, opening, thinks), walk)):
            yield send.but(step=f"{number}.{step}")


def always_thoughtful(ask: Subject) -> bool:
    """A model that always thinks and wants the thought that led to its calls back."""
    return ask.limits.thinking == "always" and ask.limits.reasoning_kept
