"""Responses and Messages: the questions that both share, in the format of each.

A :class:`Words` knows how a format says what chat says. What only one of them has is in :mod:`~conformance.probes.responses` and
:mod:`~conformance.probes.messages`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from echosounder.conformance.ask import GREEDY, OUTPUT, Ask, Send
from echosounder.conformance.probe import Steps, probe
from echosounder.conformance.probes.cache import LONG
from echosounder.conformance.probes.chat import COUNT, ECHO, STORY, STREAM
from echosounder.conformance.probes.errors import faulty, needs_key
from echosounder.judgement.check import Subject
from echosounder.judgement.setting import Suite
from echosounder.wire.formats import Format, Question, Turn
from echosounder.wire.strict_json import at

Body = dict[str, Any]
HELLO = "Say hello."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PARIS = "What is the weather in Paris? Use the tool."
TWO = "Call get_weather for Paris and for Tokyo, both at once."
OUTCOME = "21 degrees, sunny"


class Words(ABC):
    """Format-specific wording of the probes that both formats share."""

    built: str
    """What the next request is built of, for the note that says so."""
    where: str
    """The member that holds the conversation."""
    member: str
    """The member of a response that holds what it says."""
    call: str
    """The type of a call, there and in a conversation."""
    thought: str
    """The type of a thought."""
    think: ClassVar[Body]
    """Members that switch thinking on."""
    must: ClassVar[Body]
    """Members that force a call."""

    def __init__(self, form: Format) -> None:
        self.form, self.bound = form, form.grammar.bound
        self.weather = self.tool("get_weather", "The weather in a city.")
        self.time = self.tool("get_time", "The time in a city.")

    @abstractmethod
    def tool(self, name: str, description: str) -> Body:
        """A tool with the required argument city."""

    @abstractmethod
    def said(self, role: str, content: Any) -> Body:
        """A turn with text."""

    @abstractmethod
    def named(self, name: str) -> Body:
        """The choice of a tool."""

    @abstractmethod
    def history(self, question: str, cities: Mapping[str, str], answered: Sequence[str]) -> list[Body]:
        """A question, the calls that it led to (id to city), and the results of some of them."""

    @abstractmethod
    def again(self, question: str, answer: Sequence[Body], then: Any) -> list[Body]:
        """A question, its answer, and the next turn: results, or text."""

    @abstractmethod
    def results(self, answer: Sequence[Body]) -> list[Body]:
        """A result for each call of an answer."""

    def ask(
        self, ask: Ask, turns: str | Sequence[Mapping[str, Any]] = HELLO, /, *, step: str = "", **fields: Any
    ) -> Send:
        """A request without thinking and with at most sixteen tokens, unless *fields* override it. A field of value ``...`` is left out."""
        question = (Turn("user", turns),) if isinstance(turns, str) else ()
        off = False if ask.limits.thinking == "switch" else None
        made = self.form.ask(ask.model, Question(question, OUTPUT, thinking=off))
        if not isinstance(turns, str):
            made[self.where] = list(turns)
        body = {name: value for name, value in (made | fields).items() if value is not ...}
        return ask.within(self.form, body, step=step)

    def wrong(self, ask: Ask, fault: str, step: str, turns: Any = HELLO, /, **fields: Any) -> Send:
        return faulty(self.ask(ask, turns, step=step, **{self.bound: 1, **fields}), fault)

    def answered(self, exchange: Any) -> list[Body]:
        """The items or blocks of a response, to be sent back."""
        found = at(exchange.json, self.member) if exchange is not None else None
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    def most(self, tokens: int) -> Body:
        return {self.bound: tokens}

    def forced(self, ask: Ask) -> Body:
        return self.must if self.forces(ask) else {}

    def thinking(self, ask: Ask) -> Body:
        return self.think if ask.limits.thinking == "switch" else {}

    # ------------------------------------------------------------------------------------------ to whom it applies

    def served(self, subject: Subject) -> bool:
        return self.form.name in subject.behaviour.formats

    def thinks(self, subject: Subject) -> bool:
        return self.served(subject) and subject.limits.thinking in {"switch", "always"}

    def calls(self, subject: Subject) -> bool:
        return self.served(subject) and subject.limits.tools

    def forces(self, subject: Subject) -> bool:
        free = subject.limits.thinking != "always" or subject.limits.forced_tools_in_thinking
        return self.calls(subject) and free

    def keyed(self, subject: Subject) -> bool:
        return self.served(subject) and needs_key(subject)

    def switches(self, subject: Subject) -> bool:
        return self.served(subject) and subject.limits.thinking == "switch"

    def thinks_and_calls(self, subject: Subject) -> bool:
        return self.thinks(subject) and subject.limits.tools

    def probe(
        self, name: str, suite: Suite = Suite.STANDARD, *, about: Sequence[str] = (), **more: Any
    ) -> Callable[[Callable[[Ask], Steps]], Callable[[Ask], Steps]]:
        """Registers a probe of the format, which applies if the profile serves it; *about* are further features."""
        more = {"applies": self.served, **more}
        return probe(f"{self.form.name}.{name}", suite, features={self.form.name, *about}, **more)


def shared(words: Words) -> None:
    """Registers the probes that both formats have."""
    _plain(words)
    _long(words)
    _tools(words)
    _thinking(words)


def _plain(words: Words) -> None:
    say, most = words.ask, words.most

    @words.probe("stream", Suite.SMOKE, tokens=64)
    def stream(ask: Ask) -> Steps:
        """An answer as a stream."""
        yield say(ask, COUNT, **most(64), **STREAM, **GREEDY)

    @words.probe("pair", requests=2, tokens=128)
    def pair(ask: Ask) -> Steps:
        """A deterministic non-streaming request, twice."""
        yield say(ask, COUNT, **most(64), **GREEDY, step="first")
        yield say(ask, COUNT, **most(64), **GREEDY, step="second")

    @words.probe("unicode.stream", tokens=128)
    def unicode(ask: Ask) -> Steps:
        """Characters of two to four bytes in a stream."""
        yield say(ask, ECHO, **most(128), **STREAM, **GREEDY)

    @words.probe("returned", requests=2, tokens=2 * OUTPUT, prompt=4000)
    def returned(ask: Ask) -> Steps:
        """A conversation that hands the first answer back, as it came."""
        first = yield say(ask, HELLO, step="first")
        if answer := words.answered(first):
            turns = words.again(HELLO, answer, "Again.")
            yield say(ask, turns, step="second").but(notes={"built": words.built})


def _long(words: Words) -> None:
    say, most, title = words.ask, words.most, words.form.grammar.title

    @words.probe("length", tokens=4)
    def length(ask: Ask) -> Steps:
        """A long story in four tokens."""
        yield say(ask, STORY, **most(4))

    @words.probe("length.stream", tokens=4)
    def length_stream(ask: Ask) -> Steps:
        """The same as a stream."""
        yield say(ask, STORY, **most(4), **STREAM)

    @words.probe("cache", requests=2, prompt=20_000, tokens=2 * OUTPUT, about=["cache"], order=70)
    def cache(ask: Ask) -> Steps:
        """A long prompt, twice."""
        prompt = f"Log {ask.salt}-{title.lower()}. {LONG[:8000]} Say hello."
        yield say(ask, prompt, step="first")
        yield say(ask, prompt, step="second").but(after_a_while=True)


def _tools(words: Words) -> None:
    say, most, weather = words.ask, words.most, [words.weather]

    @words.probe("tools", Suite.SMOKE, requests=2, prompt=2000, tokens=512, applies=words.calls)
    def tools(ask: Ask) -> Steps:
        """A tool that must be called, twice."""
        for step in ("first", "second"):
            yield say(ask, PARIS, tools=weather, **words.forced(ask), **most(256), **GREEDY, step=step)

    @words.probe("tools.stream", prompt=2000, tokens=256, applies=words.calls)
    def tools_stream(ask: Ask) -> Steps:
        """A tool that must be called, as a stream."""
        yield say(ask, PARIS, tools=weather, **words.forced(ask), **most(256), **STREAM, **GREEDY)

    @words.probe("parallel.stream", prompt=2000, tokens=256, applies=words.calls)
    def parallel(ask: Ask) -> Steps:
        """Two calls at once, as a stream."""
        both = [*weather, words.time]
        yield say(ask, TWO, tools=both, **words.forced(ask), **most(256), **STREAM, **GREEDY)

    @words.probe("round-trip", requests=2, prompt=6000, tokens=512, applies=words.calls)
    def round_trip(ask: Ask) -> Steps:
        """A call, and its result with the answer before it."""
        call = yield say(ask, PARIS, tools=weather, **words.forced(ask), **most(256), **GREEDY, step="call")
        answer = words.answered(call)
        if results := words.results(answer):
            turns = words.again(PARIS, answer, results)
            yield say(ask, turns, tools=weather, **most(256), step="result").but(notes={"built": words.built})


def _thinking(words: Words) -> None:
    say, most = words.ask, words.most

    @words.probe("thinking", tokens=512, applies=words.thinks)
    def thinking(ask: Ask) -> Steps:
        """A question with thinking enabled."""
        yield say(ask, "What is 17 times 23?", **words.thinking(ask), **most(512))

    @words.probe("thinking.stream", tokens=512, applies=words.thinks)
    def thinking_stream(ask: Ask) -> Steps:
        """The same as a stream."""
        yield say(ask, "What is 17 times 23?", **words.thinking(ask), **most(512), **STREAM)

    @words.probe("thinking-tools", requests=3, prompt=9000, tokens=1536, applies=words.thinks_and_calls)
    def thinking_tools(ask: Ask) -> Steps:
        """A call after a thought; then its result with the thought, and without it."""
        more: Body = {"tools": [words.weather], **words.thinking(ask), **most(512)}
        call = yield say(ask, PARIS, **more, step="call")
        answer = words.answered(call)
        results, rest = words.results(answer), [each for each in answer if each.get("type") != words.thought]
        if results and len(rest) < len(answer):
            notes = {"built": words.built}
            yield say(ask, words.again(PARIS, answer, results), **more, step="kept").but(notes=notes)
            lost = {**notes, "open": "the thought is missing"}
            yield say(ask, words.again(PARIS, rest, results), **more, step="lost").but(notes=lost)
