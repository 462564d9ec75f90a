"""A session: a conversation that continues with the received answers, or an agent with tools. Pure: no clock, no
socket.

Answers are sent back unchanged, so that the target's cache hits as in real use. Each tool call is answered after a
pause, and the context grows by call and result. The first calls of a session may go to sub-agents: each begins with
its own context, and its last answer is the result of the call.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from echosounder.wire.answer import Answer, Call
from echosounder.wire.formats import Turn


@dataclass(frozen=True, slots=True)
class Manners:
    """How a session proceeds. ``rounds``: questions of the user; ``tool_rounds``: maximum number of times that calls are answered per
    question.

    ``question(place)`` and ``result(place)`` are the texts of the user and of tools, by a running number; ``think`` and ``tool_time``
    are the ranges in seconds of the pauses before them. ``thoughts``: whether reasoning is sent back with an answer. ``bounded``: the
    finish reason of an answer whose calls may be truncated.
    """

    rounds: int
    question: Callable[[int], str]
    result: Callable[[int], str]
    think: tuple[float, float] = (0.0, 0.0)
    tool_rounds: int = 0
    tool_time: tuple[float, float] = (0.0, 0.0)
    subagents: int = 0
    thoughts: bool = False
    bounded: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Chain:
    """One context. ``number`` 0 is that of the session; the others belong to sub-agents, which answer ``call`` of ``parent``."""

    number: int
    turns: list[Turn]
    rounds: int
    parent: "Chain | None" = None
    call: str = ""
    requests: int = 0
    tool_rounds: int = 0
    results: dict[str, str | None] = field(
        default_factory=dict
    )  # by id of the call; None while its sub-agent is running


@dataclass(frozen=True, slots=True)
class Next:
    """A request to send: in the context ``chain``, ``pause`` seconds after the previous answer."""

    chain: Chain
    pause: float = 0.0


class Dialogue:
    """A session: ``begin`` returns the first request, ``answered`` the requests that follow an answer; it is over when none is left."""

    def __init__(self, manners: Manners, opening: tuple[Turn, ...], seed: str) -> None:
        self._manners, self._opening, self._draw = manners, opening, Random(seed)
        self._left = manners.subagents
        self.questions = self.calls = self.subagents = 0
        self.open = 1  # requests not yet sent or not yet answered

    def begin(self) -> Next:
        return self._ask(Chain(0, list(self._opening), self._manners.rounds), pause=0.0)

    def answered(self, chain: Chain, answer: Answer) -> list[Next]:
        """The requests that follow the answer to the last request of *chain*."""
        cut = isinstance(answer.finish, str) and answer.finish in self._manners.bounded
        calls = () if cut else tuple(call for call in answer.calls if _usable(call))
        if not self._manners.tool_rounds:
            calls = ()
        if answer.content or calls:  # some targets refuse empty turns, and others ignore them
            thoughts = answer.reasoning or "" if self._manners.thoughts else ""
            chain.turns.append(Turn("assistant", answer.content or "", thoughts, calls))
        found = list(self._worked(chain, calls) if calls else self._went_on(chain, answer.content or ""))
        self.open += len(found) - 1
        return found

    def _worked(self, chain: Chain, calls: tuple[Call, ...]) -> Iterator[Next]:
        """Run the called tools; the context continues when the last of them is done."""
        chain.tool_rounds += 1
        chain.results = {}
        delegated = []
        for call in calls:
            self.calls += 1
            mine = chain.parent is None and self._left > 0
            chain.results[str(call.id)] = None if mine else self._manners.result(self.calls)
            if mine:
                self._left -= 1
                delegated.append(str(call.id))
        for id in delegated:
            yield self._sent_out(chain, id)
        if not delegated:
            pause = max(self._draw.uniform(*self._manners.tool_time) for _ in calls)
            yield from self._reported(chain, pause)

    def _sent_out(self, parent: Chain, call: str) -> Next:
        self.subagents += 1
        return self._ask(Chain(self.subagents, list(self._opening), 1, parent, call), pause=0.0)

    def _reported(self, chain: Chain, pause: float) -> Iterator[Next]:
        """Send the results back with the next request, or after the last allowed round with the next question."""
        chain.turns += [Turn("tool", text or "", call=id) for id, text in chain.results.items()]
        if chain.tool_rounds < self._manners.tool_rounds:
            yield Next(chain, pause)
        else:
            yield from self._went_on(chain, "")

    def _went_on(self, chain: Chain, said: str) -> Iterator[Next]:
        """Continue with the next question, or end the context; the end of a sub-agent's context is the result of its call."""
        if chain.rounds:
            yield self._ask(chain, self._draw.uniform(*self._manners.think))
        elif chain.parent is not None:
            parent = chain.parent
            parent.results[chain.call] = said
            if None not in parent.results.values():
                yield from self._reported(parent, 0.0)

    def _ask(self, chain: Chain, pause: float) -> Next:
        self.questions += 1
        chain.rounds -= 1
        chain.tool_rounds = 0
        chain.turns.append(Turn("user", self._manners.question(self.questions)))
        return Next(chain, pause)


def _usable(call: Call) -> bool:
    """Whether a call can be answered: it needs an id and a name."""
    return isinstance(call.id, str) and bool(call.id) and isinstance(call.name, str)
