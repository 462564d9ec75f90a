"""One scenario of a client's run, played again: are the findings that point at an exchange of it still there?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from echosounder.conformance.client.options import ClientOptions
from echosounder.conformance.client.player import Player, Stage
from echosounder.conformance.client.scenarios import Scenario
from echosounder.conformance.replay import Replay, compare, find
from echosounder.judgement.client.score import score
from echosounder.wire.command import ClientRun
from echosounder.wire.errors import UsageError
from echosounder.wire.exchange import Exchange
from echosounder.wire.redact import MARK
from echosounder.wire.runlog import Run
from echosounder.wire.verdict import Finding


def again(run: Run, id: str, options: ClientOptions, stage: Stage) -> Replay:
    """Runs the command of *run* once more in the scenario of exchange *id*, and judges it together with the other scenes of the run.

    Raises ``UsageError`` if the run has no such exchange, ``CannotJudge`` if no request arrives this time.
    """
    before = find(run, id)
    old = next((each for each in run.clients if (each.family, each.scenario) == (before.probe, before.step)), None)
    if old is None:
        raise UsageError(f"the run has no record of the scenario {before.step!r}: its log was cut")
    played, exchanges = Player(replace(options, limit_s=old.limit_s), stage).play(
        _scenario(old), int(id.partition(".")[0])
    )
    others = tuple(each for each in run.exchanges if (each.probe, each.step) != (before.probe, before.step))
    clients = tuple(played if each is old else each for each in run.clients)
    renewed = replace(run, exchanges=(*others, *exchanges), clients=clients)
    was, now = tuple(_findings(run, before)), tuple(_findings(renewed, before))
    after = exchanges[-1] if exchanges else replace(before, status=None, error="no request arrived", reads=())
    return Replay(compare(was, now), before, after, was, now)


def options_of(run: Run) -> ClientOptions:
    """Options from the header of *run*; nothing is written to its ``out``."""
    header = run.header
    if MARK in header.target.url:
        raise UsageError(
            "the command of this run held a secret, which its log does not keep; run it again, with {api_key} for the key"
        )
    return ClientOptions(
        tuple(shlex.split(header.target.url)), Path(), header.profile, header.target.model, seed=header.seed or 0
    )


def _scenario(old: ClientRun) -> Scenario:
    return Scenario(old.family, old.use, old.deviations)


def _findings(run: Run, about: Exchange) -> Iterator[Finding]:
    mine = {each.id for each in run.exchanges if (each.probe, each.step) == (about.probe, about.step)}
    return (finding for result in score(run) for finding in result.findings if finding.exchange in mine)
