"""Detects answers that reach the wrong caller: each request asks for a letter that no other request contains.

No model writes the letter of another caller, whatever it makes of the request; a server that does has mixed answers up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from echosounder.judgement.agreed import OWN
from echosounder.judgement.answers import answer
from echosounder.judgement.check import Inconclusive, Problem, Problems
from echosounder.wire.exchange import Exchange
from echosounder.wire.strict_json import at


def letters(text: str) -> Counter[str]:
    return Counter(letter for letter in text if letter in OWN)


def owned(exchange: Exchange) -> str:
    """The letter that the request asks for; empty if it asks for none, or for several."""
    found = letters(exchange.request.body.decode("utf-8", "replace"))
    return next(iter(found)) if len(found) == 1 else ""


def said(exchange: Exchange) -> str:
    """Everything in an answer that a client could take for its own: its text, or its refusal."""
    return answer(exchange).content or exchange.text


def mixed_up(exchanges: Sequence[Exchange], how: str) -> Problems:
    """Judges whether answers were mixed up; *how* describes the way of sending. Raises ``Inconclusive`` if no answer could have shown
    it.
    """
    callers = {owned(each): each for each in exchanges if owned(each)}
    found = [
        *of_another(exchanges),
        *(each for mine in callers for each in _foreign(mine, callers[mine], callers, how)),
    ]
    yield from found
    if not found and not any(mine in said(exchange) for mine, exchange in callers.items()):
        raise Inconclusive("no answer repeats its own text, so answers cannot be told apart")


def _foreign(mine: str, exchange: Exchange, callers: dict[str, Exchange], how: str) -> Problems:
    others = {
        letter: count for letter, count in letters(said(exchange)).items() if letter != mine and letter in callers
    }
    for letter, count in others.items():
        other = callers[letter]
        whole = mine not in said(exchange)
        what = "is the answer to" if whole else f"holds {count} pieces of the answer to"
        yield Problem(
            f"{how}: the answer to exchange {exchange.id} {what} exchange {other.id}, which alone asked for {letter!r}",
            exchange=exchange,
            excerpt=said(exchange),
            cause="answers are mixed up",
        )


def of_another(exchanges: Sequence[Exchange]) -> Problems:
    """Legal requests that received exactly the error of an invalid request, while others of them were served."""
    errors = {str(error): each for each in exchanges if _at_fault(each) and (error := _error(each))}
    legal = [each for each in exchanges if "fault" not in each.notes]
    served = any(each.status == 200 and not _error(each) for each in legal)
    for exchange in legal:
        if served and (guilty := errors.get(str(_error(exchange)))):
            yield Problem(
                f"the answer to exchange {exchange.id} holds the error of exchange {guilty.id} ({guilty.notes['fault']}), "
                "which was sent at the same time",
                exchange=exchange,
                excerpt=exchange.text,
                cause="answers are mixed up",
            )


def _at_fault(exchange: Exchange) -> bool:
    """Refused for what was wrong with it; lack of room or of money says nothing of the request."""
    return "fault" in exchange.notes and exchange.status in {400, 404, 422}


def _error(exchange: Exchange) -> object:
    """The error of a body, or of an event of a stream."""
    return at(exchange.json, "error", "message") or next(
        (found for _, value in exchange.chunks if (found := at(value, "error", "message"))), None
    )


def overlap(spans: Iterable[tuple[int | None, int | None]]) -> bool:
    """Whether at least two overlapped. Begin and end of each, ns; those that lack either are ignored."""
    known = sorted((begin, end) for begin, end in spans if begin is not None and end is not None)
    return any(later[0] < earlier[1] for earlier, later in pairwise(known))


WORD = re.compile("[a-z]+")


@dataclass(frozen=True, slots=True)
class OwnWords:
    """An answer of many, and the words that only its request asked for first: when it was in progress (ns), and its text."""

    id: str
    own: tuple[str, ...]
    said: tuple[str, ...]
    begin: int
    end: int

    @property
    def kept(self) -> bool:
        """Whether it begins as requested. If no answer does, answers cannot be told apart."""
        return self.said[: len(self.own)] == self.own


def words(text: str) -> tuple[str, ...]:
    return tuple(WORD.findall(text.lower()))


def strangers(answers: Sequence[OwnWords]) -> list[tuple[OwnWords, OwnWords]]:
    """``(answer, owner of its words)``, each answer once, among concurrent answers. Empty if no answer shows its own words.

    Two consecutive words, in their places, match another caller's by chance once in 260,000, and only count if the model's own are
    absent.
    """
    if not any(each.kept for each in answers):
        return []
    known = sorted((each for each in answers if each.own), key=lambda each: each.begin)
    found: dict[str, tuple[OwnWords, OwnWords]] = {}
    for place, one in enumerate(known):
        for other in known[place + 1 :]:
            if other.begin >= one.end:
                break
            found |= {mine.id: (mine, theirs) for mine, theirs in ((one, other), (other, one)) if _holds(mine, theirs)}
    return list(found.values())


def _holds(mine: OwnWords, theirs: OwnWords) -> bool:
    alien = [said == other != own for said, other, own in zip(mine.said, theirs.own, mine.own, strict=False)]
    return any(map(all, pairwise(alien)))
