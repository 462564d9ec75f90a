"""Strength of the checks, measured on a recorded honest run: which mutant fails which check.

A check that nothing can fail is worthless, and one that a mutant makes raise is broken; both are named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from echosounder import specs
from echosounder.conformance.mutations import mutants, together
from echosounder.conformance.probe_choice import probes_of
from echosounder.judgement.assigned import checks
from echosounder.judgement.score import judge, not_held, rows
from echosounder.judgement.setting import RunSetting
from echosounder.wire.exchange import Exchange
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import Result, Verdict

ALL = "all"
"""In place of the exchange: the mutant was made of all exchanges of one request at once, or, where no probe follows, of all."""

TOLD = frozenset({Verdict.FAIL, Verdict.NONSTRICT, Verdict.UNSUPPORTED})
Change = Callable[[], Sequence[Exchange]]


@dataclass(frozen=True, slots=True)
class Kill:
    """A mutant that fails a check: ``where`` is probe and step of the mutated exchange, ``all`` of a probe, or ``all``."""

    requirement: str
    where: str
    mutant: str


@dataclass(frozen=True, slots=True)
class Strength:
    """``kills`` has the first kill of each check; ``holes`` are checks that raised, and on what."""

    kills: tuple[Kill, ...]
    survivors: tuple[str, ...]
    holes: tuple[Kill, ...]
    mutants: int


def measure(run: Run, ids: Collection[str] | None = None) -> Strength:
    """Tries mutants on every check that *run* could judge (or those of *ids*), until one fails it."""
    kills, survivors, holes, count = [], [], [], 0
    setting = RunSetting.of(run)
    for row in judgeable(setting, run):
        if ids is not None and row.id not in ids:
            continue
        mine = exchanges_of(row, run)
        for where, name, change in variations(mine):
            count += 1
            verdict = verdict_on(row, change(), setting).verdict
            if verdict is Verdict.ERROR:
                holes.append(Kill(row.id, where, name))
            elif verdict in TOLD:
                kills.append(Kill(row.id, where, name))
                break
        else:
            survivors.append(row.id)
    return Strength(tuple(kills), tuple(survivors), tuple(holes), count)


def holds(kill: Kill, run: Run, setting: RunSetting) -> bool:
    """Whether the mutant of *kill* still fails its check. The mutant is found by name; no other one is made."""
    row = specs.requirement(kill.requirement)
    for where, name, change in variations(exchanges_of(row, run)):
        if (where, name) == (kill.where, kill.mutant):
            return verdict_on(row, change(), setting).verdict in TOLD
    return False


def judgeable(setting: RunSetting, run: Run) -> Iterator[specs.Requirement]:
    return (
        row for row in rows(setting) if row.id in checks() and not not_held(row, setting) and exchanges_of(row, run)
    )


def exchanges_of(row: specs.Requirement, run: Run) -> list[Exchange]:
    names = {probe.name for probe in probes_of(row)}
    return [exchange for exchange in run.exchanges if exchange.probe in names]


def verdict_on(row: specs.Requirement, exchanges: Sequence[Exchange], setting: RunSetting) -> Result:
    """Judged in isolation: the results of the honest run on the target's features do not apply to mutants."""
    case = replace(setting.case, controls=replace(setting.case.controls, absent=None))
    return judge(row, checks()[row.id], exchanges, case)


def variations(mine: list[Exchange]) -> Iterator[tuple[str, str, Change]]:
    """``(where, mutant, the exchanges with it)``; a probe's exchanges of one request also all at once, and those of all probes."""
    for index, exchange in enumerate(mine):
        for name, make in mutants(exchange):
            yield place(exchange), name, lambda index=index, make=make: [*mine[:index], make(), *mine[index + 1 :]]  # type: ignore[misc]
    for group in repeated(mine):
        for name, makes in together(group):
            yield f"{ALL} {group[0].probe}", name, lambda group=group, makes=makes: substituted(mine, group, makes())  # type: ignore[misc]
    if len({exchange.probe for exchange in mine}) > 1:
        for name, makes in together(mine):
            yield ALL, name, makes


def place(exchange: Exchange) -> str:
    return f"{exchange.probe} {exchange.step}".strip()


def repeated(mine: list[Exchange]) -> Iterator[list[Exchange]]:
    """Exchanges of one request that was sent more than once."""
    groups: dict[bytes, list[Exchange]] = {}
    for exchange in mine:
        groups.setdefault(exchange.request.body, []).append(exchange)
    return (group for group in groups.values() if len(group) > 1)


def substituted(mine: list[Exchange], old: list[Exchange], new: Sequence[Exchange]) -> list[Exchange]:
    by_id = {exchange.id: mutant for exchange, mutant in zip(old, new, strict=True)}
    return [by_id.get(exchange.id, exchange) for exchange in mine]
