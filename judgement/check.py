"""The registry of checks: a requirement's id next to a pure function that yields what is wrong.

    @check("stream.ends-with-done", streams)
    def ends_with_done(stream: Exchange, case: Case) -> Problems:
        \"\"\"...\"\"\"
        if stream.data[-1:] != ("[DONE]",):
            yield Problem(f"the last event is {excerpt(stream.data[-1])}, expected [DONE]")

The second argument picks the exchanges that the check can judge among those of the requirement's probes. Where it picks
none, the score says why (refused, broken, never sent). An exchange in which no breach could show proves nothing: the check
says so by raising :class:`Inconclusive` or :class:`Untestable`, and the requirement holds only where some exchange could
have shown the opposite. A check neither sends nor reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Protocol

from echosounder import specs
from echosounder.wire.exchange import Exchange, Observed
from echosounder.wire.strict_json import compact

EXCERPT = 160


class HasId(Protocol):
    """Anything that a finding can refer to: an exchange, or its stand-in if it was not kept."""

    @property
    def id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault, with expected and got in the sentence; the members are those of `wire.verdict.Finding`."""

    message: str
    event: int | None = None
    offset: int | None = None
    pointer: str | None = None
    excerpt: str = ""
    cause: str = ""
    exchange: HasId | None = None


class CannotSay(Exception):
    """Raised by a check that cannot judge this exchange, or group of exchanges, with the reason."""


class Inconclusive(CannotSay):
    """The model or the network did not provide the conditions of the check."""


class Untestable(CannotSay):
    """A precondition that another MUST demands is missing, so this requirement cannot be judged."""


class Unsupported(CannotSay):
    """The target plainly refused an optional feature."""


Problems = Iterator[Problem]


@dataclass(frozen=True)
class Subject:
    """The subject of a check: one model of one profile, with the profile's data."""

    profile: str
    model: str
    keyed: bool = field(
        default=True, kw_only=True
    )  # asked with an API key: without one, nothing can be said about keys

    @cached_property
    def limits(self) -> specs.Limits:
        return specs.limits(self.profile, self.model)

    @cached_property
    def behaviour(self) -> specs.Behaviour:
        return specs.behaviour(self.profile)


@dataclass(frozen=True, slots=True)
class Controls:
    """Facts from the other exchanges of a run: questions whose non-streaming answers contain U+FFFD (``torn``) or do not (``sound``);
    optional features that the target refused entirely (``absent``), None outside a run; members that it refused in each request
    (``refused``); whether it serves requests without a key (``keyless``).
    """

    torn: frozenset[str] = frozenset()
    sound: frozenset[str] = frozenset()
    absent: frozenset[str] | None = None
    refused: frozenset[str] = frozenset()
    keyless: bool = False

    def excuse(self, question: str) -> bool:
        """Whether the model generates U+FFFD itself, as far as is known for this question, or else for others."""
        return question in self.torn or (bool(self.torn) and question not in self.sound)


@dataclass(frozen=True)
class Case:
    """What a check may use besides its exchanges. ``policy`` is ``interop`` or ``documented``."""

    subject: Subject
    policy: str = "interop"
    served: frozenset[str] = frozenset()  # the ids that GET /models listed
    started: float | None = None  # Unix seconds at the start of the run
    stamp: int | None = None  # the monotonic clock, ns, at the same moment
    controls: Controls = Controls()

    @property
    def profile(self) -> str:
        return self.subject.profile

    def sent_at(self, exchange: Exchange) -> float | None:
        """Unix time at which the request was sent, in seconds of the clock of this machine."""
        if self.started is None or self.stamp is None or exchange.t_sent is None:
            return None
        return self.started + (exchange.t_sent - self.stamp) / 1e9


Pick = Callable[[Exchange], bool]
Judge = Callable[[Exchange, Case], Problems]
GroupJudge = Callable[[Sequence[Exchange], Case], Problems]


@dataclass(frozen=True, slots=True)
class Check:
    """``judge`` yields the problems of all picked exchanges together; each names its exchange. ``single``: it examines one exchange at
    a time, so each of them can be judged alone. ``unasked``: which observed exchanges it can judge, None if its probes determine
    that (:mod:`judgement.unasked`); ``rests``: what must have been observed of an exchange.
    """

    requirement: str
    pick: Pick
    judge: GroupJudge
    name: str = ""
    single: bool = False
    unasked: Pick | None = None
    rests: frozenset[Observed] = frozenset()

    @property
    def needs(self) -> str:
        return self.pick.needs if isinstance(self.pick, Picked) else ""

    @property
    def model(self) -> bool:
        return isinstance(self.pick, Picked) and self.pick.model


CHECKS: dict[str, Check] = {}


@dataclass(frozen=True, slots=True)
class Picked:
    """A selection that states what it needs, in words for the note of a verdict, and whether the ``model`` decides if there is any:
    then an empty selection is not a fault.
    """

    holds: Pick
    needs: str = ""
    model: bool = False

    def __call__(self, exchange: Exchange) -> bool:
        return self.holds(exchange)


def picks(needs: str = "", *, model: bool = False) -> Callable[[Pick], Picked]:
    """Adds words to a selection function: *needs* completes "needed: …"."""
    return lambda holds: Picked(holds, needs, model)


def anything(exchange: Exchange) -> bool:
    return True


def check(
    requirement: str, pick: Pick = anything, *, unasked: Pick | None = None, rests: Collection[Observed] = ()
) -> Callable[[Judge], Judge]:
    """Registers a judge of single exchanges. One judgeable exchange is enough; if there is none, the last reason counts.

    *unasked* and *rests* are those of :class:`Check`.
    """

    def register(judge: Judge) -> Judge:
        each = partial(_each, judge)
        _add(Check(requirement, pick, each, judge.__name__, single=True, unasked=unasked, rests=frozenset(rests)))
        return judge

    return register


def _each(judge: Judge, exchanges: Sequence[Exchange], case: Case) -> Problems:
    judged, reason = False, None
    for exchange in exchanges:
        try:
            for problem in judge(exchange, case):
                judged = True
                yield _in(exchange, problem)
            judged = True
        except CannotSay as cannot:
            reason = cannot
    if reason is not None and not judged:
        raise reason


def check_group(
    requirement: str, pick: Pick = anything, *, rests: Collection[Observed] = ()
) -> Callable[[GroupJudge], GroupJudge]:
    """Registers a judge of all picked exchanges at once: pairs, repetitions, conversations."""

    def register(judge: GroupJudge) -> GroupJudge:
        _add(Check(requirement, pick, judge, judge.__name__, rests=frozenset(rests)))
        return judge

    return register


def _in(exchange: Exchange, problem: Problem) -> Problem:
    return problem if problem.exchange else replace(problem, exchange=exchange)


def excerpt(value: object) -> str:
    """A value as text, bounded, for messages and excerpts; long text keeps its beginning and its end."""
    text = (
        value
        if isinstance(value, str)
        else value.decode("utf-8", "backslashreplace")
        if isinstance(value, bytes)
        else compact(value)
    )
    text = text.encode("utf-8", "backslashreplace").decode()  # lone surrogates stand for bytes that were no UTF-8
    return ends(text, EXCERPT)


def ends(text: str, most: int) -> str:
    """*text*, or the beginning and the last 40 characters of one with more than *most*."""
    return text if len(text) <= most else f"{text[: most - 43]} … {text[-40:]}"


def literal(value: object) -> str:
    """A value as JSON, bounded: a number and the string of its digits differ."""
    return excerpt(compact(value))


def _add(row: Check) -> None:
    if row.requirement in CHECKS:
        raise ValueError(f"requirement {row.requirement} has two checks: {CHECKS[row.requirement].name} and {row.name}")
    CHECKS[row.requirement] = row
