"""The registry of probes. A probe is a generator that yields requests and receives exchanges: no network is needed to test it.

    @probe("chat.basic", Suite.SMOKE, features={"chat"})
    def basic(ask: Ask) -> Steps:
        yield ask.chat("Say hello.")

A probe costs money; many checks judge what it brought home. It may build its next request on the last answer.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass

from echosounder.conformance.ask import Ask, Send
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.exchange import Exchange
from echosounder.wire.formats import FORMATS

Steps = Generator[Send | Sequence[Send], Exchange, None]
"""Requests one after the other, or several at once; what comes back is the exchange of the last one sent, or of the first of several."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Maximum cost of a probe, over all of its requests: their number, ``prompt`` bytes of body (a token is at least one byte),
    ``tokens`` of completion. ``applies``: whether profile and model support it; ``order`` sorts.
    """

    name: str
    suite: Suite
    steps: Callable[[Ask], Steps]
    requests: int
    prompt: int
    tokens: int
    features: frozenset[str]
    applies: Callable[[Subject], bool]
    order: int

    @property
    def format(self) -> str:
        """Wire format of its requests: the one among its features, else chat."""
        return next((name for name in FORMATS if name in self.features), "chat")

    @property
    def purpose(self) -> str:
        return (self.steps.__doc__ or "").strip()


PROBES: dict[str, Probe] = {}


def always(ask: Subject) -> bool:
    return True


def probe(
    name: str,
    suite: Suite = Suite.STANDARD,
    *,
    requests: int = 1,
    prompt: int = 1000,
    tokens: int = 16,
    features: Iterable[str] = ("chat",),
    applies: Callable[[Subject], bool] = always,
    order: int = 50,
) -> Callable[[Callable[[Ask], Steps]], Callable[[Ask], Steps]]:
    """Registers a generator function. Raises ``ValueError`` for a name that is taken and for a missing docstring."""

    def register(steps: Callable[[Ask], Steps]) -> Callable[[Ask], Steps]:
        if name in PROBES or not steps.__doc__:
            raise ValueError(f"probe {name!r} is registered twice or has no docstring")
        PROBES[name] = Probe(name, suite, steps, requests, prompt, tokens, frozenset(features), applies, order)
        return steps

    return register
