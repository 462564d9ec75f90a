"""From the log of a run in the proxy position to its verdicts: pure, like :mod:`judgement.score`, whose rules it follows.

What differs is where nothing can be judged: a request that never arrived is the proxy's doing (``untestable``), an upstream that
did not do as it was told is ours (``inconclusive``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import echosounder.judgement.pairs.checks  # noqa: F401  (importing registers)
from echosounder import specs
from echosounder.judgement import score as server
from echosounder.judgement.assigned import matching
from echosounder.judgement.check import Case, Check, Problems
from echosounder.judgement.pairs.check import CHECKS, PairCheck
from echosounder.judgement.pairs.checks.formats import PROBES, SERVED, absent
from echosounder.judgement.pairs.pair import Pair, pairs
from echosounder.judgement.setting import RunSetting
from echosounder.wire.exchange import Exchange
from echosounder.wire.formats import CHAT
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import Result, Verdict


def rows(profile: str, only: Sequence[str] = ()) -> tuple[specs.Requirement, ...]:
    """The requirements for proxies, of *profile* and with an id that matches a pattern of *only*."""
    mine = [row for row in specs.requirements(profile) if row.id in CHECKS]
    wanted = set(matching(only, [row.id for row in mine])) if only else {row.id for row in mine}
    return tuple(row for row in mine if row.id in wanted)


def score(run: Run) -> tuple[Result, ...]:
    """A result for each requirement that the run could have judged, in the order of the catalogue."""
    setting, joined = RunSetting.of(run), pairs(run.exchanges)
    asked = (row for row in rows(setting.subject.profile, setting.only) if any(in_one_of(setting.formats, row.probes)))
    return tuple(_result(row, joined, setting) for row in asked)


def in_one_of(formats: Sequence[str], probes: Iterable[str]) -> Iterator[str]:
    """The *probes* in one of the *formats*."""
    return (name for name in probes if PROBES.get(name, CHAT.name) in formats)


def _result(row: specs.Requirement, joined: Sequence[Pair], setting: RunSetting) -> Result:
    mine = tuple(pair for pair in joined if pair.client.probe in row.probes)
    gone = absent(mine)
    if mine and len(gone) == len({pair.client.probe for pair in mine}) and row.id not in SERVED:
        return Result(row.id, Verdict.NOT_APPLICABLE, note=next(iter(gone.values())))
    if not mine:
        why = next((setting.unsent[name] for name in row.probes if name in setting.unsent), "the run stopped before")
        return Result(row.id, Verdict.INCONCLUSIVE, note=f"not sent: {why}")
    mine, check = tuple(pair for pair in mine if pair.client.probe not in gone or row.id in SERVED), CHECKS[row.id]
    if not any(map(check.pick, mine)):
        return _unpicked(row, mine)
    return server.judge(row, _on_clients(check, mine), [pair.client for pair in mine], setting.case)


def _on_clients(check: PairCheck, mine: Sequence[Pair]) -> Check:
    """The check as one on exchanges, so that one function gives all verdicts: a pair is known by its client's side."""
    by_id = {pair.client.id: pair for pair in mine}

    def judge(exchanges: Sequence[Exchange], case: Case) -> Problems:
        return check.judge([by_id[exchange.id] for exchange in exchanges], case)

    def wanted(exchange: Exchange) -> bool:
        pair = by_id[exchange.id]
        return check.pick(pair) or (check.beside is not None and check.beside(pair))

    return Check(check.requirement, wanted, judge, check.name)


def _unpicked(row: specs.Requirement, mine: Sequence[Pair]) -> Result:
    ids = tuple(pair.client.id for pair in mine)
    idle = sorted({pair.behaviour for pair in mine if pair.arrived and not pair.took_effect})
    if idle:
        return Result(row.id, Verdict.INCONCLUSIVE, note=f"had no effect upstream: {', '.join(idle)}", exchanges=ids)
    said = dict.fromkeys(f"{pair.step} got status {pair.client.status}" for pair in mine if not pair.arrived)
    if said:
        note = f"nothing to judge, not forwarded: {'; '.join(list(said)[:5])}"
        return Result(row.id, Verdict.UNTESTABLE, note=note, exchanges=ids)
    return Result(row.id, Verdict.NOT_APPLICABLE, note="the case did not arise", exchanges=ids)
