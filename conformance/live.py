"""Two targets side by side: the same probes to both, and only what differs. Repetition tells difference from noise.

What is compared are *facts*: things about an answer that a client can rely on or trip over, without the text that a model
makes up. A fact differs when no value of it was seen on both sides; one that varies within a side and overlaps is noise.

    probes, round by round, to the one and to the other ──> two run logs ──> differences (pure) ──> report
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from echosounder.conformance import engine, gate, provenance
from echosounder.conformance.ask import Ask
from echosounder.conformance.engine import Options, Progress, Watch
from echosounder.conformance.planner import budget_of, plan
from echosounder.conformance.probe import PROBES, Probe
from echosounder.conformance.runner import Runner
from echosounder.judgement.answers import answer, completion, wants_stream
from echosounder.wire.errors import BudgetSpent, CannotJudge
from echosounder.wire.exchange import Exchange
from echosounder.wire.header import Clock, RunKind
from echosounder.wire.runlog import RunWriter
from echosounder.wire.stream import stream_end
from echosounder.wire.strict_json import at

# Headers that name a moment, a machine or a connection say nothing about an API.
PASSING = frozenset({"date", "server", "via", "connection", "keep-alive", "content-length", "transfer-encoding", "age"})
SCHEMA = "echosounder/differences/1"
SIDES = ("reference", "candidate")
ABSENT = {"absent"}
Steps = dict[tuple[str, str], list[Exchange]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact that no answer of the one side shares with any of the other, in the same way at all places of ``where``.

    Values are text, each once; a place is a probe and its step; ``exchanges`` are the first of each side that shows it, empty
    where that side was not asked.
    """

    fact: str
    reference: tuple[str, ...]
    candidate: tuple[str, ...]
    where: tuple[str, ...]
    exchanges: tuple[str, str]

    @property
    def sentence(self) -> str:
        return f"{self.fact} is {' or '.join(self.candidate)}, the reference has {' or '.join(self.reference)}"


def differences(reference: Iterable[Exchange], candidate: Iterable[Exchange]) -> tuple[Difference, ...]:
    """What differs between two sides that were sent the same probes, each as often as one likes."""
    ours, theirs = _by_step(reference), _by_step(candidate)
    found: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[tuple[str, str]]] = {}
    for key in [*ours, *(key for key in theirs if key not in ours)]:
        for values in _unshared(_facts_of(ours.get(key, ())), _facts_of(theirs.get(key, ()))):
            found.setdefault(values, []).append(key)
    return tuple(_difference(values, places, ours, theirs) for values, places in found.items())


def _unshared(
    left: dict[str, set[str]], right: dict[str, set[str]]
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """What the two sides of one step never have in common. Where an object is missing its members are not told, too."""
    missing: set[str] = set()
    for fact in dict.fromkeys((*left, *right)):
        was, became = left.get(fact, ABSENT), right.get(fact, ABSENT)
        if was & became:
            continue
        if ABSENT in (was, became):
            missing.add(fact)
        if fact.rpartition("/")[0] not in missing:
            yield fact, tuple(sorted(was)), tuple(sorted(became))


def _difference(
    values: tuple[str, tuple[str, ...], tuple[str, ...]], places: list[tuple[str, str]], ours: Steps, theirs: Steps
) -> Difference:
    first = [side[places[0]][0].id if places[0] in side else "" for side in (ours, theirs)]
    return Difference(*values, tuple(" ".join(place).strip() for place in places), (first[0], first[1]))


def facts(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """``(name, value)``: how the answer was carried, how it ended, what members it has and of which types."""
    yield "status", str(exchange.status) if exchange.status is not None else f"none ({exchange.end})"
    if exchange.status is None:
        return
    yield "media type", exchange.media_type or "none"
    for name, _ in exchange.headers:
        if name.lower() not in PASSING:
            yield f"header {name.lower()}", "present"
    yield from _said(exchange)


def _said(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """What stands in the body."""
    if wants_stream(exchange) and exchange.status == 200:
        yield "end of stream", str(stream_end(exchange))
        yield from _members("chunk", (value for _, value in exchange.chunks))
    elif exchange.json is not None:
        yield from _members("body", [exchange.json])
    for name in ("type", "code"):
        if (value := at(exchange.json, "error", name)) is not None:
            yield f"error.{name}", str(value)
    if completion(exchange):
        yield "finish_reason", str(answer(exchange).finish)
        yield "tool calls", str(len(answer(exchange).calls))


def _members(label: str, values: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Every member that occurs, with the types that it has; indexes are left out."""
    types: dict[str, set[str]] = {}
    for value in values:
        for place, kind in _walk(value):
            types.setdefault(place, set()).add(kind)
    for place, kinds in types.items():
        yield f"{label} {place or '/'}", "/".join(sorted(kinds))


def _walk(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    kind = {"dict": "object", "list": "array", "str": "text", "NoneType": "null"}.get(
        type(value).__name__, type(value).__name__
    )
    yield place, kind
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _walk(member, f"{place}/{name}")
    elif isinstance(value, list):
        for member in value:
            yield from _walk(member, f"{place}/*")


def _by_step(exchanges: Iterable[Exchange]) -> Steps:
    steps: Steps = {}
    for exchange in exchanges:
        steps.setdefault((exchange.probe, exchange.step), []).append(exchange)
    return steps


def _facts_of(exchanges: Sequence[Exchange]) -> dict[str, set[str]]:
    """The values of each fact over all answers; a fact that one answer has and another lacks is also ``absent``."""
    each = [dict(facts(exchange)) for exchange in exchanges]
    names = dict.fromkeys(name for found in each for name in found)
    return {name: {found.get(name, "absent") for found in each} for name in names}


class _Side:
    """One of the two: its runner, its log, its budget."""

    def __init__(self, name: str, options: Options, times: int, stack: ExitStack) -> None:
        self.name, self._options = name, options
        self._runner = stack.enter_context(Runner(options.target, options.api_key, options.bounds))
        clock = Clock(time.time(), time.monotonic_ns())
        first = self._runner.send(next(PROBES["models.list"].steps(Ask(options.profile, ""))), "1", "models.list")
        self.model = options.target.model or engine.choose(first, options.profile)
        header = provenance.header(options, self.model, clock, RunKind.COMPARISON)
        self._log = stack.enter_context(RunWriter(options.out / "run.jsonl", header))
        self.exchanges: list[Exchange] = []
        self._silent, self._salt = 0, f"{clock.unix:.0f}"
        self.plan = plan(self.ask(0), options.suite, datetime.now(UTC), options.only, times, options.caps)
        if self.plan.spent is not None:
            raise BudgetSpent(f"the {name}: {self.plan.spent}")
        self._budget = budget_of(self.ask(0), self.plan.at, options.caps)
        self._budget.spent_requests += 1
        self._keep(first)

    def ask(self, round: int) -> Ask:
        """Each round asks anew: an answer out of a cache repeats nothing."""
        return Ask(self._options.profile, self.model, self._options.seed, salt=f"{self._salt} {round}")

    def send(self, probe: Probe, round: int) -> None:
        """Raises ``CannotJudge`` where going on makes no sense, with the name of the side."""
        if probe.name == "models.list" and round == 0:
            return  # sent already
        steps = probe.steps(self.ask(round))
        try:
            wanted = next(steps)
            while True:
                self._budget.debit(wanted)
                exchange = self._runner.send(wanted, str(len(self.exchanges) + 1), probe.name)
                self._keep(exchange)
                self._look(exchange)
                wanted = steps.send(exchange)
        except StopIteration:
            return
        except CannotJudge as reason:
            self._log.footer["stopped"] = str(reason)
            raise type(reason)(f"the {self.name}: {reason}") from None

    def _keep(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)
        self._log.exchange(exchange)

    def _look(self, exchange: Exchange) -> None:
        gates = [each for each in self.exchanges if each.probe in gate.GATES]
        if exchange.probe == gate.GATES[-1] and (reason := gate.verdict(gates)) is not None:
            raise reason
        if "fault" not in exchange.notes:
            self._silent = self._silent + 1 if exchange.status is None else 0
        if self._silent >= engine.GIVE_UP_AFTER:
            raise CannotJudge(f"stopped answering: {self._silent} requests in a row got no answer ({exchange.error})")


@dataclass(frozen=True)
class Comparison:
    """What came of it. ``report`` is the content of ``report.json``; ``exit_code`` is 1 where something differs."""

    differences: tuple[Difference, ...]
    report: dict[str, Any]

    @property
    def exit_code(self) -> int:
        return 1 if self.differences else 0


def compare(reference: Options, candidate: Options, times: int = 3, watch: Watch = engine.quiet) -> Comparison:
    """Sends the probes of the reference's suite *times* times to both, in turn, and says what differs.

    Each side is asked for its own model, has a budget of its own, and writes its own log below its ``out``. Raises
    ``CannotJudge`` for a side that gives nothing to compare, once both logs are finished; KeyboardInterrupt passes likewise.
    """
    with ExitStack() as stack:
        sides = [
            _Side(name, options, times, stack) for name, options in zip(SIDES, (reference, candidate), strict=True)
        ]
        shared = [probe for probe in sides[0].plan.probes if probe in sides[1].plan.probes]
        for done, (round, probe) in enumerate((round, probe) for round in range(times) for probe in shared):
            watch(Progress(done, times * len(shared), probe.name))
            for side in sides:
                side.send(probe, round)
    found = differences(*(side.exchanges for side in sides))
    return Comparison(found, _report(found, (reference, candidate), sides, times))


def _report(
    found: Sequence[Difference], options: Sequence[Options], sides: Sequence[_Side], times: int
) -> dict[str, Any]:
    rows = [
        {
            "fact": each.fact,
            "reference": list(each.reference),
            "candidate": list(each.candidate),
            "where": list(each.where),
            "exchanges": dict(zip(SIDES, each.exchanges, strict=True)),
        }
        for each in found
    ]
    told = {
        side.name: {"url": option.target.shown, "model": side.model, "requests": len(side.exchanges)}
        for side, option in zip(sides, options, strict=True)
    }
    suite, profile = options[0].suite.name.lower(), options[0].profile
    verdict = "different" if found else "equal"
    return {
        "schema": SCHEMA,
        "verdict": verdict,
        **told,
        "profile": profile,
        "suite": suite,
        "times": times,
        "differences": rows,
    }
