"""Two targets compared: the same probes to both, round by round, and the differences of their answers.

probes, to the one and to the other ──> two run logs ──> differences (:mod:`judgement.differences`, pure) ──> report
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from echosounder.conformance.http_sender import HttpSender
from echosounder.conformance.options import CheckOptions, Progress, Watch, quiet
from echosounder.conformance.positions import Direct
from echosounder.conformance.probe import Probe
from echosounder.conformance.probe_sender import probe_sender
from echosounder.judgement.differences import SIDES, Difference, differences
from echosounder.wire.errors import CannotJudge
from echosounder.wire.header import RunKind

SCHEMA = "echosounder/differences/1"


class OneSided(CannotJudge):
    """One side cannot be compared: ``side`` names it, ``reason`` states why."""

    def __init__(self, side: str, reason: CannotJudge) -> None:
        self.side, self.reason = side, reason.around(f"the {side}: ")
        super().__init__(str(self.reason))


class _Side:
    """One of the two, by its name."""

    def __init__(self, name: str, options: CheckOptions, times: int, stack: ExitStack) -> None:
        self.name = name
        http = stack.enter_context(HttpSender(options.target, options.api_key, options.bounds))
        self.sender = stack.enter_context(probe_sender(options, RunKind.COMPARISON, Direct(http)))
        self.plan = self.sender.planned(times)
        if self.plan.spent is not None:
            raise self._stopped(self.plan.spent)

    def send(self, probe: Probe, round: int) -> None:
        """Raises :class:`OneSided` if continuing is pointless."""
        try:
            self.sender.send(probe, round)
            self.sender.done(probe.name)
        except CannotJudge as reason:
            raise self._stopped(reason) from None

    def _stopped(self, reason: CannotJudge) -> OneSided:
        return OneSided(self.name, self.sender.stop(reason))


@dataclass(frozen=True)
class LiveComparison:
    """Result of a live comparison. ``report`` is the content of ``report.json``; ``exit_code`` is 1 if anything differs."""

    differences: tuple[Difference, ...]
    report: dict[str, Any]

    @property
    def exit_code(self) -> int:
        return 1 if self.differences else 0


def compare(reference: CheckOptions, candidate: CheckOptions, times: int = 3, watch: Watch = quiet) -> LiveComparison:
    """Sends the probes of the reference's suite *times* times to both, alternately, and reports the differences.

    Each side has its own model and budget, and writes its own log below its ``out``. Raises :class:`OneSided`, once both logs are
    finished, for a side that cannot be compared; KeyboardInterrupt propagates likewise.
    """
    with ExitStack() as stack:
        sides = [
            _Side(name, options, times, stack) for name, options in zip(SIDES, (reference, candidate), strict=True)
        ]
        shared = [probe for probe in sides[0].plan.probes if probe in sides[1].plan.probes]
        for side in sides:
            alone = {probe.name for probe in side.plan.probes} - {probe.name for probe in shared}
            side.sender.due(alone, "the other side is not asked for it")
        for done, (round, probe) in enumerate((round, probe) for round in range(times) for probe in shared):
            watch(Progress(done, times * len(shared), probe.name))
            for side in sides:
                side.send(probe, round)
    found = differences(*(side.sender.exchanges for side in sides))
    return LiveComparison(found, _report(found, (reference, candidate), sides, times))


def _report(
    found: Sequence[Difference], options: Sequence[CheckOptions], sides: Sequence[_Side], times: int
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
        side.name: {"url": option.target.shown, "model": side.sender.model, "requests": len(side.sender.exchanges)}
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
