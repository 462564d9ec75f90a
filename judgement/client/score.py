"""From the log of a client's run to its verdicts: pure, like :mod:`judgement.score`, whose rules it follows.

no scene of its families was run                                 inconclusive: budget, interruption; else not-applicable
the client makes no such use of the API, or declines it          not-applicable
the deviations had no effect on what the client asks for         not-applicable
the case did not arise: nothing was tried again, no call came    not-applicable
the judge of the requirement                                     :mod:`judgement.rule`
"""

from __future__ import annotations

from collections.abc import Sequence

import echosounder.judgement.client.checks  # noqa: F401  (importing registers)
from echosounder import specs
from echosounder.judgement.assigned import matching
from echosounder.judgement.client.check import CHECKS
from echosounder.judgement.client.scene import Scene, scenes
from echosounder.judgement.rule import decide
from echosounder.judgement.setting import RunSetting
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import Result, Verdict


def rows(profile: str, only: Sequence[str] = ()) -> tuple[specs.Requirement, ...]:
    """The requirements for clients, of *profile* and with an id that matches a pattern of *only*."""
    mine = [row for row in specs.requirements(profile) if row.id in CHECKS]
    wanted = set(matching(only, [row.id for row in mine])) if only else {row.id for row in mine}
    return tuple(row for row in mine if row.id in wanted)


def score(run: Run) -> tuple[Result, ...]:
    """A result for each requirement of the run, in the order of the catalogue."""
    setting, seen = RunSetting.of(run), scenes(run.clients, run.exchanges)
    return tuple(_result(row, seen, setting) for row in rows(setting.subject.profile, setting.only))


def _result(row: specs.Requirement, seen: Sequence[Scene], setting: RunSetting) -> Result:
    mine = [scene for scene in seen if scene.command.family in row.probes]
    if not mine:
        why = next((setting.unsent[name] for name in row.probes if name in setting.unsent), "")
        verdict = Verdict.INCONCLUSIVE if why else Verdict.NOT_APPLICABLE
        return Result(
            row.id, verdict, note=f"not run: {why}" if why else "the client does not use this part of the API"
        )
    check, judgeable = CHECKS[row.id], [scene for scene in mine if scene.judgeable]
    judged = [scene for scene in judgeable if check.where(scene)]
    ids = tuple(scene.id for scene in judged)
    if not judged:
        note = "the case did not arise" if judgeable else _unjudged(mine)
        return Result(row.id, Verdict.NOT_APPLICABLE, note=note, exchanges=tuple(scene.id for scene in judgeable))
    return decide(row, lambda: check.judge(judged, setting.case), check.name, ids)


def _unjudged(mine: Sequence[Scene]) -> str:
    used = [scene for scene in mine if scene.made]
    if used:
        told = sorted({scene.command.deviations for scene in used})
        return f"had no effect on the requests of this client: {', '.join(told)}"
    return f"the client does not make the use {', '.join(sorted({scene.command.use for scene in mine}))}"
